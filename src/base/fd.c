// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include "base/error.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// The listing's own descriptor may be among them; it is closed last.
static void close_listed(unsigned first, unsigned last, unsigned flags)
{
	DIR *listing = opendir("/proc/self/fd");

	for (struct dirent *entry; listing && (entry = readdir(listing));) {
		int fd = (int) g_ascii_strtoll(entry->d_name, NULL, 10);
		if (*entry->d_name == '.' || (unsigned) fd < first || (unsigned) fd > last || fd == dirfd(listing))
			continue;
		if (flags & CLOSE_RANGE_CLOEXEC)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		else
			close(fd);
	}
	if (listing)
		closedir(listing);
}

void berth_close_range(unsigned first, unsigned last, unsigned flags)
{
	if (close_range(first, last, (int) flags) < 0 && errno == ENOSYS)
		close_listed(first, last, flags);
}

bool berth_write_all(int fd, const void *data, size_t length, const char *what, GError **error)
{
	const char *at = data;

	while (length > 0) {
		ssize_t written = write(fd, at, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return berth_error_set_errno(error, errno, "write %s", what);
		at += written;
		length -= (size_t) written;
	}
	return true;
}

bool berth_write_all_at(int fd, const void *data, size_t length, int64_t offset, const char *what, GError **error)
{
	const char *at = data;

	while (length > 0) {
		ssize_t written = pwrite(fd, at, length, offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return berth_error_set_errno(error, errno, "write %s", what);
		at += written;
		offset += written;
		length -= (size_t) written;
	}
	return true;
}

ssize_t berth_read_full(int fd, void *data, size_t length)
{
	size_t got = 0;

	while (got < length) {
		ssize_t count = read(fd, (char *) data + got, length - got);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		got += (size_t) count;
	}
	return (ssize_t) got;
}

char *berth_read_fd(int fd, size_t limit, size_t *ret_length, const char *what, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	for (;;) {
		char chunk[16384];
		ssize_t count = berth_read_full(fd, chunk, sizeof chunk);
		if (count < 0) {
			berth_error_set_errno(error, errno, "read %s", what);
			return NULL;
		}
		if (bytes->len + (size_t) count > limit) {
			berth_error_set(error, BERTH_ERROR_INVALID, "%s: longer than the limit of %zu bytes", what,
					limit);
			return NULL;
		}
		g_byte_array_append(bytes, (const uint8_t *) chunk, (unsigned) count);
		if ((size_t) count < sizeof chunk)
			break;
	}
	if (ret_length)
		*ret_length = bytes->len;
	g_byte_array_append(bytes, (const uint8_t *) "", 1);
	return (char *) g_byte_array_free(g_steal_pointer(&bytes), FALSE);
}

char *berth_read_file_at(int dir_fd, const char *name, size_t limit, size_t *ret_length, GError **error)
{
	// O_NONBLOCK: a pipe in a file's place must not make the caller wait; fstat() then refuses it.
	berth_fd fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		berth_error_set_errno(error, errno, "open %s", name);
		return NULL;
	}
	struct stat status;
	if (fstat(fd, &status) < 0) {
		berth_error_set_errno(error, errno, "stat %s", name);
		return NULL;
	}
	if (!S_ISREG(status.st_mode)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: is not a regular file", name);
		return NULL;
	}
	return berth_read_fd(fd, limit, ret_length, name, error);
}

// By exchange, since ext4 writes out at once what takes a file's place by rename(): that is for those who do not sync.
static bool take_place(int dir_fd, const char *temporary, const char *name, bool sync)
{
	struct stat st;

	if (!sync && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    renameat2(dir_fd, temporary, dir_fd, name, RENAME_EXCHANGE) == 0)
		return unlinkat(dir_fd, temporary, 0) == 0;
	return renameat(dir_fd, temporary, dir_fd, name) == 0;
}

bool berth_write_file_at(int dir_fd, const char *name, const void *data, size_t length, mode_t mode, bool sync,
			 GError **error)
{
	static int counter;
	g_autofree char *temporary =
		g_strdup_printf("%s.%d.%d.tmp", name, (int) getpid(), g_atomic_int_add(&counter, 1));
	berth_fd fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "create %s", temporary);

	bool good = berth_write_all(fd, data, length, name, error);
	if (good && sync && fsync(fd) < 0)
		good = berth_error_set_errno(error, errno, "sync %s", name);
	if (good && !take_place(dir_fd, temporary, name, sync))
		good = berth_error_set_errno(error, errno, "rename %s", name);
	if (!good) {
		unlinkat(dir_fd, temporary, 0);
		return false;
	}
	if (!sync)
		return true;

	g_autofree char *folder = g_path_get_dirname(name);
	berth_fd folder_fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd < 0 || fsync(folder_fd) < 0)
		return berth_error_set_errno(error, errno, "sync the folder of %s", name);
	return true;
}

// A descriptor that only names the file tells what it is, before it is opened for reading.
int berth_open_regular(int dir_fd, const char *name)
{
	char path[32];
	struct stat status;
	berth_fd named = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (named < 0 || fstat(named, &status) < 0)
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = ENXIO;
		return -1;
	}
	g_snprintf(path, sizeof path, "/proc/self/fd/%d", named);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

bool berth_is_gone(int errnum)
{
	return errnum == ENOENT || errnum == ELOOP || errnum == ENOTDIR || errnum == ENXIO || errnum == ENODEV ||
	       errnum == ESTALE;
}

int berth_open_folder(const char *path, bool make, mode_t mode, GError **error)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && make) {
		if (g_mkdir_with_parents(path, (int) mode) < 0) {
			berth_error_set_errno(error, errno, "make folder %s", path);
			return -1;
		}
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		berth_error_set_errno(error, errno, "open folder %s", path);
	return fd;
}

// The depth to which a tree is gone down into. What lies deeper is lifted to its top and removed from there, so that a
// tree of any depth takes a bounded number of descriptors, and of bytes.
#define DEEPEST 64

struct removal {
	int top;
	dev_t device;
	unsigned lifted; // how often
	bool strict; // mounts of other namespaces stay, too
};

static bool is_mount(int folder, const char *name)
{
	struct statx status;

	return statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0 &&
	       status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static bool lift(struct removal *removal, int folder, const char *name, GError **error)
{
	char target[32];

	do
		g_snprintf(target, sizeof target, ".deep-%u", removal->lifted++);
	while (renameat(folder, name, removal->top, target) < 0 &&
	       (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) && removal->lifted < G_MAXUINT);
	if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "remove %s: it cannot be moved", name);
	return true;
}

static bool remove_content(struct removal *removal, int folder_fd, unsigned depth, GError **error);

static bool remove_folder(struct removal *removal, int parent, const char *name, unsigned depth, GError **error)
{
	struct stat status;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0) {
		berth_error_set_errno(error, errno, "open folder %s", name);
		berth_fd_clear(&fd);
		return false;
	}
	if (status.st_dev != removal->device) {
		close(fd);
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "remove %s: something is mounted on it", name);
	}
	if (depth == DEEPEST) {
		close(fd);
		return lift(removal, parent, name, error);
	}
	if (!remove_content(removal, fd, depth + 1, error))
		return false;
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ||
	       berth_error_set_errno(error, errno, "remove folder %s", name);
}

// Takes the descriptor.
static bool remove_content(struct removal *removal, int folder_fd, unsigned depth, GError **error)
{
	bool good = true;
	DIR *folder = fdopendir(folder_fd);

	if (!folder) {
		close(folder_fd);
		return berth_error_set_errno(error, errno, "list a folder");
	}
	for (struct dirent *entry; good && (entry = readdir(folder));) {
		if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
			continue;
		if (removal->strict && is_mount(dirfd(folder), entry->d_name)) {
			good = berth_error_set(error, BERTH_ERROR_CONFLICT, "%s: something is mounted on it",
					       entry->d_name);
			continue;
		}
		if (unlinkat(dirfd(folder), entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		good = errno == EISDIR || errno == EPERM
			       ? remove_folder(removal, dirfd(folder), entry->d_name, depth, error)
			       : berth_error_set_errno(error, errno, "remove %s", entry->d_name);
	}
	closedir(folder);
	return good;
}

static bool remove_tree(int dir_fd, const char *name, bool strict, GError **error)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return berth_error_set_errno(error, errno, "remove %s", name);

	struct stat status;
	berth_fd top = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return errno == ENOENT ? true : berth_error_set_errno(error, errno, "open folder %s", name);
	if (fstat(top, &status) < 0)
		return berth_error_set_errno(error, errno, "stat %s", name);
	struct removal removal = {.top = top, .device = status.st_dev, .strict = strict};
	unsigned before;
	do {
		before = removal.lifted;
		int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return berth_error_set_errno(error, errno, "open folder %s", name);
		if (!remove_content(&removal, fd, 1, error)) {
			g_prefix_error(error, "remove %s: ", name);
			return false;
		}
	} while (removal.lifted != before);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return berth_error_set_errno(error, errno, "remove folder %s", name);
	return true;
}

bool berth_remove_tree_at(int dir_fd, const char *name, GError **error)
{
	return remove_tree(dir_fd, name, false, error);
}

bool berth_remove_tree_strictly(int dir_fd, const char *name, GError **error)
{
	return remove_tree(dir_fd, name, true, error);
}
