// SPDX-License-Identifier: Apache-2.0
#include "sys/mount.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/old-kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int berth_mount_clone(int dir_fd, const char *path, bool recursive, GError **error)
{
	int fd = open_tree(dir_fd, path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				   (recursive ? (unsigned) AT_RECURSIVE : 0));
	if (fd < 0 && errno == ENOSYS)
		return berth_old_mount_clone(dir_fd, path, recursive, error);
	if (fd < 0)
		berth_error_set_errno(error, errno, "clone the mount of %s", *path ? path : "a descriptor");
	return fd;
}

// The kernel tells why a file system refused its options line by line: "e <module>: <text>".
static bool refuse(int context_fd, int errnum, const char *type, const char *what, const char *option, GError **error)
{
	g_autoptr(GString) why = g_string_new(NULL);
	char line[512];

	for (ssize_t n; (n = read(context_fd, line, sizeof line)) > 0;) {
		if (n < 2 || line[0] != 'e')
			continue;
		while (n > 0 && line[n - 1] == '\n')
			n--;
		g_string_append_printf(why, "%s%.*s", why->len ? "; " : "", (int) n - 2, line + 2);
	}
	berth_error_set_errno(error, errnum, "mount %s%s%s", type, what, option);
	if (why->len && error)
		g_prefix_error(error, "%s: ", why->str);
	return false;
}

static bool configure(int context_fd, const char *type, const char *source, char *const *options, GError **error)
{
	if (source && fsconfig(context_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return refuse(context_fd, errno, type, ": source", "", error);
	for (; options && *options; options++) {
		const char *value = strchr(*options, '=');
		g_autofree char *key = value ? g_strndup(*options, (gsize) (value - *options)) : NULL;

		if ((value ? fsconfig(context_fd, FSCONFIG_SET_STRING, key, value + 1, 0)
			   : fsconfig(context_fd, FSCONFIG_SET_FLAG, *options, NULL, 0)) < 0)
			return refuse(context_fd, errno, type, ": option ", *options, error);
	}
	if (fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return refuse(context_fd, errno, type, "", "", error);
	return true;
}

int berth_mount_new(const char *type, const char *source, char *const *options, uint64_t attributes, GError **error)
{
	berth_fd context = fsopen(type, FSOPEN_CLOEXEC);
	if (context < 0 && errno == ENOSYS)
		return berth_old_mount_new(type, source, options, attributes, error);
	if (context < 0) {
		berth_error_set_errno(error, errno, "mount %s", type);
		return -1;
	}
	if (!configure(context, type, source, options, error))
		return -1;
	int fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned) attributes);
	if (fd < 0)
		refuse(context, errno, type, "", "", error);
	return fd;
}

bool berth_mount_change(int mount_fd, const struct berth_mount_change *change, GError **error)
{
	struct mount_attr attributes = {
		.attr_set = change->set, .attr_clr = change->clear, .propagation = change->propagation};

	if (!change->set && !change->clear && !change->propagation)
		return true;
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (change->recursive ? AT_RECURSIVE : 0), &attributes,
			  sizeof attributes) == 0)
		return true;
	if (errno == ENOSYS)
		return berth_old_mount_change(mount_fd, change, error);
	return berth_error_set_errno(error, errno, "change the mount's attributes");
}

bool berth_mount_changes_detached(void)
{
	return mount_setattr(-1, "", AT_EMPTY_PATH, NULL, 0) == 0 || errno != ENOSYS;
}

bool berth_mount_map_ids(int mount_fd, int user_namespace, bool recursive, GError **error)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) user_namespace};

	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
			  sizeof attributes) == 0)
		return true;
	if (errno == ENOSYS)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "map the mount's ids: needs Linux 5.12");
	return berth_error_set_errno(error, errno, "map the mount's ids%s",
				     errno == EINVAL ? " (does its file system have that?)" : "");
}

// A folder and something that is none.
static bool differ_in_kind(int one, int other)
{
	struct stat first, second;

	return fstat(one, &first) == 0 && fstat(other, &second) == 0 &&
	       S_ISDIR(first.st_mode) != S_ISDIR(second.st_mode);
}

bool berth_mount_attach(int mount_fd, int target_fd, const char *what, GError **error)
{
	if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return true;
	int cause = errno;
	if (differ_in_kind(mount_fd, target_fd))
		return berth_error_set_errno(error, ENOTDIR,
					     "mount onto %s: Are you trying to mount a directory onto a file (or "
					     "vice-versa)? Check if the specified host path exists and is the "
					     "expected type",
					     what);
	if (cause == ENOSYS)
		return berth_old_mount_attach(mount_fd, target_fd, what, error);
	return berth_error_set_errno(error, cause, "mount onto %s", what);
}

bool berth_mount_is(int fd, long magic)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (long) fs.f_type == magic;
}
