// SPDX-License-Identifier: Apache-2.0
// CRIU takes paths: of the new root, and of what is mounted from the host. It gets them in a mount namespace of its own
// where a tmpfs over the container's state folder holds the very mounts that the creator cloned from config.json's
// sources. So nothing is looked up again by a name that somebody else can change, and nothing is seen on the host.
#include "runtime/restore-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

// Makes a file or folder in the stage, as the mount is one, and attaches it there.
static bool put(int stage, const char *name, int mount, GError **error)
{
	struct stat st;

	if (fstat(mount, &st) < 0)
		return berth_error_set_errno(error, errno, "look at a mount");
	if (S_ISDIR(st.st_mode) ? mkdirat(stage, name, 0700) < 0 : mknodat(stage, name, S_IFREG | 0600, 0) < 0)
		return berth_error_set_errno(error, errno, "make %s in the stage", name);
	berth_fd target = openat(stage, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return berth_error_set_errno(error, errno, "open %s in the stage", name);
	return berth_mount_attach(mount, target, name, error);
}

static int make_stage(const char *path, GError **error)
{
	char *options[] = {(char *) "mode=700", NULL};
	struct mount_attr private = {.propagation = MS_PRIVATE};

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private, sizeof private) < 0) {
		berth_error_set_errno(error, errno, "make the mounts private");
		return -1;
	}
	berth_fd at = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0) {
		berth_error_set_errno(error, errno, "open %s", path);
		return -1;
	}
	berth_fd stage = berth_mount_new("tmpfs", "berth", options, 0, error);
	return stage >= 0 && berth_mount_attach(stage, at, path, error) ? berth_fd_steal(&stage) : -1;
}

// What is mounted beneath a tree, whose folders may be somebody else's to change: no link is followed.
static int open_beneath(const struct berth_restore_mount *mount, GError **error)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	int fd = (int) syscall(SYS_openat2, mount->tree, mount->rest, &how, sizeof how);
	struct statx info;

	if (fd < 0) {
		berth_error_set_errno(error, errno, "the images' mount %s", mount->key);
		return -1;
	}
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info) == 0 && info.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return fd;
	close(fd);
	berth_error_set(error, BERTH_ERROR_INVALID, "the images' mount %s: config.json has none there", mount->key);
	return -1;
}

// Whether the path lies on a file system that is made anew, so that CRIU makes what is on it.
static bool lies_on_new(const struct berth_setup *setup, guint before, const char *path)
{
	bool on_new = false;

	for (guint i = 0; i < before; i++) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		g_autofree char *other = g_canonicalize_filename(step->mount->destination, "/");
		g_autofree char *prefix = g_strconcat(other, "/", NULL);
		if (g_str_has_prefix(path, prefix))
			on_new = step->tree < 0;
	}
	return on_new;
}

// Makes the mount points of config.json that the root does not have, as creating a container does. Binds are mounted
// meanwhile, for mount points within them; `undo` gets them.
static bool make_target(struct berth_setup *setup, guint index, GArray *undo, GError **error)
{
	const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, index);
	g_autofree char *path = g_canonicalize_filename(step->mount->destination, "/");

	if (step->options.remount || lies_on_new(setup, index, path))
		return true;
	berth_fd target = berth_rootfs_target(setup, path, step->tree >= 0 && step->file, false, error);
	if (target < 0 || step->tree < 0)
		return target >= 0;
	berth_fd clone = berth_mount_clone(step->tree, "", true, error);
	if (clone < 0 || !berth_mount_attach(clone, target, path, error))
		return false;
	int kept = berth_fd_steal(&clone);
	g_array_append_val(undo, kept);
	return true;
}

static bool make_targets(struct berth_setup *setup, GError **error)
{
	g_autoptr(GArray) undo = g_array_new(FALSE, FALSE, sizeof(int));
	bool made = true;

	for (guint i = 0; made && i < setup->mounts->len; i++)
		made = make_target(setup, i, undo, error);
	for (guint i = undo->len; i-- > 0;) {
		g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", g_array_index(undo, int, i));
		if (umount2(path, MNT_DETACH) < 0 && made)
			made = berth_error_set_errno(error, errno, "detach a mount again");
		close(g_array_index(undo, int, i));
	}
	return made;
}

// Those that the images do not have are needed for the targets only.
static bool put_trees(struct berth_setup *setup, int stage, GError **error)
{
	for (guint i = 0; i < setup->mounts->len; i++) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		g_autofree char *name = g_strdup_printf(BERTH_STAGE_MOUNT, i);
		if (step->tree >= 0 && !put(stage, name, step->tree, error))
			return g_prefix_error(error, "mount %s: ", step->mount->destination), false;
	}
	for (guint i = 0; i < setup->device_trees->len; i++) {
		g_autofree char *name = g_strdup_printf(BERTH_STAGE_DEVICE, i);
		int tree = g_array_index(setup->device_trees, int, i);
		if (tree >= 0 && !put(stage, name, tree, error))
			return false;
	}
	return true;
}

bool berth_restore_stage(struct berth_restore *restore, GError **error)
{
	struct berth_setup *setup = restore->setup;
	struct berth_mount_change read_only = {.set = MOUNT_ATTR_RDONLY};

	umask(0);
	if (setup->cgroup_entrance && !berth_cgroup_enter(setup->cgroup_entrance, error))
		return false;
	if (restore->bring_cgroup_namespace && unshare(CLONE_NEWCGROUP) < 0)
		return berth_error_set_errno(error, errno, "make the cgroup namespace");
	berth_fd stage = make_stage(restore->stage, error);
	if (stage < 0 || !put(stage, BERTH_STAGE_ROOT, setup->root_tree, error) || !put_trees(setup, stage, error))
		return false;
	for (guint i = 0; i < restore->mounts->len; i++) {
		const struct berth_restore_mount *mount = restore->mounts->pdata[i];
		if (!*mount->rest)
			continue; // a whole tree
		berth_fd found = open_beneath(mount, error);
		berth_fd tree = found < 0 ? -1 : berth_mount_clone(found, "", false, error);
		if (tree < 0 || !put(stage, mount->name, tree, error))
			return false;
	}
	setup->root = setup->root_tree;
	if (!make_targets(setup, error))
		return false;
	const struct oci_root *root = setup->config->root;
	return !root || !root->readonly || berth_mount_change(setup->root, &read_only, error);
}
