// SPDX-License-Identifier: Apache-2.0
// Copying a tree. The order of a file's attributes matters: a change of owner clears set-id bits and capabilities, and
// everything changes times.
#include "store/tree.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#define ATTEMPTS 100 // at a file that is exchanged all the time

struct copy {
	int top; // of the new tree
	GHashTable *links; // inode of a file with several names -> path of its copy beneath `top`
	GString *path; // of what is being copied
	bool no_clone; // the file system cannot share content
	bool live; // others change what is copied
};

static bool copy_xattrs(int from, const char *from_name, int to, const char *to_name, GError **error)
{
	g_autoptr(GHashTable) xattrs = berth_tree_xattrs(from, from_name, error);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", to, to_name);
	GHashTableIter iter;
	void *name, *value;

	if (!xattrs)
		return false;
	g_hash_table_iter_init(&iter, xattrs);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		gsize size;
		const void *data = g_bytes_get_data(value, &size);
		if (lsetxattr(path, name, data, size, 0) < 0)
			return berth_error_set_errno(error, errno, "set the extended attribute %s of %s",
						     (const char *) name, to_name);
	}
	return true;
}

static bool copy_attributes(int from, const char *from_name, int to, const char *to_name, const struct stat *status,
			    GError **error)
{
	const struct timespec times[] = {status->st_atim, status->st_mtim};

	if (fchownat(to, to_name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set the owner of %s", to_name);
	if (!copy_xattrs(from, from_name, to, to_name, error))
		return false;
	if (!S_ISLNK(status->st_mode) && fchmodat(to, to_name, status->st_mode & 07777, 0) < 0)
		return berth_error_set_errno(error, errno, "set the mode of %s", to_name);
	if (utimensat(to, to_name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set the times of %s", to_name);
	return true;
}

bool berth_tree_copy_attributes(int from, int to, GError **error)
{
	struct stat status;

	if (fstat(from, &status) < 0)
		return berth_error_set_errno(error, errno, "stat the top folder of a tree");
	return copy_attributes(from, ".", to, ".", &status, error);
}

// Copies [at, end) where the kernel can do it without us, else through memory.
static bool copy_range(int from, int to, off_t at, off_t end, GError **error)
{
	g_autofree char *chunk = NULL;
	bool in_kernel = true;

	while (at < end) {
		off_t out = at;
		size_t want = (size_t) MIN(end - at, 1 << 30);
		ssize_t count = in_kernel ? copy_file_range(from, &at, to, &out, want, 0) : -1;
		if (count > 0)
			continue;
		if (count == 0)
			return true; // the file became shorter
		if (in_kernel && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
			return berth_error_set_errno(error, errno, "copy a file's content");
		in_kernel = false;
		if (!chunk)
			chunk = g_malloc(1 << 17);
		count = pread(from, chunk, MIN(want, 1 << 17), at);
		if (count == 0)
			return true;
		if (count < 0 || pwrite(to, chunk, (size_t) count, at) != count)
			return berth_error_set_errno(error, count < 0 ? errno : ENOSPC, "copy a file's content");
		at += count;
	}
	return true;
}

static bool copy_content(struct copy *copy, int from, int to, off_t size, GError **error)
{
	if (!copy->no_clone && ioctl(to, FICLONE, from) == 0)
		return true;
	copy->no_clone = true;
	if (ftruncate(to, size) < 0)
		return berth_error_set_errno(error, errno, "set a file's size");
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO) // a hole to the end
			return true;
		off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return berth_error_set_errno(error, errno, "find a file's holes");
		if (!copy_range(from, to, data, MIN(hole, size), error))
			return false;
		at = hole;
	}
	return true;
}

// The attributes are those of `status`, so the content has to be of the same file.
static bool is_same(int fd, const struct stat *status)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_ino == status->st_ino && now.st_dev == status->st_dev;
}

static bool copy_regular(struct copy *copy, int from, int to, const char *name, const struct stat *status,
			 GError **error)
{
	berth_fd source = copy->live ? berth_open_regular(from, name)
				     : openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (source < 0)
		return berth_error_set_errno(error, errno, "open %s", name);
	if (copy->live && !is_same(source, status))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "%s is another file by now", name);
	berth_fd target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (target < 0)
		return berth_error_set_errno(error, errno, "make %s", name);
	return copy_content(copy, source, target, status->st_size, error);
}

static bool copy_link(int from, int to, const char *name, GError **error)
{
	char target[PATH_MAX + 1];
	ssize_t length = readlinkat(from, name, target, sizeof target - 1);

	if (length < 0)
		return berth_error_set_errno(error, errno, "read the link %s", name);
	target[length] = '\0';
	return symlinkat(target, to, name) == 0 || berth_error_set_errno(error, errno, "make the link %s", name);
}

static bool copy_folder(struct copy *copy, int from, int to, GError **error);

static bool copy_inner_folder(struct copy *copy, int from, int to, const char *name, GError **error)
{
	berth_fd source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0)
		return berth_error_set_errno(error, errno, "open folder %s", name);
	if (mkdirat(to, name, 0700) < 0)
		return berth_error_set_errno(error, errno, "make folder %s", name);
	berth_fd target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return berth_error_set_errno(error, errno, "open the new folder %s", name);
	return copy_folder(copy, source, target, error);
}

// Whether the file was copied before under another name: then this one becomes a link to that copy.
static bool link_copy(struct copy *copy, int to, const char *name, const struct stat *status, bool *ret_linked,
		      GError **error)
{
	gint64 inode = (gint64) status->st_ino;

	*ret_linked = false;
	if (S_ISDIR(status->st_mode) || status->st_nlink < 2)
		return true;
	const char *first = g_hash_table_lookup(copy->links, &inode);
	if (!first) {
		g_hash_table_insert(copy->links, g_memdup2(&inode, sizeof inode), g_strdup(copy->path->str));
		return true;
	}
	*ret_linked = true;
	return linkat(copy->top, first, to, name, 0) == 0 ||
	       berth_error_set_errno(error, errno, "link %s to %s", name, first);
}

static bool copy_as(struct copy *copy, int from, int to, const char *name, const struct stat *status, GError **error)
{
	bool good, linked;

	if (!link_copy(copy, to, name, status, &linked, error))
		return false;
	if (linked)
		return true;
	switch (status->st_mode & S_IFMT) {
	case S_IFDIR:
		good = copy_inner_folder(copy, from, to, name, error);
		break;
	case S_IFREG:
		good = copy_regular(copy, from, to, name, status, error);
		break;
	case S_IFLNK:
		good = copy_link(from, to, name, error);
		break;
	default: // devices, pipes, sockets
		good = mknodat(to, name, (status->st_mode & S_IFMT) | 0600, status->st_rdev) == 0 ||
		       berth_error_set_errno(error, errno, "make the node %s", name);
	}
	return good && copy_attributes(from, name, to, name, status, error);
}

// Forgets what was copied of it.
static bool drop(struct copy *copy, int to, const char *name, const struct stat *status, GError **error)
{
	gint64 inode = (gint64) status->st_ino;
	const char *first = g_hash_table_lookup(copy->links, &inode);

	if (first && strcmp(first, copy->path->str) == 0)
		g_hash_table_remove(copy->links, &inode);
	return berth_remove_tree_at(to, name, error);
}

static bool copy_entry(struct copy *copy, int from, int to, const char *name, GError **error)
{
	struct stat status, now;

	for (unsigned attempt = 0; attempt <= ATTEMPTS; attempt++) {
		g_autoptr(GError) failure = NULL;
		if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			return (copy->live && errno == ENOENT) || berth_error_set_errno(error, errno, "stat %s", name);
		bool done = copy_as(copy, from, to, name, &status, &failure);
		if (done && !copy->live)
			return true;
		// Gone, or another file: that is no failure of the copy.
		bool there = fstatat(from, name, &now, AT_SYMLINK_NOFOLLOW) == 0;
		bool changed = !there || now.st_ino != status.st_ino || now.st_dev != status.st_dev ||
			       g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CONFLICT);
		if (done && (!there || !changed)) // what it was before it went is what was copied
			return true;
		if (!done && (!copy->live || !changed || attempt == ATTEMPTS)) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return false;
		}
		if (!drop(copy, to, name, &status, error))
			return false;
	}
	return berth_error_set(error, BERTH_ERROR_CONFLICT, "%s: is another file each time it is looked at", name);
}

static bool copy_folder(struct copy *copy, int from, int to, GError **error)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	bool good = true;

	if (!list) {
		berth_fd_clear(&fd);
		return berth_error_set_errno(error, errno, "list a folder");
	}
	for (struct dirent *entry; good && (errno = 0, entry = readdir(list));) {
		gsize length = copy->path->len;
		if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
			continue;
		g_string_append_printf(copy->path, "%s%s", length ? "/" : "", entry->d_name);
		good = copy_entry(copy, from, to, entry->d_name, error);
		g_string_truncate(copy->path, length);
	}
	if (good && errno)
		good = berth_error_set_errno(error, errno, "list a folder");
	closedir(list);
	return good;
}

static bool copy_tree(int from, int to, bool live, GError **error)
{
	g_autoptr(GHashTable) links = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	g_autoptr(GString) path = g_string_new(NULL);
	struct copy copy = {.top = to, .links = links, .path = path, .live = live};

	return copy_folder(&copy, from, to, error) && berth_tree_copy_attributes(from, to, error);
}

bool berth_tree_copy(int from, int to, GError **error)
{
	return copy_tree(from, to, false, error);
}

bool berth_tree_copy_live(int from, int to, GError **error)
{
	return copy_tree(from, to, true, error);
}
