// SPDX-License-Identifier: Apache-2.0
// A context's archive becomes files and nodes. Every entry is made beneath the descriptor of its folder, and no link is
// followed on the way to it: one that stands where a folder should be is refused. Everything belongs to root, whoever
// it belonged to where the context came from. What few system calls a small file takes is what counts here.
#include "build/context/tree-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "image/tar.h"
#include "image/unpack-attributes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define ACL_DEFAULT "system.posix_acl_default"
#define FOLDER_MODE 0755 // of folders that the archive does not list
#define OVERLAY_PREFIX "trusted.overlay."
#define PERMISSIONS 07777
#define ZEROS 4096

const struct berth_build_unpack_limits berth_build_context_limits = {
	.entries = BERTH_LIMIT_CONTEXT_ENTRIES,
	.bytes = BERTH_LIMIT_CONTEXT_BYTES,
};

struct unpacking {
	struct berth_build_tree *tree;
	const struct berth_build_unpack_limits *limits;
	struct berth_tar tar;
	mode_t umask;
	int64_t entries, bytes;
	char *path; // of the folder that the last entry was in, "" is the top
	struct berth_build_node *folder; // that one
	int fd; // and a descriptor of it
};

static mode_t kind_of(struct archive_entry *entry)
{
	return archive_entry_filetype(entry) & S_IFMT;
}

static struct timespec time_of(struct archive_entry *entry)
{
	struct timespec time = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};

	if (time.tv_nsec < 0 || time.tv_nsec >= 1000000000)
		time.tv_nsec = 0;
	return time;
}

// One folder further down, made if it is missing.
static bool step_down(struct unpacking *this, const char *name, GError **error)
{
	struct berth_build_node *child = berth_build_node_child(this->folder, name);

	if (child && !S_ISDIR(child->mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "the way to it is no folder of the archive: %s",
				       name);
	if (!child) {
		if (mkdirat(this->fd, name, FOLDER_MODE) < 0)
			return berth_error_set_errno(error, errno, "make its folder");
		child = berth_build_node_new(name, S_IFDIR | FOLDER_MODE);
		berth_build_node_add(this->folder, child);
	}
	int fd = openat(this->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open its folder");
	close(this->fd);
	this->fd = fd;
	this->folder = child;
	return true;
}

static bool go_to_top(struct unpacking *this, GError **error)
{
	berth_fd_clear(&this->fd);
	g_clear_pointer(&this->path, g_free);
	this->fd = openat(this->tree->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	this->folder = this->tree->top;
	return this->fd >= 0 || berth_error_set_errno(error, errno, "open the folder of the context");
}

// Enters the folder `path` of `length` bytes.
static bool enter(struct unpacking *this, const char *path, size_t length, GError **error)
{
	size_t known = this->path ? strlen(this->path) : 0;

	if (this->path && known == length && memcmp(this->path, path, length) == 0)
		return true;
	if (this->path && known > 0 && length > known && path[known] == '/' && memcmp(this->path, path, known) == 0)
		known++;
	else if (go_to_top(this, error))
		known = 0;
	else
		return false;
	g_autofree char *rest = g_strndup(path + known, length - known);
	g_auto(GStrv) names = g_strsplit(rest, "/", -1);
	g_clear_pointer(&this->path, g_free); // until all of it has been entered
	for (char **name = names; *name; name++)
		if (**name && !step_down(this, *name, error))
			return false;
	this->path = g_strndup(path, length);
	return true;
}

static bool check_limits(struct unpacking *this, struct archive_entry *entry, GError **error)
{
	int64_t size = kind_of(entry) == S_IFREG ? archive_entry_size(entry) : 0;

	if (++this->entries > this->limits->entries)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the context has more than %" G_GINT64_FORMAT " entries", this->limits->entries);
	if (size < 0 || size > this->limits->bytes - this->bytes)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "its %" G_GINT64_FORMAT " bytes make the context larger than %" G_GINT64_FORMAT
				       " bytes",
				       size, this->limits->bytes);
	this->bytes += size;
	return true;
}

static bool read_xattrs(struct archive_entry *entry, struct berth_build_node *node, GError **error)
{
	const char *name;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (size > BERTH_LIMIT_XATTR_BYTES)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "extended attribute %s is longer than %d bytes", name,
					       BERTH_LIMIT_XATTR_BYTES);
		if (g_str_has_prefix(name, OVERLAY_PREFIX))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "extended attribute %s: it belongs to the overlay file system", name);
		if (!node->xattrs)
			node->xattrs =
				g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
		g_hash_table_replace(node->xattrs, g_strdup(name), g_bytes_new(value, size));
	}
	return true;
}

static void hash_zeros(struct berth_hash *hash, int64_t count)
{
	static const char zeros[ZEROS];

	for (; count > 0; count -= MIN(count, ZEROS))
		berth_hash_update(hash, zeros, (size_t) MIN(count, ZEROS));
}

static bool write_content(struct unpacking *this, int fd, struct berth_build_content *content, GError **error)
{
	g_autoptr(berth_hash) hash = berth_hash_new();
	const void *block;
	size_t length;
	int64_t offset, seen = 0;
	int result;

	while ((result = archive_read_data_block(this->tar.archive, &block, &length, &offset)) == ARCHIVE_OK) {
		if (offset < seen || offset > content->size || (int64_t) length > content->size - offset)
			return berth_error_set(error, BERTH_ERROR_INVALID, "damaged: content outside of its size");
		hash_zeros(hash, offset - seen);
		berth_hash_update(hash, block, length);
		seen = offset + (int64_t) length;
		if (!berth_write_all_at(fd, block, length, offset, "the content", error))
			return false;
	}
	if (result != ARCHIVE_EOF)
		return berth_tar_failed(&this->tar, error);
	hash_zeros(hash, content->size - seen);
	berth_hash_digest(g_steal_pointer(&hash), content->digest);
	return seen == content->size || ftruncate(fd, content->size) == 0 ||
	       berth_error_set_errno(error, errno, "set its size");
}

static bool add_file(struct unpacking *this, struct archive_entry *entry, struct berth_build_node *node, GError **error)
{
	mode_t mode = node->mode & PERMISSIONS;
	bool plain = !(mode & ~(mode_t) 0777) && !(mode & this->umask);
	const struct timespec times[2] = {node->mtime, node->mtime};
	berth_fd fd =
		openat(this->fd, node->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, plain ? mode : 0600);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "make the file");
	node->content = berth_build_content_new();
	node->content->size = archive_entry_size(entry);
	if (!write_content(this, fd, node->content, error) || !berth_build_node_set_xattrs(node, fd, NULL, error))
		return false;
	if (!plain && fchmod(fd, mode) < 0)
		return berth_error_set_errno(error, errno, "set its mode");
	return futimens(fd, times) == 0 || berth_error_set_errno(error, errno, "set its times");
}

static bool add_special(struct unpacking *this, struct archive_entry *entry, struct berth_build_node *node,
			GError **error)
{
	const struct timespec times[2] = {node->mtime, node->mtime};
	const char *target = archive_entry_symlink(entry);

	if (S_ISLNK(node->mode)) {
		if (!target || !*target)
			return berth_error_set(error, BERTH_ERROR_INVALID, "a symbolic link without a target");
		node->mode = S_IFLNK | 0777; // whatever the archive says
		node->target = g_strdup(target);
		if (symlinkat(target, this->fd, node->name) < 0)
			return berth_error_set_errno(error, errno, "make the symbolic link");
	} else {
		if (!S_ISFIFO(node->mode))
			node->device = makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
		if (S_ISCHR(node->mode) && node->device == 0)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"character device 0:0 is the overlay file system's mark of a deleted file");
		// Nobody opens it here: its permissions are the node's.
		if (mknodat(this->fd, node->name, node->mode, node->device) < 0)
			return berth_error_set_errno(error, errno, "make the special file");
	}
	return utimensat(this->fd, node->name, times, AT_SYMLINK_NOFOLLOW) == 0 ||
	       berth_error_set_errno(error, errno, "set its times");
}

// What a folder hands down would be on files that were sent without it: the node keeps it, and COPY sets it when the
// folder is full.
static bool set_folder_xattrs(const struct berth_build_node *node, int fd, GError **error)
{
	if (!berth_build_node_set_xattrs(node, fd, NULL, error))
		return false;
	return !node->xattrs || !g_hash_table_contains(node->xattrs, ACL_DEFAULT) ||
	       fremovexattr(fd, ACL_DEFAULT) == 0 || errno == ENODATA ||
	       berth_error_set_errno(error, errno, "take back what the folder hands down");
}

static bool remove_xattrs(const struct berth_build_node *node, int fd, GError **error)
{
	GHashTableIter all;
	gpointer name;

	if (!node->xattrs)
		return true;
	g_hash_table_iter_init(&all, node->xattrs);
	while (g_hash_table_iter_next(&all, &name, NULL))
		if (fremovexattr(fd, name) < 0 && errno != ENODATA)
			return berth_error_set_errno(error, errno, "remove extended attribute %s", (const char *) name);
	return true;
}

static bool add_folder(struct unpacking *this, struct berth_build_node *node, GError **error)
{
	mode_t mode = node->mode & PERMISSIONS;

	if (mkdirat(this->fd, node->name, FOLDER_MODE) < 0)
		return berth_error_set_errno(error, errno, "make the folder");
	if (mode == (FOLDER_MODE & ~this->umask) && !node->xattrs)
		return true;
	berth_fd fd = openat(this->fd, node->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open the folder");
	return set_folder_xattrs(node, fd, error) &&
	       (fchmod(fd, mode) == 0 || berth_error_set_errno(error, errno, "set its mode"));
}

// A folder that is there already is as the later entry says.
static bool change_folder(struct unpacking *this, struct berth_build_node *there, struct berth_build_node *node,
			  GError **error)
{
	berth_fd fd = openat(this->fd, node->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "open the folder");
	if (!remove_xattrs(there, fd, error) || !set_folder_xattrs(node, fd, error))
		return false;
	if (fchmod(fd, node->mode & PERMISSIONS) < 0)
		return berth_error_set_errno(error, errno, "set its mode");
	there->mode = node->mode;
	there->mtime = node->mtime;
	g_clear_pointer(&there->xattrs, g_hash_table_unref);
	there->xattrs = g_steal_pointer(&node->xattrs);
	return true;
}

static struct berth_build_node *find_target(struct unpacking *this, const char *target)
{
	struct berth_build_node *node = this->tree->top;
	g_auto(GStrv) names = g_strsplit(target, "/", -1);

	for (char **name = names; node && *name; name++)
		node = berth_build_node_child(node, *name);
	return node;
}

static bool add_link(struct unpacking *this, struct archive_entry *entry, struct berth_build_node *node, GError **error)
{
	const char *link = archive_entry_hardlink(entry);
	g_autofree char *target = berth_tar_clean(link, BERTH_LIMIT_ARCHIVE_PATH, BERTH_LIMIT_ARCHIVE_DEPTH, error);

	if (!target) {
		g_prefix_error(error, "hard link to %s: ", link);
		return false;
	}
	struct berth_build_node *there = *target ? find_target(this, target) : NULL;
	if (!there || S_ISDIR(there->mode) || there->parent == NULL)
		return berth_error_set(error, BERTH_ERROR_INVALID, "hard link to %s, which is no file of the archive",
				       target);
	berth_fd fd = berth_build_tree_open_node(this->tree, there->parent, O_PATH | O_DIRECTORY, error);
	if (fd < 0)
		return false;
	if (linkat(fd, there->name, this->fd, node->name, 0) < 0)
		return berth_error_set_errno(error, errno, "link it to %s", target);
	node->mode = there->mode;
	node->mtime = there->mtime;
	node->device = there->device;
	node->target = g_strdup(there->target);
	g_clear_pointer(&node->xattrs, g_hash_table_unref);
	node->xattrs = there->xattrs ? g_hash_table_ref(there->xattrs) : NULL;
	there->shared = node->shared = !there->content;
	if (there->content) {
		node->content = berth_build_content_ref(there->content);
		node->content->shared = true;
	}
	return true;
}

static bool make(struct unpacking *this, struct archive_entry *entry, struct berth_build_node *node, GError **error)
{
	if (archive_entry_hardlink(entry))
		return add_link(this, entry, node, error);
	switch (node->mode & S_IFMT) {
	case S_IFREG:
		return add_file(this, entry, node, error);
	case S_IFDIR:
		return add_folder(this, node, error);
	case S_IFLNK:
	case S_IFIFO:
	case S_IFCHR:
	case S_IFBLK:
		return add_special(this, entry, node, error);
	default:
		return berth_error_set(error, BERTH_ERROR_INVALID, "an entry of an unknown kind");
	}
}

static bool unpack_entry(struct unpacking *this, struct archive_entry *entry, GError **error)
{
	const char *name = archive_entry_pathname(entry);

	if (!name || !*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has no name");
	g_autofree char *path = berth_tar_clean(name, BERTH_LIMIT_ARCHIVE_PATH, BERTH_LIMIT_ARCHIVE_DEPTH, error);
	if (!path || !check_limits(this, entry, error))
		return false;
	if (!*path) // of the top only what is in it counts
		return true;
	const char *slash = strrchr(path, '/');
	if (!enter(this, path, slash ? (size_t) (slash - path) : 0, error))
		return false;
	g_autoptr(berth_build_node) node = berth_build_node_new(
		slash ? slash + 1 : path, kind_of(entry) | (archive_entry_perm(entry) & PERMISSIONS));
	node->mtime = time_of(entry);
	if (!archive_entry_hardlink(entry) && !read_xattrs(entry, node, error))
		return false;
	struct berth_build_node *there = berth_build_node_child(this->folder, node->name);
	if (there && S_ISDIR(there->mode) && S_ISDIR(node->mode))
		return change_folder(this, there, node, error);
	if (there) {
		if (archive_entry_hardlink(entry) && g_str_equal(archive_entry_hardlink(entry), name))
			return true;
		berth_build_node_remove(there);
		if (!berth_remove_tree_at(this->fd, node->name, error))
			return false;
	}
	if (!make(this, entry, node, error))
		return false;
	berth_build_node_add(this->folder, g_steal_pointer(&node));
	return true;
}

static bool unpack_entries(struct unpacking *this, GError **error)
{
	struct archive_entry *entry;
	int more;

	while ((more = berth_tar_next(&this->tar, &entry, error)) > 0) {
		GError *failure = NULL;
		if (unpack_entry(this, entry, &failure))
			continue;
		const char *name = archive_entry_pathname(entry);
		g_autofree char *shown = berth_tar_printable(name ? name : "");
		if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) ||
		    g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CONFLICT))
			failure->code = BERTH_ERROR_INVALID;
		g_propagate_prefixed_error(error, failure, "entry %" G_GINT64_FORMAT " (%s): ", this->entries, shown);
		return false;
	}
	if (more < 0)
		g_prefix_error(error, "behind entry %" G_GINT64_FORMAT ": ", this->entries);
	return more == 0;
}

bool berth_build_unpack(struct berth_build_tree *tree, struct berth_source source,
			const struct berth_build_unpack_limits *limits, GError **error)
{
	struct unpacking this = {.tree = tree, .limits = limits, .fd = -1};

	this.umask = berth_unpack_defaults_read().umask;
	// Headers and padding come beside the content.
	bool done = berth_tar_open(&this.tar, source, 2 * limits->bytes, false, error) && go_to_top(&this, error) &&
		    unpack_entries(&this, error) && berth_tar_finish(&this.tar, NULL, error);
	berth_tar_close(&this.tar);
	berth_fd_clear(&this.fd);
	g_free(this.path);
	if (!done)
		g_prefix_error(error, "unpack the context: ");
	return done;
}
