// SPDX-License-Identifier: Apache-2.0
// The root: a detached mount made by the creator, attached in the child's mount namespace, and then made "/".
//
// It is attached at root.path, where hooks that run before pivot_root look for it; where the child cannot reach that
// path (user namespaces), or the caller gave the mount itself, it is attached on top of "/", which nobody sees: path
// lookups of this process start beneath it. So it is without pivot_root too: a process that leaves its chroot then
// comes back to this root, since nothing else is above it.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// With linux.rootfsPropagation slave and shared the host's later mounts beneath root.path reach the container; shared
// shares the root with namespaces that the container makes. In no case do the container's mounts reach the host.
static uint64_t inflow(const struct berth_setup *setup)
{
	const char *propagation = setup->section->rootfs_propagation;

	return propagation && (strstr(propagation, "slave") || strstr(propagation, "shared")) ? MS_SLAVE : MS_PRIVATE;
}

bool berth_rootfs_prepare(struct berth_setup *setup, GError **error)
{
	const struct oci_root *root = setup->config->root;

	if (setup->joined_namespaces & CLONE_NEWNS)
		return true;
	if (setup->create->rootfs_fd >= 0) {
		setup->root_tree = fcntl(setup->create->rootfs_fd, F_DUPFD_CLOEXEC, 3);
		return setup->root_tree >= 0 || berth_error_set_errno(error, errno, "root file system");
	}
	setup->root_path = g_canonicalize_filename(root->path, setup->create->bundle);
	setup->root_tree = berth_mount_clone(AT_FDCWD, setup->root_path, true, error);
	if (setup->root_tree < 0) {
		g_prefix_error(error, "root.path: ");
		return false;
	}
	struct stat st;
	if (fstat(setup->root_tree, &st) < 0 || !S_ISDIR(st.st_mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "root.path: %s is no folder", setup->root_path);
	struct berth_mount_change change = {.propagation = inflow(setup), .recursive = true};
	return berth_mount_change(setup->root_tree, &change, error);
}

static bool attach(struct berth_setup *setup, GError **error)
{
	if (setup->root_path && !setup->create->no_pivot) {
		berth_fd at = open(setup->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (at >= 0 && berth_mount_attach(setup->root_tree, at, "root.path", NULL))
			return true;
	}
	berth_fd top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return berth_error_set_errno(error, errno, "open /");
	return berth_mount_attach(setup->root_tree, top, "the root", error);
}

bool berth_rootfs_attach(struct berth_setup *setup, GError **error)
{
	if (setup->root_tree < 0) {
		setup->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return setup->root >= 0 || berth_error_set_errno(error, errno, "open /");
	}
	// Nothing that is done here may reach the creator's mounts; what the host mounts later reaches the container
	// only where a mount asks for it by its own propagation.
	if (!setup->late && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return berth_error_set_errno(error, errno, "make the mounts private");
	if (!attach(setup, error))
		return false;
	setup->root = berth_fd_steal(&setup->root_tree);
	return true;
}

int berth_rootfs_open(const struct berth_setup *setup, const char *path, bool no_link, GError **error)
{
	return berth_root_open(setup->root, path, O_PATH | (no_link ? O_NOFOLLOW : 0), 0, error);
}

static int make_file(const struct berth_setup *setup, const char *path, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);
	berth_fd folder = berth_root_make_folder(setup->root, parent, 0755, error);

	if (folder < 0)
		return -1;
	berth_fd made = openat(folder, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
	if (made < 0 && errno != EEXIST) {
		berth_error_set_errno(error, errno, "make file %s in the root", path);
		return -1;
	}
	return berth_rootfs_open(setup, path, false, error);
}

int berth_rootfs_target(const struct berth_setup *setup, const char *path, bool file, bool no_link, GError **error)
{
	g_autoptr(GError) problem = NULL;
	int fd = berth_rootfs_open(setup, path, no_link, &problem);

	if (fd >= 0)
		return fd;
	if (!g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return -1;
	}
	return file ? make_file(setup, path, error) : berth_root_make_folder(setup->root, path, 0755, error);
}

static bool pivot(struct berth_setup *setup, GError **error)
{
	if (fchdir(setup->root) < 0)
		return berth_error_set_errno(error, errno, "enter the root");
	if (setup->create->no_pivot) {
		if (chroot(".") < 0)
			return berth_error_set_errno(error, errno, "chroot");
		return chdir("/") == 0 || berth_error_set_errno(error, errno, "enter /");
	}
	// The old root lands on top of the new one and is taken off again.
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return berth_error_set_errno(error, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return berth_error_set_errno(error, errno, "detach the old root");
	return chdir("/") == 0 || berth_error_set_errno(error, errno, "enter /");
}

static bool enter_joined(struct berth_setup *setup, GError **error)
{
	const struct oci_root *root = setup->config->root;
	const char *path = setup->root_path ? setup->root_path : root ? root->path : "/";

	if (g_str_equal(path, "/"))
		return true;
	if (*path != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "root.path %s: must be absolute in a joined mount namespace", path);
	if (chroot(path) < 0 || chdir("/") < 0)
		return berth_error_set_errno(error, errno, "enter %s", path);
	berth_fd_clear(&setup->root);
	setup->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return setup->root >= 0 || berth_error_set_errno(error, errno, "open /");
}

bool berth_rootfs_enter(struct berth_setup *setup, GError **error)
{
	bool recursive = false;
	const char *propagation = setup->section->rootfs_propagation;
	struct berth_mount_change change = {0};

	if (setup->joined_namespaces & CLONE_NEWNS)
		return enter_joined(setup, error);
	if (setup->config->root && setup->config->root->readonly)
		change.set = MOUNT_ATTR_RDONLY;
	if (!berth_mount_change(setup->root, &change, error))
		return g_prefix_error(error, "root.readonly: "), false;
	if (!pivot(setup, error))
		return false;
	if (propagation && *propagation) {
		uint64_t flag = berth_mount_propagation(propagation, &recursive);
		if (mount(NULL, "/", NULL, flag | (recursive && flag != MS_PRIVATE ? MS_REC : 0), NULL) < 0)
			return berth_error_set_errno(error, errno, "linux.rootfsPropagation");
	}
	return true;
}
