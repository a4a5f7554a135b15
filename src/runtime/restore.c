// SPDX-License-Identifier: Apache-2.0
// Restore: CRIU makes the container's processes from images. What they may have comes from config.json as at a create:
// control groups and limits, namespaces by path, the root, the sources of mounts; the images only fill that in. They
// are compared with config.json before CRIU reads them, and what CRIU made is looked at before anything of it runs.
//
// Init becomes a child of the caller, since CRIU makes it as its own sibling.
#include "runtime/restore-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "sys/cgroup-internal.h"
#include "sys/namespace.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/pidfd.h>

// What comes from the creator

static bool check_create(const struct berth_setup *setup, GError **error)
{
	if (setup->create->no_pivot)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "a restore without pivot_root is not possible: CRIU always uses it");
	// CRIU reads the images as root of that namespace, to whom the folder is not open.
	if (setup->new_namespaces & CLONE_NEWUSER)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "linux.namespaces: a restore in a new user namespace is not implemented");
	if (setup->late)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "a restore needs root's rights, and mounts of Linux 5.12 or newer");
	if (setup->create->die_with_parent)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "a restored container cannot be made to end with its creator");
	if (setup->section->net_devices && g_hash_table_size(setup->section->net_devices))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "linux.netDevices: a restore does not move network interfaces");
	for (size_t i = 0; i < G_N_ELEMENTS(setup->join) && setup->join[i] >= 0; i++)
		if (setup->join_flags[i] & ~(unsigned) (CLONE_NEWNET | CLONE_NEWPID))
			return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
					       "linux.namespaces: a restore cannot join the %s namespace of another "
					       "process",
					       berth_namespace_file(setup->join_flags[i]));
	if (!setup->config->process)
		return berth_error_set(error, BERTH_ERROR_INVALID, "config.json has no process to restore");
	return true;
}

static bool set_namespaces(struct berth_criu *criu, const struct berth_setup *setup, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(setup->join) && setup->join[i] >= 0; i++) {
		const char *file = berth_namespace_file(setup->join_flags[i]);
		g_autofree char *key = berth_checkpoint_namespace_key(file);
		if (!berth_criu_inherit(criu, key, setup->join[i], error))
			return false;
	}
	return true;
}

// "pipe:[7]" and "file[1f:9a]" only: the images' author chooses the text, and CRIU knows other keys, too.
static bool is_stream_key(const char *text)
{
	bool pipe = g_str_has_prefix(text, "pipe:[");
	const char *rest = text + (pipe ? strlen("pipe:[") : strlen("file["));

	if (!pipe && !g_str_has_prefix(text, "file["))
		return false;
	return rest[strspn(rest, "0123456789abcdef:")] == ']' && g_str_has_suffix(text, "]") &&
	       strchr(rest, ']')[1] == 0;
}

// CRIU sets a file's position, which a pipe has not. What was read from a file goes on with an empty one then, since
// that is what nearly all that is no pipe was: /dev/null.
static bool set_stream(struct berth_criu *criu, const struct berth_setup *setup, const char *key, int number, int fd,
		       GError **error)
{
	bool fits = fd < 0 || g_str_has_prefix(key, "pipe:") || lseek(fd, 0, SEEK_CUR) >= 0;
	berth_fd null = fd < 0 || !fits ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;

	if (!fits && number > 0)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"standard stream %d was a file when the container was checkpointed, and CRIU cannot "
			"make a pipe or terminal of it: redirect it to a file or /dev/null",
			number);
	if (!fits)
		berth_setup_warn(setup,
				 "standard input was a file when the container was checkpointed: it is empty now");
	if ((fd < 0 || !fits) && null < 0)
		return berth_error_set_errno(error, errno, "/dev/null");
	return berth_criu_inherit(criu, key, null >= 0 ? null : fd, error);
}

// The caller's streams in place of those that the checkpointed container had.
static bool set_streams(struct berth_criu *criu, const struct berth_setup *setup, GError **error)
{
	const struct berth_stdio *stdio = setup->create->stdio;
	const int fds[] = {stdio->in, stdio->out, stdio->err};
	const char *done[3] = {NULL};
	size_t length;
	g_autofree char *text =
		berth_read_file_at(criu->images, BERTH_DESCRIPTORS_FILE, BERTH_LIMIT_JSON, &length, error);
	BERTH_AUTO_JSON json_t *all = text ? berth_json_parse(text, length, BERTH_DESCRIPTORS_FILE, error) : NULL;

	if (!all)
		return g_prefix_error(error, "the images are not of a container: "), false;
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		const char *key = json_string_value(json_array_get(all, i));
		if (!key || !is_stream_key(key))
			continue;
		done[i] = key;
		if ((i > 0 && g_strcmp0(key, done[0]) == 0) || (i > 1 && g_strcmp0(key, done[1]) == 0))
			continue; // one pipe or file for both
		if (!set_stream(criu, setup, key, (int) i, fds[i], error))
			return false;
	}
	return true;
}

// Where images name groups beneath the container's own, they get this container's.
static void set_groups(struct berth_criu *criu, const struct berth_container *container)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();
	const char *path = container->record->cgroup;

	for (guint i = 0; container->cgroup && i < mounts->list->len; i++) {
		const struct berth_cgroup_mount *mount = mounts->list->pdata[i];
		g_autofree char *names = mount->v2 ? g_strdup("") : g_strjoinv(",", mount->controllers);
		berth_criu_set_pair(criu, "cg_root", names, path);
	}
}

static bool set_options(struct berth_criu *criu, struct berth_restore *restore, GError **error)
{
	const struct berth_checkpoint *checkpoint = criu->checkpoint;
	g_autofree char *root = g_build_filename(restore->stage, BERTH_STAGE_ROOT, NULL);

	// Without any work on groups CRIU makes no cgroup namespace either: its process brings it along.
	restore->bring_cgroup_namespace =
		g_strcmp0(checkpoint->cgroups_mode, "ignore") == 0 && restore->setup->new_namespaces & CLONE_NEWCGROUP;
	berth_criu_set_text(criu, "root", root);
	berth_criu_set_number(criu, "rst_sibling", 1);
	berth_criu_set_number(criu, "evasive_devices", 1);
	berth_criu_set_text(criu, "lsm_profile", checkpoint->lsm_profile);
	berth_criu_set_text(criu, "lsm_mount_context", checkpoint->lsm_mount_context);
	set_groups(criu, restore->container);
	for (guint i = 0; i < restore->mounts->len; i++) {
		const struct berth_restore_mount *mount = restore->mounts->pdata[i];
		g_autofree char *at = g_build_filename(restore->stage, mount->name, NULL);
		berth_criu_set_pair(criu, "ext_mnt", mount->key, at);
	}
	return set_namespaces(criu, restore->setup, error) && set_streams(criu, restore->setup, error);
}

// What CRIU tells

static bool adopt(struct berth_restore *restore, pid_t pid, GError **error)
{
	struct berth_container *container = restore->container;

	if (container->pidfd >= 0)
		return true;
	container->pidfd = pidfd_open(pid, 0);
	if (container->pidfd < 0)
		return berth_error_set_errno(error, errno, "the restored process %d", (int) pid);
	fcntl(container->pidfd, F_SETFD, FD_CLOEXEC);
	container->record->pid = pid;
	container->record->start_time = berth_process_start_time(pid);
	return berth_state_write(container->folder, container->record, error);
}

static bool run_hooks(const struct berth_restore *restore, GError **error)
{
	const struct oci_hooks *hooks = restore->setup->config->hooks;
	const struct berth_hook_streams *streams = &restore->setup->hook_streams;
	g_autofree char *pid = g_strdup_printf("%d", (int) restore->container->record->pid);
	g_autofree char *state = berth_hooks_state(restore->setup->state, "creating", pid);

	if (!hooks)
		return true;
	*restore->hooks_ran = true;
	return berth_hooks_run(hooks->prestart, "prestart", state, streams, error) &&
	       berth_hooks_run(hooks->create_runtime, "createRuntime", state, streams, error);
}

// By pre-resume CRIU can undo nothing any more, and nothing has run yet either. All that is in the group is killed,
// which CRIU is, too.
static bool check_all(struct berth_restore *restore, GError **error)
{
	if (restore->container->pidfd < 0)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "CRIU did not tell the restored process");
	restore->checked = berth_restore_check_processes(restore, (pid_t) restore->container->record->pid, error);
	if (restore->checked)
		return true;
	if (restore->container->cgroup)
		berth_cgroup_signal(restore->container->cgroup, SIGKILL, NULL);
	pidfd_send_signal(restore->container->pidfd, SIGKILL, NULL, 0);
	return false;
}

static bool notify(void *data, const char *event, pid_t pid, int *fd, GError **error)
{
	struct berth_restore *restore = data;

	if (g_str_equal(event, "setup-namespaces"))
		return adopt(restore, pid, error) && run_hooks(restore, error);
	if (g_str_equal(event, "post-restore"))
		return adopt(restore, pid, error) && berth_restore_check_namespaces(restore, pid, error);
	if (g_str_equal(event, "pre-resume"))
		return check_all(restore, error);
	if (g_str_equal(event, "orphan-pts-master") && restore->setup->create->stdio->console < 0)
		restore->setup->create->stdio->console = berth_fd_steal(fd);
	return true;
}

static bool prepare(void *data, GError **error)
{
	return berth_restore_stage(data, error);
}

static void mount_free(void *data)
{
	struct berth_restore_mount *mount = data;

	g_free(mount->key);
	g_free(mount->rest);
	g_free(mount->name);
	g_free(mount);
}

static bool run(struct berth_criu *criu, struct berth_restore *restore, const struct berth_checkpoint *checkpoint,
		GError **error)
{
	const struct berth_container *container = restore->container;

	if (!berth_criu_open(criu, BERTH_CRIU_RESTORE, checkpoint, container->record->annotations, error) ||
	    !berth_images_check_parents(criu->images, error) ||
	    !berth_restore_check_images(restore, criu->images, error) || !set_options(criu, restore, error))
		return false;
	criu->group = container->cgroup ? berth_cgroup_birth_fd(container->cgroup) : -1;
	criu->namespaces = CLONE_NEWNS;
	criu->prepare = prepare;
	criu->notify = notify;
	criu->data = restore;
	if (!berth_criu_run(criu, error) || !adopt(restore, criu->restored, error))
		return false;
	return restore->checked ||
	       berth_error_set(error, BERTH_ERROR_INTERNAL, "CRIU let the processes run before they could be checked");
}

bool berth_restore(struct berth_setup *setup, struct berth_container *container,
		   const struct berth_checkpoint *checkpoint, bool *hooks_ran, GError **error)
{
	struct berth_restore restore = {.setup = setup, .container = container, .hooks_ran = hooks_ran};
	struct berth_criu criu;

	if (!check_create(setup, error))
		return false;
	g_autofree char *stage = g_build_filename(setup->runtime->state_root, setup->id, NULL);
	restore.stage = g_canonicalize_filename(stage, NULL);
	restore.mounts = g_ptr_array_new_with_free_func(mount_free);
	bool done = run(&criu, &restore, checkpoint, error);
	berth_criu_clear(&criu);
	g_ptr_array_unref(restore.mounts);
	g_free(restore.stage);
	return done;
}
