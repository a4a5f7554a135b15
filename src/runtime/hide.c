// SPDX-License-Identifier: Apache-2.0
// linux.maskedPaths and linux.readonlyPaths. A masked file gets the container's /dev/null on it, after the inode was
// checked by descriptor to be the null device (a link there could have led anywhere); all masked folders share one
// empty read-only tmpfs. What lies in /proc and /sys is found from the descriptors of the mounts themselves.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// -1 without an error: there is no such path, so there is nothing to hide.
static int open_existing(const struct berth_setup *setup, const char *path, GError **error)
{
	g_autoptr(GError) problem = NULL;
	int fd = berth_mounts_open(setup, path, &problem);

	if (fd < 0 && !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_propagate_error(error, g_steal_pointer(&problem));
	return fd;
}

static bool make_read_only(const struct berth_setup *setup, const char *path, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct berth_mount_change change = {.set = MOUNT_ATTR_RDONLY, .recursive = true};
	berth_fd target = open_existing(setup, path, &problem);

	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (target < 0)
		return true;
	berth_fd tree = berth_mount_clone(target, "", true, error);
	return tree >= 0 && berth_mount_change(tree, &change, error) && berth_mount_attach(tree, target, path, error);
}

static bool mask_folder(int *empty, int target, const char *path, GError **error)
{
	char *options[] = {(char *) "size=0", (char *) "nr_inodes=1", (char *) "mode=555", NULL};

	if (*empty < 0) {
		*empty = berth_mount_new("tmpfs", "tmpfs", options,
					 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
					 error);
		return *empty >= 0 && berth_mount_attach(*empty, target, path, error);
	}
	berth_fd again = berth_mount_clone(*empty, "", false, error);
	return again >= 0 && berth_mount_attach(again, target, path, error);
}

static bool mask_file(const struct berth_setup *setup, int *null, int target, const char *path, GError **error)
{
	if (*null < 0)
		*null = berth_devices_open_null(setup, O_PATH, error);
	if (*null < 0)
		return false;
	berth_fd tree = berth_mount_clone(*null, "", false, error);
	return tree >= 0 && berth_mount_attach(tree, target, path, error);
}

static bool mask(const struct berth_setup *setup, const char *path, int *null, int *empty, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct stat st;
	berth_fd target = open_existing(setup, path, &problem);

	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (target < 0)
		return true;
	if (fstat(target, &st) == 0 && S_ISDIR(st.st_mode))
		return mask_folder(empty, target, path, error);
	return mask_file(setup, null, target, path, error);
}

bool berth_hide_paths(struct berth_setup *setup, GError **error)
{
	berth_fd null = -1;
	berth_fd empty = -1;

	if (setup->joined_namespaces & CLONE_NEWNS)
		return true;
	for (char **path = setup->section->readonly_paths; path && *path; path++)
		if (!make_read_only(setup, *path, error))
			return g_prefix_error(error, "linux.readonlyPaths: %s: ", *path), false;
	for (char **path = setup->section->masked_paths; path && *path; path++)
		if (!mask(setup, *path, &null, &empty, error))
			return g_prefix_error(error, "linux.maskedPaths: %s: ", *path), false;
	return true;
}
