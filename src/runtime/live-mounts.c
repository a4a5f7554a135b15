// SPDX-License-Identifier: Apache-2.0
// Mounts in a running container. As at create, the creator clones sources with its rights; a helper then enters the
// container's namespaces, but for the pid namespace, where it would be seen, and attaches or takes off by descriptors
// beneath the root.
#include "runtime/channel.h"
#include "runtime/container-internal.h"
#include "runtime/exec-record.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"
#include "sys/namespace.h"
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct change {
	struct berth_container *container;
	const struct oci_mount *mount;
	bool remove;
	struct oci_config config;
	struct oci_linux_section section;
	struct berth_create create;
	struct berth_stdio stdio;
	struct berth_setup *setup;
};

static bool enter(struct berth_setup *setup, GError **error)
{
	bool user;

	if (!berth_namespace_join(setup->target, setup->target_pid, CLONE_NEWPID | CLONE_NEWCGROUP, &user, error))
		return g_prefix_error(error, "container %s: ", setup->id), false;
	if (user && !berth_identity_become_root(setup, error))
		return false;
	if (setup->target_root && (chroot(setup->target_root) < 0 || chdir("/") < 0))
		return berth_error_set_errno(error, errno, "enter %s", setup->target_root);
	umask(0);
	setup->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return setup->root >= 0 || berth_error_set_errno(error, errno, "open /");
}

static bool is_kernel(int fd)
{
	return berth_mount_is(fd, PROC_SUPER_MAGIC) || berth_mount_is(fd, SYSFS_MAGIC);
}

// What is mounted at `path`. The container may have made a link of a folder on the way, so what may not be taken off is
// known by the file systems that it and the folder that it lies in really are of.
static int open_mounted(const struct berth_setup *setup, const char *path, GError **error)
{
	g_autofree char *clean = g_canonicalize_filename(path, "/");
	g_autofree char *parent = g_path_get_dirname(clean), *name = g_path_get_basename(clean);
	berth_fd folder = berth_rootfs_open(setup, parent, false, error);
	berth_fd target = folder < 0 ? -1 : openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return -1;
	if (target < 0)
		berth_error_set_errno(error, errno, "open %s in the root", path);
	else if (is_kernel(folder) || is_kernel(target))
		berth_error_set(error, BERTH_ERROR_FORBIDDEN, "what protects /proc and /sys stays");
	else
		return berth_fd_steal(&target);
	return -1;
}

// Taken off by its descriptor: `own_fds` is the host's /proc/self/fd.
static bool take_off(struct berth_setup *setup, const char *path, int own_fds, GError **error)
{
	berth_fd target = open_mounted(setup, path, error);
	struct statx st;
	char name[16];

	if (target < 0)
		return false;
	if (statx(target, "", AT_EMPTY_PATH, STATX_TYPE, &st) < 0)
		return berth_error_set_errno(error, errno, "look at %s", path);
	if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "nothing is mounted there");
	g_snprintf(name, sizeof name, "%d", target);
	if (fchdir(own_fds) < 0 || umount2(name, MNT_DETACH) < 0)
		return berth_error_set_errno(error, errno, "take the mount off");
	return true;
}

G_GNUC_NORETURN static void work(struct change *change)
{
	struct berth_setup *setup = change->setup;
	g_autoptr(GError) problem = NULL;

	berth_child_reset_signals();
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!berth_child_keep_fds(setup, &problem))
		berth_child_fail(setup->sync, problem);
	berth_fd own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool done = enter(setup, &problem) &&
		    (change->remove ? take_off(setup, change->mount->destination, own_fds, &problem)
				    : berth_mounts_make(setup, &problem) && berth_mounts_finish(setup, &problem));
	if (!done)
		berth_child_fail(setup->sync, problem);
	_exit(berth_channel_send(setup->sync, -1, NULL, "ready") ? 0 : 1);
}

static bool run(struct change *change, GError **error)
{
	struct berth_setup *setup = change->setup;
	berth_fd pidfd = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "make a socket pair");
	berth_fd ours = pair[0];
	setup->sync = pair[1];
	pid_t pid = berth_process_clone(0, -1, &pidfd);
	if (pid == 0)
		work(change);
	int errnum = errno;
	berth_fd_clear(&setup->sync);
	if (pid < 0)
		return berth_error_set_errno(error, errnum, "make a process");
	bool done = berth_channel_expect(ours, "ready", NULL, error);
	berth_process_reap(pidfd);
	return done;
}

static bool check(const struct change *change, GError **error)
{
	static const char *const never[] = {"proc", "cgroup", "cgroup2", NULL};
	const struct oci_mount *mount = change->mount;
	const char *now = berth_container_status(change->container);
	g_autofree char *path = g_canonicalize_filename(mount->destination ? mount->destination : "", "/");

	if (!g_str_equal(now, "running") && !g_str_equal(now, "created") && !g_str_equal(now, "paused"))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running",
				       change->container->record->id);
	if (g_str_equal(path, "/"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "the root cannot be changed");
	if (!change->remove && mount->type && g_strv_contains(never, mount->type))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s cannot be mounted in a running container",
				       mount->type);
	// Masks and read-only paths are mounts, too.
	if (change->remove && (g_str_equal(path, "/proc") || g_str_has_prefix(path, "/proc/") ||
			       g_str_equal(path, "/sys") || g_str_has_prefix(path, "/sys/")))
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "what protects /proc and /sys stays");
	return true;
}

static bool prepare(struct change *change, GError **error)
{
	struct berth_container *container = change->container;
	const struct berth_exec_record *record = berth_container_exec_record(container, error);
	struct berth_setup *setup = change->setup;
	unsigned differing;

	if (!record)
		return false;
	setup->target_root = record->chroot;
	setup->target = fcntl(container->pidfd, F_DUPFD_CLOEXEC, 3);
	if (setup->target < 0)
		return berth_error_set_errno(error, errno, "container %s", setup->id);
	setup->target_pid = (pid_t) container->record->pid;
	if (!berth_namespace_differing(setup->target_pid, &differing, error))
		return false;
	if (berth_process_ended(container->pidfd))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running", setup->id);
	if (!(differing & CLONE_NEWNS))
		return berth_error_set(error, BERTH_ERROR_INVALID, "container %s has the caller's mount namespace",
				       setup->id);
	return change->remove || (berth_idmap_mount_check(change->mount, error) &&
				  berth_mounts_prepare(setup, container->record->cgroup, error));
}

static bool change_mounts(struct berth_container *container, const struct oci_mount *mount, bool remove, GError **error)
{
	struct change change = {.container = container, .mount = mount, .remove = remove};
	g_autoptr(GPtrArray) mounts = g_ptr_array_new();
	berth_fd lock = berth_state_lock(container->folder, container->record->id, false, error);
	g_autoptr(berth_setup) setup = berth_setup_new();

	g_ptr_array_add(mounts, (void *) mount);
	change.config.mounts = mounts;
	change.config.annotations = container->record->annotations;
	change.stdio = (struct berth_stdio){-1, -1, -1, -1};
	change.create =
		(struct berth_create){.bundle = container->record->bundle, .rootfs_fd = -1, .stdio = &change.stdio};
	setup->runtime = container->runtime;
	setup->id = container->record->id;
	setup->config = &change.config;
	setup->section = &change.section;
	setup->create = &change.create;
	change.setup = setup;
	if (lock >= 0 && check(&change, error) && prepare(&change, error) && run(&change, error))
		return true;
	if (remove)
		g_prefix_error(error, "mount %s: ", mount->destination);
	return false;
}

bool berth_container_add_mount(struct berth_container *container, const struct oci_mount *mount, GError **error)
{
	return change_mounts(container, mount, false, error);
}

bool berth_container_remove_mount(struct berth_container *container, const struct oci_mount *mount, GError **error)
{
	return change_mounts(container, mount, true, error);
}
