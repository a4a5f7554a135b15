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
#define HOLE ((size_t) 16 << 10)
#define PARENT_MODE 0755 // of folders that the archive does not list

struct folder_times {
	char *path;
	struct timespec times[2];
};

static void folder_times_clear(gpointer folder)
{
	g_free(((struct folder_times *) folder)->path);
}

void berth_unpack_tree_init(struct berth_unpack_tree *this, int root_fd, enum berth_whiteouts whiteouts,
			    const struct berth_id_maps *ids)
{
	*this = (struct berth_unpack_tree){.root_fd = root_fd, .whiteouts = whiteouts, .ids = ids, .parent_fd = -1};
	this->defaults = berth_unpack_defaults_read();
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

// Folders that the archive does not list belong to the image's root, whoever that is on the host.
static bool own(const struct berth_unpack_tree *this, const char *path, GError **error)
{
	uint32_t uid = 0, gid = 0;

	if (!berth_id_maps_to_host(this->ids, &uid, &gid, error))
		return false;
	berth_fd fd = berth_root_open(this->root_fd, path, O_PATH | O_DIRECTORY, 0, error);
	return fd >= 0 && (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0 ||
			   berth_error_set_errno(error, errno, "set the owner of %s", path));
}

static int make_parents(struct berth_unpack_tree *this, const char *path, GError **error)
{
	size_t there = 0, next;

	// How much of the path is there; only of interest where somebody else is to own the rest.
	for (next = strcspn(path, "/"); this->ids && next <= strlen(path); next += 1 + strcspn(path + next + 1, "/")) {
		g_autofree char *part = g_strndup(path, next);
		berth_fd fd = berth_root_open(this->root_fd, part, O_PATH | O_DIRECTORY, 0, NULL);
		if (fd < 0)
			break;
		there = next;
		if (path[next] == '\0')
			break;
	}
	berth_fd made = berth_root_make_folder(this->root_fd, path, PARENT_MODE, error);
	if (made < 0) {
		g_prefix_error(error, "the way to it is no folder of the layer: ");
		return -1;
	}
	while (this->ids && there < strlen(path)) {
		there += 1 + strcspn(path + there + 1, "/");
		g_autofree char *part = g_strndup(path, there);
		if (!own(this, part, error))
			return -1;
	}
	return berth_fd_steal(&made);
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
		berth_fd made = make_parents(this, parent, error);
		if (made < 0)
			return -1;
		this->parent_fd = openat(made, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (this->parent_fd < 0) {
		berth_error_set_errno(error, errno, "open its folder");
		return -1;
	}
	if (!berth_unpack_heritage_read(this->parent_fd, &this->heritage, error))
		return -1;
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

// Removes what is in the way of an entry. From here, outside of the container's mount namespace, the kernel would let a
// file be removed on which the container has something mounted, and take that mount away.
static bool clear_way(struct berth_unpack_tree *this, int folder, const char *name, GError **error)
{
	struct statx status;

	if (!this->place)
		return berth_remove_tree_at(folder, name, error);
	if (statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "look for what is there");
	if (status.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return berth_error_set_errno(error, EBUSY, "something is mounted there: unlinkat %s", name);
	return S_ISDIR(status.stx_mode) ? berth_remove_tree_strictly(folder, name, error)
					: berth_remove_tree_at(folder, name, error);
}

// As Docker refuses it.
static bool check_kind(struct berth_unpack_tree *this, const char *path, bool folder, GError **error)
{
	struct stat status;

	if (!this->keep_kinds || fstatat(this->parent_fd, base_of(path), &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    S_ISDIR(status.st_mode) == folder)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       folder ? "cannot overwrite non-directory \"/%s\" with directory \"/%s\""
				      : "cannot overwrite directory \"/%s\" with non-directory \"/%s\"",
			       path, this->place);
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

// The length of what belongs together at `offset`, up to where the file would have a whole HOLE of zeros or go on
// behind one. *ret_zeros: it is such a hole.
static size_t next_part(const char *data, size_t length, int64_t offset, bool *ret_zeros)
{
	size_t part = 0;

	*ret_zeros = false;
	while (part < length) {
		size_t piece = MIN(length - part, HOLE - (size_t) ((offset + (int64_t) part) % HOLE));
		bool zeros = piece == HOLE && data[part] == 0 && memcmp(data + part, data + part + 1, HOLE - 1) == 0;
		if (part > 0 && zeros != *ret_zeros)
			break;
		*ret_zeros = zeros;
		part += piece;
	}
	return part;
}

// Whole HOLEs of zeros are not written: layers have no other way to say that a file has holes.
static bool write_block(int fd, const char *data, size_t length, int64_t offset, int64_t *end, GError **error)
{
	while (length > 0) {
		bool zeros;
		size_t part = next_part(data, length, offset, &zeros);
		if (!zeros && !berth_write_all_at(fd, data, part, offset, "the content", error))
			return false;
		data += part;
		offset += (int64_t) part;
		length -= part;
		if (!zeros)
			*end = offset;
	}
	return true;
}

static bool write_content(int fd, struct berth_tar *tar, int64_t size, GError **error)
{
	const void *block;
	size_t length;
	int64_t offset, seen = 0, end = 0; // end: of what was written
	int result;

	while ((result = archive_read_data_block(tar->archive, &block, &length, &offset)) == ARCHIVE_OK) {
		if (offset < seen || offset > size || (int64_t) length > size - offset)
			return berth_error_set(error, BERTH_ERROR_INVALID, "damaged: content outside of its size");
		seen = offset + (int64_t) length;
		if (!write_block(fd, block, length, offset, &end, error))
			return false;
	}
	if (result != ARCHIVE_EOF)
		return berth_tar_failed(tar, error);
	// A hole may be last.
	return end == size || ftruncate(fd, size) == 0 || berth_error_set_errno(error, errno, "set its size");
}

static bool add_file(struct berth_unpack_tree *this, const char *name, struct berth_tar *tar,
		     struct berth_unpack_attributes *attributes, GError **error)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	berth_fd fd = openat(this->parent_fd, name, flags, attributes->made_with);

	if (fd < 0 && errno == EEXIST) {
		if (!clear_way(this, this->parent_fd, name, error))
			return false;
		fd = openat(this->parent_fd, name, flags, attributes->made_with);
	}
	if (fd < 0)
		return berth_error_set_errno(error, errno, "make the file");
	attributes->new = true;
	return write_content(fd, tar, archive_entry_size(attributes->entry), error) &&
	       berth_unpack_attributes_set(attributes, fd, false, error);
}

static int make_special(int folder, const char *name, const struct berth_unpack_attributes *attributes)
{
	struct archive_entry *entry = attributes->entry;
	mode_t type = archive_entry_filetype(entry);

	if (type == AE_IFLNK)
		return symlinkat(archive_entry_symlink(entry), folder, name);
	return mknodat(folder, name, type | attributes->made_with,
		       type == AE_IFIFO ? 0 : makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry)));
}

static bool check_special(struct archive_entry *entry, GError **error)
{
	const char *target = archive_entry_symlink(entry);
	mode_t type = archive_entry_filetype(entry);

	if (type == AE_IFLNK && (!target || !*target))
		return berth_error_set(error, BERTH_ERROR_INVALID, "a symbolic link without a target");
	if (type == AE_IFCHR && archive_entry_rdevmajor(entry) == 0 && archive_entry_rdevminor(entry) == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "character device 0:0 is the overlay file system's mark of a deleted file");
	return true;
}

static bool add_special(struct berth_unpack_tree *this, const char *name, struct berth_unpack_attributes *attributes,
			GError **error)
{
	mode_t type = archive_entry_filetype(attributes->entry);

	if (!check_special(attributes->entry, error))
		return false;
	int result = make_special(this->parent_fd, name, attributes);
	if (result < 0 && errno == EEXIST) {
		if (!clear_way(this, this->parent_fd, name, error))
			return false;
		result = make_special(this->parent_fd, name, attributes);
	}
	if (result < 0)
		return berth_error_set_errno(error, errno, "make the %s",
					     type == AE_IFLNK   ? "symbolic link"
					     : type == AE_IFIFO ? "pipe"
								: "device");
	attributes->new = true;
	return berth_unpack_attributes_set_special(attributes, this->parent_fd, name, error);
}

// Makes the folder, unless there is one. *ret_opaque: it takes the place of what was hidden, so it hides what is below.
static bool make_folder(struct berth_unpack_tree *this, int parent_fd, const char *name,
			struct berth_unpack_attributes *attributes, bool *ret_opaque, GError **error)
{
	struct stat status;

	*ret_opaque = false;
	attributes->new = mkdirat(parent_fd, name, attributes->made_with) == 0;
	if (attributes->new)
		return true;
	if (errno != EEXIST)
		return berth_error_set_errno(error, errno, "make the folder");
	if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "look for what is there");
	if (S_ISDIR(status.st_mode))
		return true;
	*ret_opaque = this->whiteouts == BERTH_WHITEOUTS_OVERLAY && is_whiteout(&status);
	if (!clear_way(this, parent_fd, name, error))
		return false;
	attributes->new = mkdirat(parent_fd, name, attributes->made_with) == 0;
	return attributes->new || berth_error_set_errno(error, errno, "make the folder");
}

// What comes next in the archive mostly lies in this folder.
static bool become_parent(struct berth_unpack_tree *this, int *fd, const char *path,
			  const struct berth_unpack_attributes *attributes, GError **error)
{
	struct berth_unpack_heritage heritage = {(attributes->mode & S_ISGID) != 0, false};

	if (this->added) // it asks for the parent of the entry itself
		return true;
	if ((!attributes->new || archive_entry_xattr_count(attributes->entry) > 0) &&
	    !berth_unpack_heritage_read(*fd, &heritage, error))
		return false;
	forget_parent(this);
	this->parent = g_strdup(*path ? path : ".");
	this->parent_fd = berth_fd_steal(fd);
	this->heritage = heritage;
	return true;
}

static bool add_folder(struct berth_unpack_tree *this, int parent_fd, const char *path,
		       struct berth_unpack_attributes *attributes, GError **error)
{
	const char *name = *path ? base_of(path) : ".";
	struct folder_times folder = {.path = g_strdup(*path ? path : ".")};
	bool opaque;

	memcpy(folder.times, attributes->times, sizeof folder.times);
	g_array_append_val(this->folders, folder);
	if (!make_folder(this, parent_fd, name, attributes, &opaque, error))
		return false;
	berth_fd fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open the folder");
	return (!opaque || set_opaque(fd, error)) && berth_unpack_attributes_set(attributes, fd, true, error) &&
	       become_parent(this, &fd, path, attributes, error);
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
	if (linkat(target_fd, target_name, this->parent_fd, name, 0) == 0)
		return true;
	if (errno != EEXIST)
		return berth_error_set_errno(error, errno, "link it to %s", target);
	if (fstatat(this->parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "look for what is there");
	if (there.st_ino == wanted.st_ino && there.st_dev == wanted.st_dev)
		return true;
	if (!clear_way(this, this->parent_fd, name, error))
		return false;
	return linkat(target_fd, target_name, this->parent_fd, name, 0) == 0 ||
	       berth_error_set_errno(error, errno, "link it to %s", target);
}

static bool add(struct berth_unpack_tree *this, struct berth_tar *tar, const char *path,
		struct berth_unpack_attributes *attributes, GError **error)
{
	mode_t type = archive_entry_filetype(attributes->entry);

	switch (type) {
	case AE_IFREG:
		return add_file(this, base_of(path), tar, attributes, error);
	case AE_IFDIR:
		return add_folder(this, this->parent_fd, path, attributes, error);
	case AE_IFLNK:
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		return add_special(this, base_of(path), attributes, error);
	default:
		return berth_error_set(error, BERTH_ERROR_INVALID, "its kind %o is unknown", (unsigned) type);
	}
}

bool berth_unpack_tree_add(struct berth_unpack_tree *this, struct berth_tar *tar, struct archive_entry *entry,
			   const char *path, const char *target, GError **error)
{
	struct berth_unpack_attributes attributes;

	if (*path == '\0' && (target || archive_entry_filetype(entry) != AE_IFDIR))
		return berth_error_set(error, BERTH_ERROR_INVALID, "the root can only be a folder");
	if (*path && (enter_parent(this, path, error) < 0 ||
		      !check_kind(this, path, !target && archive_entry_filetype(entry) == AE_IFDIR, error)))
		return false;
	if (this->owner) {
		archive_entry_set_uid(entry, this->owner[0]);
		archive_entry_set_gid(entry, this->owner[1]);
	}
	if (!target &&
	    !berth_unpack_attributes_read(entry, this->ids, &this->defaults, this->heritage, &attributes, error))
		return false;
	if (*path == '\0')
		return add_folder(this, this->root_fd, path, &attributes, error);
	if (!(target ? add_link(this, path, target, error) : add(this, tar, path, &attributes, error)))
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
