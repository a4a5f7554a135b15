// SPDX-License-Identifier: Apache-2.0
// How secrets get into containers: as files of a tmpfs in the run folder, made at each start and gone with the run.
// "run" is bound as /run/secrets, what has an absolute target lies in "file" by its number.
#include "engine/secret/secrets.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "engine/plan/users.h"
#include "sys/mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "secrets" // in the run folder
#define NEW ".new"

static char *folder_of(const struct berth_engine *engine, const char *id)
{
	return g_build_filename(engine->options.exec_root, id, FOLDER, NULL);
}

void berth_engine__secrets_unmount(const struct berth_engine *engine, const char *id)
{
	g_autofree char *path = folder_of(engine, id);

	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static bool mount_folder(const char *path, guint count, GError **error)
{
	g_autofree char *size = g_strdup_printf("size=%" G_GINT64_FORMAT,
						(int64_t) (2 * count + 1) * (BERTH_LIMIT_SECRET_VALUE + 8192));
	const char *options[] = {"mode=755", size, NULL};

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make %s", path);
	berth_fd folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return berth_error_set_errno(error, errno, "open %s", path);
	berth_fd mount = berth_mount_new("tmpfs", FOLDER, (char *const *) options,
					 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, error);
	return mount >= 0 && berth_mount_attach(mount, folder, path, error);
}

// The ids of the file are the host's of the container's.
static bool write_value(int folder, const char *name, const struct berth_container_record *record,
			const struct berth_container_secret *secret, const guchar *value, gsize length, GError **error)
{
	const struct berth_container_users *users = record->users;
	int64_t uid = users ? berth_users_host_id(users->uids, secret->uid) : secret->uid;
	int64_t gid = users ? berth_users_host_id(users->gids, secret->gid) : secret->gid;

	if (uid < 0 || gid < 0)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"secret at %s: its user or group does not exist in the container's user namespace",
			secret->target);
	berth_fd fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchown(fd, (uid_t) uid, (gid_t) gid) < 0 || fchmod(fd, (mode_t) secret->mode) < 0)
		return berth_error_set_errno(error, errno, "make the secret at %s", secret->target);
	return berth_write_all(fd, value, length, secret->target, error);
}

static bool is_beside(const struct berth_container_secret *secret)
{
	return *secret->target == '/';
}

static char *file_of(const struct berth_container_secret *secret, guint index)
{
	return is_beside(secret) ? g_strdup_printf("file/%u", index) : g_build_filename("run", secret->target, NULL);
}

// A file that is bound by itself is written in place, one in the folder is exchanged.
static bool put(struct berth_engine *engine, const struct berth_container_record *record, guint index, int folder,
		GError **error)
{
	const struct berth_container_secret *secret = record->secrets->pdata[index];
	g_autofree char *name = file_of(secret, index);
	gsize length = 0;
	guchar *value = berth_engine__secret_value(engine, secret->id, &length, error);

	if (!value)
		return false;
	bool written = is_beside(secret) ? write_value(folder, name, record, secret, value, length, error)
					 : write_value(folder, NEW, record, secret, value, length, error);
	berth_engine__secret_free(value, length);
	if (!written || is_beside(secret))
		return written;
	return renameat(folder, NEW, folder, name) == 0 ||
	       berth_error_set_errno(error, errno, "make the secret at %s", secret->target);
}

int berth_engine__secrets_mount(struct berth_engine *engine, const char *id, guint count, char **ret_path,
				GError **error)
{
	g_autofree char *path = folder_of(engine, id);

	if (!mount_folder(path, count, error))
		return -1;
	berth_fd folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 || mkdirat(folder, "file", 0700) < 0) {
		berth_error_set_errno(error, errno, "make folders for secrets");
		return -1;
	}
	*ret_path = g_steal_pointer(&path);
	return berth_fd_steal(&folder);
}

bool berth_engine__secrets_deliver(struct berth_engine *engine, const struct berth_container_record *record,
				   char **ret_folder, GError **error)
{
	if (!record->secrets || record->secrets->len == 0)
		return true;
	g_autofree char *path = NULL;
	berth_fd folder = berth_engine__secrets_mount(engine, record->id, record->secrets->len, &path, error);
	if (folder < 0)
		return false;
	if (mkdirat(folder, "run", 0755) < 0 || fchmodat(folder, "run", 0755, 0) < 0)
		return berth_error_set_errno(error, errno, "make folders for secrets");
	for (guint i = 0; i < record->secrets->len; i++)
		if (!put(engine, record, i, folder, error))
			return false;
	*ret_folder = g_steal_pointer(&path);
	return true;
}

static bool has_value(struct berth_engine *engine, const struct berth_container_secret *secret, guint index, int folder)
{
	g_autofree char *name = file_of(secret, index);
	gsize length = 0, there_length = 0;
	guchar *value = berth_engine__secret_value(engine, secret->id, &length, NULL);
	char *there = berth_read_file_at(folder, name, BERTH_LIMIT_SECRET_VALUE, &there_length, NULL);
	bool same = value && there && length == there_length && memcmp(value, there, length) == 0;

	berth_engine__secret_free(value, length);
	berth_engine__secret_free((guchar *) there, there_length);
	return same;
}

void berth_engine__secrets_adopt(struct berth_engine *engine, const struct berth_container_record *record)
{
	if (!record->secrets || record->secrets->len == 0)
		return;
	g_autofree char *path = folder_of(engine, record->id);
	berth_fd folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (guint i = 0; folder >= 0 && i < record->secrets->len; i++) {
		g_autoptr(GError) error = NULL;
		if (!has_value(engine, record->secrets->pdata[i], i, folder) && !put(engine, record, i, folder, &error))
			g_warning("container %s: giving it the new value of a secret: %s", record->id, error->message);
	}
}

static void rotate(struct berth_engine *engine, struct berth_engine_container *container, const char *id)
{
	const struct berth_container_record *record = container->record;
	g_autofree char *path = folder_of(engine, record->id);
	g_autoptr(GError) error = NULL;
	berth_fd folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	for (guint i = 0; folder >= 0 && i < record->secrets->len; i++)
		if (g_str_equal(((const struct berth_container_secret *) record->secrets->pdata[i])->id, id) &&
		    !put(engine, record, i, folder, &error)) {
			g_warning("container %s: giving it the new value of a secret: %s", container->id,
				  error->message);
			return;
		}
}

void berth_engine__secrets_rotate(struct berth_engine *engine, const char *id)
{
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);

	for (guint i = 0; i < containers->len; i++) {
		struct berth_engine_container *container = containers->pdata[i];
		if (!container->record->secrets || !berth_engine__claim_ref(engine, container))
			continue;
		if (berth_engine__is_up(container))
			rotate(engine, container, id);
		pthread_mutex_unlock(&container->operation);
	}
}
