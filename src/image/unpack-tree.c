// SPDX-License-Identifier: Apache-2.0
#include "image/unpack-tree.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define OVERLAY_OPAQUE "trusted.overlay.opaque"
#define OVERLAY_PREFIX "trusted.overlay."
#define PARENT_MODE 0755 // of folders that the archive does not list

struct folder_times {
	char *path;
	struct timespec times[2];
};

static void folder_times_clear(gpointer folder)
{
	g_free(((struct folder_times *) folder)->path);
}

void berth_unpack_tree_init(struct berth_unpack_tree *this, int root_fd, enum berth_whiteouts whiteouts)
{
	*this = (struct berth_unpack_tree){.root_fd = root_fd, .whiteouts = whiteouts, .parent_fd = -1};
	this->folders = g_array_new(false, false, sizeof(struct folder_times));
	g_array_set_clear_func(this->folders, folder_times_clear);
	if (whiteouts == BERTH_WHITEOUTS_DELETE)
		this->added = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void forget_parent(struct berth_unpack_tree *this)
{
	g_clear_pointer(&this->parent, g_free);
	berth_fd_clear(&this->parent_fd);
}

void berth_unpack_tree_clear(struct berth_unpack_tree *this)
{
	forget_parent(this);
	g_array_unref(this->folders);
	g_clear_pointer(&this->added, g_hash_table_unref);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *parent_of(const char *path)
{
	const char *base = base_of(path);

	return base == path ? g_strdup(".") : g_strndup(path, (gsize) (base - path - 1));
}

// Opens the folder that `path` lies in, making what is missing. The descriptor is the tree's and valid until the next
// call.
static int enter_parent(struct berth_unpack_tree *this, const char *path, GError **error)
{
	g_autofree char *parent = parent_of(path);

	if (this->parent && g_str_equal(this->parent, parent))
		return this->parent_fd;
	forget_parent(this);
	this->parent_fd = berth_root_open(this->root_fd, parent, O_RDONLY | O_DIRECTORY, 0, NULL);
	if (this->parent_fd < 0) {
		berth_fd made = berth_root_make_folder(this->root_fd, parent, PARENT_MODE, error);
		if (made < 0) {
			g_prefix_error(error, "the way to it is no folder of the layer: ");
			return -1;
		}
		this->parent_fd = openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (this->parent_fd < 0) {
		berth_error_set_errno(error, errno, "open its folder");
		return -1;
	}
	this->parent = g_steal_pointer(&parent);
	return this->parent_fd;
}

static char *added_key(int parent_fd, const char *name)
{
	struct stat status = {0};

	fstat(parent_fd, &status);
	return g_strdup_printf("%ju/%s", (uintmax_t) status.st_ino, name);
}

static bool is_added(const struct berth_unpack_tree *this, int parent_fd, const char *name)
{
	g_autofree char *key = added_key(parent_fd, name);

	return g_hash_table_contains(this->added, key);
}

static bool is_whiteout(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == 0;
}

static bool set_opaque(int fd, GError **error)
{
	return fsetxattr(fd, OVERLAY_OPAQUE, "y", 1, 0) == 0 ||
	       berth_error_set_errno(error, errno, "mark the folder opaque");
}

static bool set_xattrs(int fd, bool opened, struct archive_entry *entry, GError **error)
{
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
	const char *name;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (g_str_has_prefix(name, OVERLAY_PREFIX))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "extended attribute %s: it belongs to the overlay file system", name);
		int result = opened ? fsetxattr(fd, name, value, size, 0) : setxattr(link, name, value, size, 0);
		if (result < 0)
			return berth_error_set_errno(error, errno, "set extended attribute %s", name);
	}
	return true;
}

static void times_of(struct archive_entry *entry, struct timespec times[2])
{
	times[1] = (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
	times[0] = times[1];
	if (archive_entry_atime_is_set(entry))
		times[0] = (struct timespec){archive_entry_atime(entry), archive_entry_atime_nsec(entry)};
	for (int i = 0; i < 2; i++)
		if (times[i].tv_nsec < 0 || times[i].tv_nsec >= 1000000000)
			times[i].tv_nsec = 0;
}

// `opened`: the descriptor is open for more than its path. The order matters: a change of owner takes set-user-id bits
// and capabilities away.
static bool set_metadata(int fd, bool opened, struct archive_entry *entry, GError **error)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	mode_t mode = archive_entry_perm(entry) & 07777;
	struct timespec times[2];

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "its owner %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " is no valid user and group",
				       uid, gid);
	if (fchownat(fd, "", (uid_t) uid, (gid_t) gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set its owner");
	if (!set_xattrs(fd, opened, entry, error))
		return false;
	if (opened && fchmod(fd, mode) < 0)
		return berth_error_set_errno(error, errno, "set its mode");
	if (!opened && archive_entry_filetype(entry) != AE_IFLNK) {
		g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
		if (chmod(link, mode) < 0)
			return berth_error_set_errno(error, errno, "set its mode");
	}
	times_of(entry, times);
	if (utimensat(fd, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set its times");
	return true;
}

static bool write_content(int fd, struct berth_tar *tar, int64_t size, GError **error)
{
	const void *block;
	size_t length;
	int64_t offset, end = 0;
	int result;

	while ((result = archive_read_data_block(tar->archive, &block, &length, &offset)) == ARCHIVE_OK) {
		if (offset < end || offset > size || (int64_t) length > size - offset)
			return berth_error_set(error, BERTH_ERROR_INVALID, "damaged: content outside of its size");
		end = offset + (int64_t) length;
		for (const char *next = block; length > 0;) {
			ssize_t written = pwrite(fd, next, length, offset);
			if (written < 0 && errno == EINTR)
				continue;
			if (written < 0)
				return berth_error_set_errno(error, errno, "write");
			next += written;
			offset += written;
			length -= (size_t) written;
		}
	}
	if (result != ARCHIVE_EOF)
		return berth_tar_failed(tar, error);
	// A hole may be last.
	return end == size || ftruncate(fd, size) == 0 || berth_error_set_errno(error, errno, "set its size");
}

static bool add_file(int parent_fd, const char *name, struct berth_tar *tar, struct archive_entry *entry,
		     GError **error)
{
	berth_fd fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "make the file");
	return write_content(fd, tar, archive_entry_size(entry), error) && set_metadata(fd, true, entry, error);
}

static bool add_special(int parent_fd, const char *name, struct archive_entry *entry, GError **error)
{
	mode_t type = archive_entry_filetype(entry);
	dev_t device = 0;
	const char *target = archive_entry_symlink(entry);
	int result;

	if (type == AE_IFLNK && (!target || !*target))
		return berth_error_set(error, BERTH_ERROR_INVALID, "a symbolic link without a target");
	if (type == AE_IFCHR || type == AE_IFBLK)
		device = makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
	if (type == AE_IFCHR && device == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "character device 0:0 is the overlay file system's mark of a deleted file");
	if (type == AE_IFLNK)
		result = symlinkat(target, parent_fd, name);
	else
		result = mknodat(parent_fd, name, type | 0600, device);
	if (result < 0)
		return berth_error_set_errno(error, errno, "make the %s",
					     type == AE_IFLNK   ? "symbolic link"
					     : type == AE_IFIFO ? "pipe"
								: "device");
	berth_fd fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open it");
	return set_metadata(fd, false, entry, error);
}

static bool add_folder(struct berth_unpack_tree *this, int parent_fd, const char *path, bool opaque,
		       struct archive_entry *entry, GError **error)
{
	const char *name = *path ? base_of(path) : ".";
	struct folder_times folder = {.path = g_strdup(*path ? path : ".")};

	times_of(entry, folder.times);
	g_array_append_val(this->folders, folder);
	if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make the folder");
	berth_fd fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open the folder");
	return (!opaque || set_opaque(fd, error)) && set_metadata(fd, true, entry, error);
}

static bool add_link(struct berth_unpack_tree *this, const char *path, const char *target, GError **error)
{
	g_autofree char *folder = parent_of(target);
	const char *name = base_of(path), *target_name = base_of(target);
	struct stat wanted, there;

	berth_fd target_fd = berth_root_open(this->root_fd, folder, O_PATH | O_DIRECTORY, 0, NULL);
	if (target_fd < 0 || fstatat(target_fd, target_name, &wanted, AT_SYMLINK_NOFOLLOW) < 0 || is_whiteout(&wanted))
		return berth_error_set(error, BERTH_ERROR_INVALID, "hard link to %s, which the layer does not have",
				       target);
	if (S_ISDIR(wanted.st_mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "hard link to the folder %s", target);
	if (fstatat(this->parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		if (there.st_ino == wanted.st_ino && there.st_dev == wanted.st_dev)
			return true;
		if (!berth_remove_tree_at(this->parent_fd, name, error))
			return false;
	}
	return linkat(target_fd, target_name, this->parent_fd, name, 0) == 0 ||
	       berth_error_set_errno(error, errno, "link it to %s", target);
}

// Makes room for an entry. *ret_opaque: a folder takes the place of what was hidden, so it hides what is below.
static bool make_room(struct berth_unpack_tree *this, const char *name, bool folder, bool *ret_opaque, GError **error)
{
	struct stat status;

	*ret_opaque = false;
	if (fstatat(this->parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "look for what is there");
	if (folder && S_ISDIR(status.st_mode))
		return true;
	*ret_opaque = folder && this->whiteouts == BERTH_WHITEOUTS_OVERLAY && is_whiteout(&status);
	return berth_remove_tree_at(this->parent_fd, name, error);
}

static bool add(struct berth_unpack_tree *this, struct berth_tar *tar, struct archive_entry *entry, const char *path,
		GError **error)
{
	mode_t type = archive_entry_filetype(entry);
	bool opaque;

	if (!make_room(this, base_of(path), type == AE_IFDIR, &opaque, error))
		return false;
	switch (type) {
	case AE_IFREG:
		return add_file(this->parent_fd, base_of(path), tar, entry, error);
	case AE_IFDIR:
		return add_folder(this, this->parent_fd, path, opaque, entry, error);
	case AE_IFLNK:
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		return add_special(this->parent_fd, base_of(path), entry, error);
	default:
		return berth_error_set(error, BERTH_ERROR_INVALID, "its kind %o is unknown", (unsigned) type);
	}
}

bool berth_unpack_tree_add(struct berth_unpack_tree *this, struct berth_tar *tar, struct archive_entry *entry,
			   const char *path, const char *target, GError **error)
{
	if (*path == '\0') {
		if (target || archive_entry_filetype(entry) != AE_IFDIR)
			return berth_error_set(error, BERTH_ERROR_INVALID, "the root can only be a folder");
		return add_folder(this, this->root_fd, path, false, entry, error);
	}
	if (enter_parent(this, path, error) < 0)
		return false;
	if (!(target ? add_link(this, path, target, error) : add(this, tar, entry, path, error)))
		return false;
	if (this->added)
		g_hash_table_add(this->added, added_key(this->parent_fd, base_of(path)));
	return true;
}

static bool remove_foreign_content(struct berth_unpack_tree *this, int fd, GError **error);

// Removes what a layer below has at `name`, down to what this layer put into it.
static bool remove_foreign(struct berth_unpack_tree *this, int parent_fd, const char *name, GError **error)
{
	struct stat status;

	if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "look for %s", name);
	bool ours = is_added(this, parent_fd, name);
	if (!S_ISDIR(status.st_mode))
		return ours || unlinkat(parent_fd, name, 0) == 0 ||
		       berth_error_set_errno(error, errno, "remove %s", name);
	berth_fd fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open %s", name);
	if (!remove_foreign_content(this, fd, error))
		return false;
	return ours || unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOTEMPTY ||
	       berth_error_set_errno(error, errno, "remove %s", name);
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static bool remove_foreign_content(struct berth_unpack_tree *this, int fd, GError **error)
{
	int listed = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(close_folder))) DIR *folder = listed < 0 ? NULL : fdopendir(listed);

	if (!folder) {
		berth_fd_clear(&listed);
		return berth_error_set_errno(error, errno, "list the folder");
	}
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, "..") &&
		    !remove_foreign(this, fd, entry->d_name, error))
			return false;
	return true;
}

bool berth_unpack_tree_hide(struct berth_unpack_tree *this, const char *path, GError **error)
{
	const char *name = base_of(path);
	struct stat status;

	if (enter_parent(this, path, error) < 0)
		return false;
	if (this->whiteouts == BERTH_WHITEOUTS_DELETE)
		return remove_foreign(this, this->parent_fd, name, error);
	if (fstatat(this->parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return mknodat(this->parent_fd, name, S_IFCHR, 0) == 0 ||
		       berth_error_set_errno(error, errno, "make the whiteout");
	if (!S_ISDIR(status.st_mode))
		return true;
	berth_fd fd = openat(this->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open the folder");
	return set_opaque(fd, error);
}

bool berth_unpack_tree_hide_content(struct berth_unpack_tree *this, const char *path, GError **error)
{
	g_autofree char *inside = g_strconcat(path, *path ? "/." : ".", NULL);

	if (*path == '\0')
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "hiding the whole root of the layers below is not supported by this version; "
				       "build the image without it");
	if (enter_parent(this, inside, error) < 0)
		return false;
	return this->whiteouts == BERTH_WHITEOUTS_OVERLAY ? set_opaque(this->parent_fd, error)
							  : remove_foreign_content(this, this->parent_fd, error);
}

bool berth_unpack_tree_finish(struct berth_unpack_tree *this, GError **error)
{
	forget_parent(this);
	for (guint i = 0; i < this->folders->len; i++) {
		const struct folder_times *folder = &g_array_index(this->folders, struct folder_times, i);
		berth_fd fd = berth_root_open(this->root_fd, folder->path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, NULL);
		// It may have been replaced or hidden by a later entry.
		if (fd >= 0 && utimensat(fd, "", folder->times, AT_EMPTY_PATH) < 0)
			return berth_error_set_errno(error, errno, "%s: set its times", folder->path);
	}
	return true;
}
