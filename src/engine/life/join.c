// SPDX-License-Identifier: Apache-2.0
#include "engine/life/join.h"

#include "base/error.h"
#include "base/fd.h"
#include "engine/network/networks.h"
#include "sys/mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "container:"
#define SHM "shm" // in the run folder
#define JOINED_DEPTH 8 // containers that join containers that join …

static const char *joined_id(const char *mode)
{
	return mode && g_str_has_prefix(mode, PREFIX) ? mode + strlen(PREFIX) : NULL;
}

static bool bind_mode(struct berth_engine *engine, char **mode, GError **error)
{
	const char *name = joined_id(*mode);

	if (!name)
		return true;
	g_autoptr(berth_engine_container) other = berth_engine__find(engine, name, error);
	if (!other)
		return false;
	char *bound = g_strconcat(PREFIX, other->id, NULL);
	g_free(*mode);
	*mode = bound;
	return true;
}

bool berth_engine__joins_bind(struct berth_engine *engine, struct berth_container_record *record, GError **error)
{
	return bind_mode(engine, &record->host_config->pid_mode, error) &&
	       bind_mode(engine, &record->host_config->ipc_mode, error);
}

char *berth_engine__path_of(int fd)
{
	return g_strdup_printf("/proc/%d/fd/%d", (int) getpid(), fd);
}

int berth_engine__join_namespace(struct berth_engine *engine, const char *id, const char *file, const char *what,
				 GError **error)
{
	pid_t pid = 0;

	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_container) other = berth_engine__find_locked(engine, id, error);
	const char *status = other ? other->record->state->status : NULL;
	if (other && g_str_equal(status, BERTH_STATUS_RESTARTING))
		berth_error_set(error, BERTH_ERROR_CONFLICT,
				"container %s is restarting, wait until the container is running", id);
	else if (other && !berth_engine__is_up(other))
		berth_error_set(error, BERTH_ERROR_CONFLICT, "cannot join %s of a non running container: %s", what, id);
	else if (other)
		pid = (pid_t) other->record->state->pid;
	pthread_mutex_unlock(&engine->lock);
	g_autoptr(berth_monitor) monitor = pid > 0 ? berth_engine__connect(engine, other, error) : NULL;
	return monitor ? berth_engine__namespace(monitor, pid, file, error) : -1;
}

static bool open_joined(struct berth_engine *engine, const char *mode, const char *file, const char *what, int *ret_fd,
			char **ret_path, GError **error)
{
	const char *id = joined_id(mode);

	if (!id)
		return true;
	*ret_fd = berth_engine__join_namespace(engine, id, file, what, error);
	if (*ret_fd < 0)
		return false;
	*ret_path = berth_engine__path_of(*ret_fd);
	return true;
}

static char *shm_of(const struct berth_engine *engine, const char *id)
{
	return g_build_filename(engine->options.exec_root, id, SHM, NULL);
}

// The folder of who made it: the container that was joined may have joined another one itself.
static bool find_shm(struct berth_engine *engine, const char *mode, char **ret, GError **error)
{
	g_autofree char *last = g_strdup(joined_id(mode)), *own = NULL;
	const char *id = last;

	for (int depth = 0; depth < JOINED_DEPTH && id; depth++) {
		pthread_mutex_lock(&engine->lock);
		const struct berth_engine_container *other = g_hash_table_lookup(engine->by_id, id);
		char *next = g_strdup(other ? other->record->host_config->ipc_mode : "");
		pthread_mutex_unlock(&engine->lock);
		g_free(own);
		own = next;
		if (g_str_equal(own, "shareable")) {
			*ret = shm_of(engine, id);
			return true;
		}
		if (g_str_equal(own, "host")) {
			*ret = g_strdup("/dev/shm");
			return true;
		}
		char *further = g_strdup(joined_id(own));
		g_free(last);
		last = further;
		id = last;
	}
	return berth_error_set(error, BERTH_ERROR_CONFLICT,
			       "can't join IPC of container %s: non-shareable IPC (hint: use IpcMode:shareable for the "
			       "donor container)",
			       joined_id(mode));
}

static bool mount_shm(const struct berth_container_record *record, const char *path, GError **error)
{
	g_autofree char *size = g_strdup_printf("size=%" G_GINT64_FORMAT, record->host_config->shm_size);
	const char *options[] = {"mode=1777", size, NULL};

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make %s", path);
	berth_fd folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return berth_error_set_errno(error, errno, "open %s", path);
	berth_fd mount = berth_mount_new("tmpfs", "shm", (char *const *) options,
					 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, error);
	return mount >= 0 && berth_mount_attach(mount, folder, path, error);
}

bool berth_engine__join(struct berth_engine *engine, const struct berth_container_record *record,
			struct berth_engine_joined *ret, GError **error)
{
	const struct api_host_config *host = record->host_config;

	*ret = (struct berth_engine_joined){.pid_fd = -1, .ipc_fd = -1};
	if (g_strcmp0(host->ipc_mode, "shareable") == 0) {
		ret->shm = shm_of(engine, record->id);
		if (!mount_shm(record, ret->shm, error))
			return false;
	}
	if (!open_joined(engine, host->pid_mode, "pid", "PID", &ret->pid_fd, &ret->pid, error) ||
	    !open_joined(engine, host->ipc_mode, "ipc", "IPC", &ret->ipc_fd, &ret->ipc, error))
		return false;
	return !ret->ipc || find_shm(engine, host->ipc_mode, &ret->shm, error);
}

void berth_engine__joined_clear(struct berth_engine_joined *joined)
{
	berth_fd_clear(&joined->pid_fd);
	berth_fd_clear(&joined->ipc_fd);
	g_free(joined->pid);
	g_free(joined->ipc);
	g_free(joined->shm);
	g_free(joined->secrets);
}

void berth_engine__shm_unmount(const struct berth_engine *engine, const char *id)
{
	g_autofree char *path = shm_of(engine, id);

	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}
