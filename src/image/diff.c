// SPDX-License-Identifier: Apache-2.0
#include "image/diff.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"
#include "base/tar-header.h"
#include "image/layer-writer.h"
#include "store/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define WHITEOUT ".wh."
#define CHUNK (256 << 10)
#define BLOCK 512
#define END (2 * BLOCK)
#define CAPABILITY "security.capability"

struct diff {
	int top; // borrowed
	bool frozen; // nobody writes to it
	const struct berth_id_maps *ids;
	struct berth_layer_writer *writer;
	GHashTable *links; // inode of a file with several names -> the first of them in the layer
	char *parent; // of the last entry, and a descriptor of it; NULL and -1 at first
	int parent_fd;
	uint8_t *chunk;
	int64_t bytes; // of files
};

// Paths are those of berth_tree_compare(): "/etc/x".
static const char *base_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static bool enter_parent(struct diff *this, const char *path, GError **error)
{
	g_autofree char *parent = g_strndup(path, (gsize) (base_of(path) - path));

	if (this->parent && g_str_equal(this->parent, parent))
		return true;
	g_clear_pointer(&this->parent, g_free);
	berth_fd_clear(&this->parent_fd);
	this->parent_fd = berth_root_open(this->top, parent, O_RDONLY | O_DIRECTORY, 0, error);
	if (this->parent_fd < 0)
		return false;
	this->parent = g_steal_pointer(&parent);
	return true;
}

// What security modules of this host think of a file says nothing elsewhere.
static gboolean is_foreign(gpointer name, G_GNUC_UNUSED gpointer value, G_GNUC_UNUSED gpointer data)
{
	return g_str_has_prefix(name, "security.") && !g_str_equal(name, CAPABILITY);
}

static bool put_header(struct diff *this, struct berth_tar_header *header, GError **error)
{
	g_autoptr(GByteArray) blocks = g_byte_array_new();

	return berth_id_maps_to_image(this->ids, &header->uid, &header->gid, error) &&
	       berth_tar_header_append(blocks, header, error) &&
	       berth_layer_writer_add(this->writer, blocks->data, blocks->len, error);
}

static bool put_data(struct diff *this, int fd, off_t at, off_t end, GError **error)
{
	while (at < end) {
		ssize_t length = pread(fd, this->chunk, (size_t) MIN(end - at, CHUNK), at);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return berth_error_set_errno(error, errno, "read");
		if (length == 0)
			return berth_error_set(error, BERTH_ERROR_CONFLICT, "it became shorter while it was read");
		if (!berth_layer_writer_add(this->writer, this->chunk, (size_t) length, error))
			return false;
		at += length;
	}
	return true;
}

// Holes are not read. A file that takes all its bytes on the disk has none.
static bool put_content(struct diff *this, int fd, const struct stat *status, GError **error)
{
	off_t size = status->st_size, at = 0;

	if ((off_t) status->st_blocks * BLOCK >= size) {
		if (!put_data(this, fd, 0, size, error))
			return false;
		at = size;
	}
	while (at < size) {
		off_t data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			data = size;
		off_t hole = data < 0 || data >= size ? size : lseek(fd, data, SEEK_HOLE);
		if (data < 0 || hole < 0)
			return berth_error_set_errno(error, errno, "find its holes");
		data = MIN(data, size);
		hole = MIN(hole, size);
		if (!berth_layer_writer_zeros(this->writer, data - at, error) || !put_data(this, fd, data, hole, error))
			return false;
		at = hole;
	}
	return berth_layer_writer_zeros(this->writer, -size & (BLOCK - 1), error);
}

static bool put_whiteout(struct diff *this, const char *path, GError **error)
{
	g_autofree char *folder = g_strndup(path + 1, (gsize) (base_of(path) - path - 1));
	g_autofree char *name = g_strconcat(folder, WHITEOUT, base_of(path), NULL);
	struct berth_tar_header header = {.name = name, .type = '0', .mode = 0};

	return berth_id_maps_to_host(this->ids, &header.uid, &header.gid, error) && put_header(this, &header, error);
}

// *ret is the earlier name of the same file in this layer, NULL if there is none.
static void find_link(struct diff *this, const char *path, const struct stat *status, const char **ret)
{
	gint64 inode = (gint64) status->st_ino;

	*ret = NULL;
	if (S_ISDIR(status->st_mode) || status->st_nlink < 2)
		return;
	*ret = g_hash_table_lookup(this->links, &inode);
	if (!*ret)
		g_hash_table_insert(this->links, g_memdup2(&inode, sizeof inode), g_strdup(path + 1));
}

// A file that somebody may put something else in the place of is opened only when it is known to be one.
static int open_file(const struct diff *this, const char *name, const struct stat *seen, struct stat *ret)
{
	int fd = this->frozen ? openat(this->parent_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
			      : berth_open_regular(this->parent_fd, name);

	*ret = *seen;
	if (fd >= 0 && !this->frozen && fstat(fd, ret) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool put_entry(struct diff *this, const char *path, const struct stat *status, GError **error)
{
	g_autofree char *name = g_strconcat(path + 1, S_ISDIR(status->st_mode) ? "/" : "", NULL);
	struct berth_tar_header header = {
		name, '0', status->st_mode, status->st_uid, status->st_gid, .mtime = status->st_mtim};
	g_autofree char *target = g_malloc(PATH_MAX + 1);
	struct stat opened;
	berth_fd fd = -1;

	if (S_ISSOCK(status->st_mode))
		return true;
	if (S_ISREG(status->st_mode)) {
		fd = open_file(this, base_of(path), status, &opened);
		if (fd < 0)
			return berth_is_gone(errno) || berth_error_set_errno(error, errno, "open");
		header.size = opened.st_size;
	}
	find_link(this, path, status, &header.link);
	if (header.link) {
		header.type = '1';
		header.size = 0;
		return put_header(this, &header, error);
	}
	if (S_ISREG(status->st_mode) || S_ISLNK(status->st_mode))
		this->bytes += S_ISREG(status->st_mode) ? header.size : status->st_size;
	g_autoptr(GHashTable) xattrs = fd >= 0 ? berth_tree_file_xattrs(fd, base_of(path), error)
					       : berth_tree_xattrs(this->parent_fd, base_of(path), error);
	if (!xattrs)
		return false;
	g_hash_table_foreach_remove(xattrs, is_foreign, NULL);
	header.xattrs = xattrs;
	switch (status->st_mode & S_IFMT) {
	case S_IFREG:
		return put_header(this, &header, error) && put_content(this, fd, &opened, error);
	case S_IFLNK: {
		ssize_t length = readlinkat(this->parent_fd, base_of(path), target, PATH_MAX);
		if (length < 0)
			return berth_error_set_errno(error, errno, "read the link");
		target[length] = '\0';
		header.link = target;
		header.type = '2';
		header.mode = 0777;
		break;
	}
	case S_IFCHR:
	case S_IFBLK:
		header.device = status->st_rdev;
		header.type = S_ISCHR(status->st_mode) ? '3' : '4';
		break;
	case S_IFDIR:
		header.type = '5';
		break;
	case S_IFIFO:
		header.type = '6';
		break;
	default:
		return berth_error_set(error, BERTH_ERROR_INVALID, "its kind has no form in an archive");
	}
	return put_header(this, &header, error);
}

static bool put_change(void *data, const char *path, enum berth_change change, const struct stat *status,
		       GError **error)
{
	struct diff *this = data;
	bool done;

	if (change == BERTH_CHANGE_DELETED)
		done = put_whiteout(this, path, error);
	else if (g_str_has_prefix(base_of(path), WHITEOUT))
		done = berth_error_set(error, BERTH_ERROR_INVALID,
				       "a name that begins with " WHITEOUT " means a deletion in a layer");
	else
		done = enter_parent(this, path, error) && put_entry(this, path, status, error);
	if (done)
		return true;
	g_autofree char *shown = g_utf8_make_valid(path, -1);
	g_prefix_error(error, "%s: ", shown);
	return false;
}

static bool same_root(int top, int base, bool *ret, GError **error)
{
	struct stat ours, theirs;
	g_autoptr(GHashTable) own = berth_tree_xattrs(top, ".", error);
	g_autoptr(GHashTable) other = own ? berth_tree_xattrs(base, ".", error) : NULL;
	GHashTableIter iter;
	void *name, *value;

	if (!other)
		return false;
	if (fstat(top, &ours) < 0 || fstat(base, &theirs) < 0)
		return berth_error_set_errno(error, errno, "stat the root");
	*ret = ours.st_mode == theirs.st_mode && ours.st_uid == theirs.st_uid && ours.st_gid == theirs.st_gid &&
	       g_hash_table_size(own) == g_hash_table_size(other);
	g_hash_table_iter_init(&iter, own);
	while (*ret && g_hash_table_iter_next(&iter, &name, &value)) {
		GBytes *there = g_hash_table_lookup(other, name);
		*ret = there && g_bytes_equal(there, value);
	}
	return true;
}

// The comparison tells of all but the root itself. A lowest layer has it always.
static bool put_root(struct diff *this, int base, GError **error)
{
	struct stat status;
	bool same = false;

	if (base >= 0 && !same_root(this->top, base, &same, error))
		return false;
	if (same)
		return true;
	g_autoptr(GHashTable) xattrs = berth_tree_xattrs(this->top, ".", error);
	if (!xattrs)
		return false;
	if (fstat(this->top, &status) < 0)
		return berth_error_set_errno(error, errno, "stat the root");
	g_hash_table_foreach_remove(xattrs, is_foreign, NULL);
	struct berth_tar_header header = {
		"./", '5', status.st_mode, status.st_uid, status.st_gid, .mtime = status.st_mtim, .xattrs = xattrs};
	return put_header(this, &header, error);
}

bool berth_layer_diff_trees(const struct berth_snapshot_trees *trees, const struct berth_layer_diff_options *options,
			    int fd, struct berth_layer_diff *ret, GError **error)
{
	g_autoptr(berth_layer_writer) writer = berth_layer_writer_new(fd, options);
	struct diff this = {
		.top = trees->top, .frozen = trees->frozen, .ids = options->ids, .writer = writer, .parent_fd = -1};

	this.links = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	this.chunk = g_malloc(CHUNK);
	bool done = put_root(&this, trees->base, error) && berth_tree_compare(trees, put_change, &this, error) &&
		    berth_layer_writer_zeros(writer, END, error) && berth_layer_writer_finish(writer, ret, error);
	if (done)
		ret->bytes = this.bytes;
	g_hash_table_unref(this.links);
	g_free(this.chunk);
	g_free(this.parent);
	berth_fd_clear(&this.parent_fd);
	return done;
}
