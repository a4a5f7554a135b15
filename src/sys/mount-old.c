// SPDX-License-Identifier: Apache-2.0
// mount(2) by descriptors: "/proc/self/fd/N" leads to exactly the mount and file that descriptor N is open on, whatever
// has become of its name. All this happens before pivot_root, so /proc is the host's. And mount(2) itself, where one
// call may stand for ten.
#include "sys/old-kernel.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

// A folder that every kernel with procfs has, and that nobody needs while a container is made.
#define STAGE "/proc/fs"
#define NODES_MAX (4 * BERTH_LIMIT_MOUNTS)
#define MOUNTINFO_MAX (16 << 20)

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif

// An attribute as mount_setattr(2), mount(2) and statvfs(3) know it. Of the access times, relatime has no bit in the
// first and strictatime none in the last.
static const struct {
	uint64_t attribute;
	unsigned long mount, stat;
} flags[] = {
	{MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY},
	{MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID},
	{MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV},
	{MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC},
	{MOUNT_ATTR_NOATIME, MS_NOATIME, ST_NOATIME},
	{MOUNT_ATTR_STRICTATIME, MS_STRICTATIME, 0},
	{MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME},
	{MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, ST_NOSYMFOLLOW},
};

// Options of a file system that mount(2) wants as flags.
static const struct {
	const char *name;
	unsigned long flag;
} named[] = {
	{"sync", MS_SYNCHRONOUS}, {"dirsync", MS_DIRSYNC}, {"lazytime", MS_LAZYTIME},
	{"mand", MS_MANDLOCK},    {"ro", MS_RDONLY},
};

static const char *descriptor_path(int fd, char path[static 32])
{
	g_snprintf(path, 32, "/proc/self/fd/%d", fd);
	return path;
}

static unsigned long mount_flags(uint64_t attributes)
{
	unsigned long all = (attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_RELATIME ? MS_RELATIME : 0;

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
		if (attributes & flags[i].attribute)
			all |= flags[i].mount;
	return all;
}

bool berth_mount_stage(GError **error)
{
	if (mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") < 0)
		return berth_error_set_errno(error, errno, "mount a tmpfs on " STAGE);
	return true;
}

// Makes a file or folder in the stage to mount on. Returns its descriptor and its name.
static int new_node(int *ret_stage, bool folder, char name[static 16], GError **error)
{
	berth_fd stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (stage < 0 || !berth_mount_is(stage, TMPFS_MAGIC)) {
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				"this kernel is too old: needs open_tree and mount_setattr (Linux 5.12)");
		return -1;
	}
	for (int i = 0; i < NODES_MAX; i++) {
		g_snprintf(name, 16, "%d", i);
		int made = folder ? mkdirat(stage, name, 0700)
				  : openat(stage, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (made < 0 && errno == EEXIST)
			continue;
		if (made >= 0 && !folder)
			close(made);
		int node = made < 0 ? -1 : openat(stage, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (node < 0)
			break;
		*ret_stage = berth_fd_steal(&stage);
		return node;
	}
	berth_error_set_errno(error, errno, "make %s in the stage", name);
	return -1;
}

static bool is_folder(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int berth_old_mount_clone(int dir_fd, const char *path, bool recursive, GError **error)
{
	char from[32], to[32], name[16];
	berth_fd stage = -1, opened = *path ? openat(dir_fd, path, O_PATH | O_CLOEXEC) : -1;
	int source = *path ? opened : dir_fd;

	if (source < 0) {
		berth_error_set_errno(error, errno, "clone the mount of %s", path);
		return -1;
	}
	berth_fd node = new_node(&stage, is_folder(source), name, error);
	if (node < 0)
		return -1;
	if (mount(descriptor_path(source, from), descriptor_path(node, to), NULL, MS_BIND | (recursive ? MS_REC : 0),
		  NULL) < 0) {
		berth_error_set_errno(error, errno, "clone the mount of %s", *path ? path : "a descriptor");
		return -1;
	}
	int fd = openat(stage, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		berth_error_set_errno(error, errno, "open %s in the stage", name);
	return fd;
}

static bool mount_on(const char *point, const char *type, const char *source, char *const *options, unsigned long all,
		     GError **error)
{
	g_autoptr(GString) data = g_string_new(NULL);

	for (; options && *options; options++) {
		size_t i = 0;
		// It would be two for mount(2).
		if (strchr(*options, ','))
			return berth_error_set(error, BERTH_ERROR_INVALID, "mount %s: option %s: must have no comma",
					       type, *options);
		while (i < G_N_ELEMENTS(named) && !g_str_equal(named[i].name, *options))
			i++;
		if (i < G_N_ELEMENTS(named))
			all |= named[i].flag;
		else
			g_string_append_printf(data, "%s%s", data->len ? "," : "", *options);
	}
	return mount(source ? source : type, point, type, all, data->len ? data->str : NULL) == 0 ||
	       berth_error_set_errno(error, errno, "mount %s%s%s", type, data->len ? ": options " : "", data->str);
}

bool berth_mount_new_on(const char *point, const char *type, const char *source, char *const *options,
			uint64_t attributes, GError **error)
{
	return mount_on(point, type, source, options, mount_flags(attributes), error);
}

int berth_old_mount_new(const char *type, const char *source, char *const *options, uint64_t attributes, GError **error)
{
	struct berth_mount_change read_only = {.set = attributes & MOUNT_ATTR_RDONLY};
	unsigned long all = mount_flags(attributes & ~(uint64_t) MOUNT_ATTR_RDONLY);
	char to[32], name[16];
	berth_fd stage = -1, node = new_node(&stage, true, name, error);

	if (node < 0 || !mount_on(descriptor_path(node, to), type, source, options, all, error))
		return -1;
	berth_fd fd = openat(stage, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		berth_error_set_errno(error, errno, "open %s in the stage", name);
	return fd >= 0 && berth_mount_change(fd, &read_only, error) ? berth_fd_steal(&fd) : -1;
}

// Without the new flags the old ones would go, so all are told; so those that a user namespace may not take away stay.
static int remount(int fd, const struct berth_mount_change *change)
{
	struct statvfs fs;
	uint64_t attributes = 0;
	char path[32];

	if (fstatvfs(fd, &fs) < 0)
		return -1;
	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
		if (fs.f_flag & flags[i].stat)
			attributes |= flags[i].attribute;
	if (!(fs.f_flag & (ST_NOATIME | ST_RELATIME)))
		attributes |= MOUNT_ATTR_STRICTATIME;
	attributes = (attributes & ~change->clear) | change->set;
	return mount(NULL, descriptor_path(fd, path), NULL, MS_REMOUNT | MS_BIND | mount_flags(attributes), NULL);
}

// The id of the mount that a descriptor lies on; -1 if it cannot be told.
static int mount_id(int fd)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fd);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, 4096, NULL, NULL);
	const char *line = text ? strstr(text, "mnt_id:") : NULL;

	return line ? (int) g_ascii_strtoll(line + strlen("mnt_id:"), NULL, 10) : -1;
}

static bool remount_beneath(int top, int id, const char *path, const struct berth_mount_change *change, GError **error)
{
	struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	berth_fd fd = berth_resolve(top, path, &how);

	if (fd >= 0 && mount_id(fd) != id)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "change the mounts beneath: %s is covered or was renamed: needs Linux 5.12",
				       path);
	if (fd < 0 || remount(fd, change) < 0)
		return berth_error_set_errno(error, errno, "change the mount beneath, %s", path);
	return true;
}

// All mounts whose parents lead to `top`, in mountinfo's order, where parents come first.
static bool remount_all(int top, const struct berth_mount_change *change, GError **error)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, NULL, error);
	g_autoptr(GHashTable) inside = g_hash_table_new(NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	int top_id = mount_id(top);
	size_t skip = 0;

	if (!text)
		return false;
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, " ", 6);
		if (g_strv_length(fields) < 6)
			continue;
		int id = (int) g_ascii_strtoll(fields[0], NULL, 10);
		int parent = (int) g_ascii_strtoll(fields[1], NULL, 10);
		g_autofree char *point = g_strcompress(fields[4]); // mountinfo's \040 and the like
		if (id == top_id)
			skip = strlen(point) + 1;
		else if (!g_hash_table_contains(inside, GINT_TO_POINTER(parent)))
			continue;
		g_hash_table_add(inside, GINT_TO_POINTER(id));
		if (id != top_id && !remount_beneath(top, id, strlen(point) < skip ? "." : point + skip, change, error))
			return false;
	}
	return skip || berth_error_set(error, BERTH_ERROR_INTERNAL, "the mount is not in mountinfo");
}

// A detached mount (Linux 5.2 to 5.11) gets a place where mount(2) finds it.
static bool put_into_stage(int mount_fd, GError **error)
{
	char name[16];
	berth_fd stage = -1, node = new_node(&stage, is_folder(mount_fd), name, error);

	return node >= 0 && berth_mount_attach(mount_fd, node, "the stage", error);
}

bool berth_old_mount_change(int mount_fd, const struct berth_mount_change *change, GError **error)
{
	uint64_t known = MOUNT_ATTR__ATIME;
	unsigned long deep = change->recursive ? MS_REC : 0;
	char path[32];

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
		known |= flags[i].attribute;
	if ((change->set | change->clear) & ~known)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "id-mapped mounts: need Linux 5.12");
	descriptor_path(mount_fd, path);
	struct berth_mount_change nothing = {0};
	// EINVAL: it is not among the mounts of this namespace.
	if (remount(mount_fd, &nothing) < 0 && (errno != EINVAL || !put_into_stage(mount_fd, error)))
		return error && *error ? false : berth_error_set_errno(error, errno, "change the mount's attributes");
	if (change->propagation && mount(NULL, path, NULL, change->propagation | deep, NULL) < 0)
		return berth_error_set_errno(error, errno, "change the mount's propagation");
	if (!change->set && !change->clear)
		return true;
	if (remount(mount_fd, change) < 0)
		return berth_error_set_errno(error, errno, "change the mount's attributes");
	return !change->recursive || remount_all(mount_fd, change, error);
}

bool berth_old_mount_attach(int mount_fd, int target_fd, const char *what, GError **error)
{
	char from[32], to[32];

	if (mount(descriptor_path(mount_fd, from), descriptor_path(target_fd, to), NULL, MS_MOVE, NULL) < 0)
		return berth_error_set_errno(error, errno, "mount onto %s", what);
	return true;
}
