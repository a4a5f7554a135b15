// SPDX-License-Identifier: Apache-2.0
// The way down is kept in an array, not on the stack: callers have small ones, and who makes trees makes deep ones.
#include "base/tree-tar.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define CHUNK (256 << 10)
#define BLOCK 512
#define CAPABILITY "security.capability"

struct identity {
	dev_t device;
	ino_t inode;
};

struct level {
	int fd;
	dev_t device;
	GPtrArray *names; // each is its kind (d_type) and its name behind it
	guint next;
	gsize length; // of the path
	GByteArray *pending; // header of a folder that is there only if something beneath it is; NULL: none
};

struct writing {
	const struct berth_tree_tar *options;
	GHashTable *links; // identity of a file with several names -> the first of them in the archive
	GString *path; // of what is being written
	GArray *levels; // of struct level
	uint8_t *chunk; // what waits to be written
	size_t filled;
	int64_t entries;
};

static guint identity_hash(gconstpointer key)
{
	const struct identity *identity = key;

	return (guint) (identity->inode ^ (identity->inode >> 32) ^ (identity->device * 31));
}

static gboolean identity_equal(gconstpointer a, gconstpointer b)
{
	const struct identity *one = a, *other = b;

	return one->device == other->device && one->inode == other->inode;
}

static void level_clear(gpointer data)
{
	struct level *level = data;

	berth_fd_clear(&level->fd);
	g_clear_pointer(&level->names, g_ptr_array_unref);
	g_clear_pointer(&level->pending, g_byte_array_unref);
}

static bool fail(const struct writing *this, int errnum, const char *what, GError **error)
{
	g_autofree char *shown = g_utf8_make_valid(this->path->str, -1);

	return berth_error_set_errno(error, errnum, "%s %s", what, shown);
}

static bool flush(struct writing *this, GError **error)
{
	if (this->filled > 0 && !this->options->write(this->options->data, this->chunk, this->filled))
		return berth_error_set(error, BERTH_ERROR_CANCELED, "the client went away");
	this->filled = 0;
	return true;
}

static bool put(struct writing *this, const void *bytes, size_t length, GError **error)
{
	for (const uint8_t *next = bytes; length > 0;) {
		size_t part = MIN(length, CHUNK - this->filled);
		memcpy(this->chunk + this->filled, next, part);
		this->filled += part;
		next += part;
		length -= part;
		if (this->filled == CHUNK && !flush(this, error))
			return false;
	}
	return true;
}

static bool put_zeros(struct writing *this, int64_t length, GError **error)
{
	while (length > 0) {
		size_t part = (size_t) MIN(length, (int64_t) (CHUNK - this->filled));
		memset(this->chunk + this->filled, 0, part);
		this->filled += part;
		length -= (int64_t) part;
		if (this->filled == CHUNK && !flush(this, error))
			return false;
	}
	return true;
}

// As many bytes as the header says: a file that becomes shorter meanwhile is filled up with zeros.
static bool put_content(struct writing *this, int fd, int64_t size, GError **error)
{
	int64_t left = size;

	while (left > 0) {
		size_t room = (size_t) MIN(left, (int64_t) (CHUNK - this->filled));
		ssize_t length = read(fd, this->chunk + this->filled, room);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return fail(this, errno, "read", error);
		if (length == 0)
			break;
		this->filled += (size_t) length;
		left -= length;
		if (this->filled == CHUNK && !flush(this, error))
			return false;
	}
	return put_zeros(this, left + (-size & (BLOCK - 1)), error);
}

static bool is_wanted(const char *name, bool trusted)
{
	if (g_str_has_prefix(name, "security."))
		return strcmp(name, CAPABILITY) == 0;
	if (g_str_has_prefix(name, "trusted."))
		return trusted && !g_str_has_prefix(name, "trusted.overlay.");
	return true;
}

GHashTable *berth_tree_tar_xattrs(int fd, bool trusted)
{
	ssize_t size = flistxattr(fd, NULL, 0);
	GHashTable *table = NULL;

	if (size <= 0)
		return NULL;
	g_autofree char *names = g_malloc(BERTH_LIMIT_XATTR_BYTES), *value = g_malloc(BERTH_LIMIT_XATTR_BYTES);
	size = flistxattr(fd, names, BERTH_LIMIT_XATTR_BYTES);
	for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
		ssize_t length = is_wanted(name, trusted) ? fgetxattr(fd, name, value, BERTH_LIMIT_XATTR_BYTES) : -1;
		if (length < 0)
			continue;
		if (!table)
			table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
		g_hash_table_insert(table, g_strdup(name), g_bytes_new(value, (gsize) length));
	}
	return table;
}

// The folders that something is beneath.
static bool put_pending(struct writing *this, GError **error)
{
	for (guint i = 0; i < this->levels->len; i++) {
		struct level *level = &g_array_index(this->levels, struct level, i);
		g_autoptr(GByteArray) blocks = g_steal_pointer(&level->pending);
		if (blocks && !put(this, blocks->data, blocks->len, error))
			return false;
	}
	return true;
}

// `fd` -1: without extended attributes.
static bool make_header(struct writing *this, struct berth_tar_header *header, const struct stat *status, int fd,
			GByteArray *blocks, GError **error)
{
	g_autoptr(GHashTable) xattrs =
		fd < 0 || header->type == '1' ? NULL : berth_tree_tar_xattrs(fd, this->options->trusted);

	if (++this->entries > BERTH_LIMIT_ARCHIVE_ENTRIES)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "more than %d files and folders",
				       BERTH_LIMIT_ARCHIVE_ENTRIES);
	header->mode = status->st_mode;
	header->uid = status->st_uid;
	header->gid = status->st_gid;
	header->mtime = status->st_mtim;
	if (this->options->whole_seconds)
		header->mtime.tv_nsec = 0;
	header->xattrs = xattrs;
	if (this->options->owner && !this->options->owner(this->options->data, &header->uid, &header->gid, error))
		return false;
	if (berth_tar_header_append(blocks, header, error))
		return true;
	g_autofree char *shown = g_utf8_make_valid(header->name, -1);
	g_prefix_error(error, "%s: ", shown);
	return false;
}

static bool put_header(struct writing *this, struct berth_tar_header *header, const struct stat *status, int fd,
		       GError **error)
{
	g_autoptr(GByteArray) blocks = g_byte_array_new();

	return make_header(this, header, status, fd, blocks, error) && put_pending(this, error) &&
	       put(this, blocks->data, blocks->len, error);
}

static const char *earlier_name(struct writing *this, const struct stat *status)
{
	struct identity identity = {status->st_dev, status->st_ino};

	if (status->st_nlink < 2)
		return NULL;
	const char *first = g_hash_table_lookup(this->links, &identity);
	if (!first)
		g_hash_table_insert(this->links, g_memdup2(&identity, sizeof identity), g_strdup(this->path->str));
	return first;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a + 1, *(const char *const *) b + 1);
}

static GPtrArray *list(const struct writing *this, int folder, GError **error)
{
	const char *reserved = this->levels->len == 0 ? this->options->reserved : NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream) {
		int saved = errno;
		berth_fd_clear(&fd);
		fail(this, saved, "list", error);
		return NULL;
	}
	for (struct dirent *entry; names->len <= BERTH_LIMIT_ARCHIVE_ENTRIES && (entry = readdir(stream));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !(reserved && g_str_has_prefix(entry->d_name, reserved)))
			g_ptr_array_add(names, g_strdup_printf("%c%s", '0' + entry->d_type, entry->d_name));
	closedir(stream);
	g_ptr_array_sort(names, by_name);
	return g_steal_pointer(&names);
}

// Takes the descriptor, and `pending`, the folder's header if it is not written yet.
static bool descend(struct writing *this, int fd, const struct stat *status, GByteArray *pending, GError **error)
{
	struct level level = {fd, status->st_dev, NULL, 0, this->path->len, pending};

	if (this->levels->len >= BERTH_LIMIT_ARCHIVE_DEPTH) {
		level_clear(&level);
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "folders are nested deeper than %d",
				       BERTH_LIMIT_ARCHIVE_DEPTH);
	}
	level.names = list(this, fd, error);
	if (!level.names) {
		level_clear(&level);
		return false;
	}
	g_array_append_val(this->levels, level);
	return true;
}

static const struct level *level_above(const struct writing *this)
{
	return this->levels->len ? &g_array_index(this->levels, struct level, this->levels->len - 1) : NULL;
}

// Takes the descriptor.
static bool put_folder(struct writing *this, int fd, const struct stat *status, enum berth_tar_pick pick,
		       GError **error)
{
	const struct level *above = level_above(this);
	bool listed = above || this->options->name || this->options->dot;
	bool enters = !above || status->st_dev == above->device ||
		      (this->options->enters && this->options->enters(this->options->data, fd));
	g_autofree char *shown = g_strconcat(!above && !this->options->name ? "." : this->path->str, "/", NULL);
	struct berth_tar_header header = {.type = '5', .name = shown};
	g_autoptr(GByteArray) pending = pick == BERTH_TAR_LOOK ? g_byte_array_new() : NULL;

	bool done = !listed   ? true
		    : pending ? make_header(this, &header, status, fd, pending, error)
			      : put_header(this, &header, status, fd, error);
	if (done && enters)
		return descend(this, fd, status, g_steal_pointer(&pending), error);
	close(fd);
	return done;
}

// Kinds of files that are opened.
static bool put_opened(struct writing *this, int folder, const char *name, bool is_folder, enum berth_tar_pick pick,
		       GError **error)
{
	struct berth_tar_header header = {.type = '0', .name = this->path->str};
	struct stat status;
	berth_fd fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (is_folder ? O_DIRECTORY : 0));

	if (fd < 0)
		return berth_is_gone(errno) || fail(this, errno, "open", error);
	if (fstat(fd, &status) < 0)
		return fail(this, errno, "stat", error);
	if (is_folder)
		return put_folder(this, berth_fd_steal(&fd), &status, pick, error);
	if (!S_ISREG(status.st_mode))
		return true;
	header.link = earlier_name(this, &status);
	header.type = header.link ? '1' : '0';
	header.size = header.link ? 0 : status.st_size;
	return put_header(this, &header, &status, fd, error) && put_content(this, fd, header.size, error);
}

static bool put_special(struct writing *this, int folder, const char *name, const struct stat *status, GError **error)
{
	struct berth_tar_header header = {.name = this->path->str, .link = earlier_name(this, status)};
	g_autofree char *target = NULL;

	if (header.link) {
		header.type = '1';
	} else if (S_ISLNK(status->st_mode)) {
		target = g_malloc(BERTH_LIMIT_ARCHIVE_PATH + 1);
		ssize_t length = readlinkat(folder, name, target, BERTH_LIMIT_ARCHIVE_PATH);
		if (length < 0)
			return berth_is_gone(errno) || errno == EINVAL || fail(this, errno, "read the link", error);
		target[length] = '\0';
		header.link = target;
		header.type = '2';
	} else {
		header.type = S_ISCHR(status->st_mode) ? '3' : S_ISBLK(status->st_mode) ? '4' : '6';
		header.device = S_ISFIFO(status->st_mode) ? 0 : status->st_rdev;
	}
	return put_header(this, &header, status, -1, error);
}

static enum berth_tar_pick pick_of(const struct writing *this, bool folder)
{
	if (!this->options->pick || !level_above(this))
		return BERTH_TAR_TAKE;
	return this->options->pick(this->options->data, this->path->str, folder);
}

static bool put_entry(struct writing *this, int folder, const char *name, unsigned char kind, GError **error)
{
	struct stat status;

	if (this->path->len > BERTH_LIMIT_ARCHIVE_PATH)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "a path is longer than %d bytes",
				       BERTH_LIMIT_ARCHIVE_PATH);
	enum berth_tar_pick pick = pick_of(this, kind == DT_DIR);
	if (kind != DT_UNKNOWN && pick == BERTH_TAR_LEAVE)
		return true;
	if (kind == DT_DIR || kind == DT_REG)
		return put_opened(this, folder, name, kind == DT_DIR, pick, error);
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_is_gone(errno) || fail(this, errno, "stat", error);
	pick = pick_of(this, S_ISDIR(status.st_mode));
	if (pick == BERTH_TAR_LEAVE)
		return true;
	if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode))
		return put_opened(this, folder, name, S_ISDIR(status.st_mode), pick, error);
	return S_ISSOCK(status.st_mode) || put_special(this, folder, name, &status, error);
}

static bool put_levels(struct writing *this, GError **error)
{
	while (this->levels->len > 0) {
		struct level *level = &g_array_index(this->levels, struct level, this->levels->len - 1);
		g_string_truncate(this->path, level->length);
		if (level->next == level->names->len) {
			g_array_set_size(this->levels, this->levels->len - 1);
			continue;
		}
		const char *entry = level->names->pdata[level->next++];
		bool bare = this->levels->len == 1 && !this->options->name;
		g_string_append_printf(this->path, "%s%s", bare ? "" : "/", entry + 1);
		if (!put_entry(this, level->fd, entry + 1, (unsigned char) (entry[0] - '0'), error))
			return false;
	}
	return true;
}

bool berth_tree_tar_write(const struct berth_tree_tar *options, int folder, const char *name, GError **error)
{
	struct writing this = {
		.options = options,
		.path = g_string_new(options->name),
		.chunk = g_malloc(CHUNK),
		.levels = g_array_new(FALSE, FALSE, sizeof(struct level)),
		.links = g_hash_table_new_full(identity_hash, identity_equal, g_free, g_free),
	};

	g_array_set_clear_func(this.levels, level_clear);
	bool done = put_entry(&this, folder, name, DT_UNKNOWN, error) && put_levels(&this, error) &&
		    (options->open_end || put_zeros(&this, (int64_t) 2 * BLOCK, error)) && flush(&this, error);
	g_array_unref(this.levels);
	g_hash_table_unref(this.links);
	g_string_free(this.path, TRUE);
	g_free(this.chunk);
	return done;
}
