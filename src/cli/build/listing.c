// SPDX-License-Identifier: Apache-2.0
#include "cli/build/listing.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "cli/build/known.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct listing {
	struct berth_build_listing *to;
	const struct berth_build_ignore *ignore;
	struct berth_build_known *known;
	GString *path; // of what is being listed
};

struct level {
	struct level *above;
	GByteArray *pending; // entry of a folder that is there only if something beneath it is; NULL: none
	unsigned depth;
};

static bool fail(const struct listing *this, const char *what, GError **error)
{
	g_autofree char *shown = g_utf8_make_valid(this->path->str, -1);

	return berth_error_set_errno(error, errno, "%s %s", what, shown);
}

static void put_pending(struct listing *this, struct level *level)
{
	if (!level)
		return;
	put_pending(this, level->above);
	g_autoptr(GByteArray) entry = g_steal_pointer(&level->pending);
	if (entry)
		g_byte_array_append(this->to->bytes, entry->data, entry->len);
}

static void append_xattrs(GByteArray *entry, GHashTable *xattrs)
{
	GHashTableIter iterator;
	gpointer name, value;

	if (!xattrs)
		return;
	g_hash_table_iter_init(&iterator, xattrs);
	while (g_hash_table_iter_next(&iterator, &name, &value)) {
		gsize size;
		const void *data = g_bytes_get_data(value, &size);
		g_autofree char *head = g_strdup_printf("%zu %s", size, (const char *) name);
		g_byte_array_append(entry, (const guint8 *) head, (guint) strlen(head) + 1);
		if (size > 0)
			g_byte_array_append(entry, data, (guint) size);
	}
}

// `digest` and `target` may be NULL.
static void append(const struct listing *this, GByteArray *entry, const struct stat *status, GHashTable *xattrs,
		   const uint8_t *digest, const char *target)
{
	static const char digits[] = "0123456789abcdef";
	char head[64], text[2 * BERTH_CONTENT_HASH_SIZE] = "-";
	bool device = S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode);
	uintmax_t size = digest ? (uintmax_t) status->st_size : device ? status->st_rdev : 0;
	int length = g_snprintf(head, sizeof head, "%o %ju %u ", status->st_mode, size,
				xattrs ? g_hash_table_size(xattrs) : 0);

	for (size_t i = 0; digest && i < BERTH_CONTENT_HASH_SIZE; i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	g_byte_array_append(entry, (const guint8 *) head, (guint) length);
	g_byte_array_append(entry, (const guint8 *) text, digest ? sizeof text : 1);
	g_byte_array_append(entry, (const guint8 *) " ", 1);
	g_byte_array_append(entry, (const guint8 *) this->path->str, (guint) this->path->len + 1);
	if (target)
		g_byte_array_append(entry, (const guint8 *) target, (guint) strlen(target) + 1);
	append_xattrs(entry, xattrs);
}

static bool put(struct listing *this, struct level *level, const struct stat *status, GHashTable *xattrs,
		const uint8_t *digest, const char *target, GError **error)
{
	if (++this->to->entries > BERTH_LIMIT_CONTEXT_ENTRIES)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "more than %d files and folders",
				       BERTH_LIMIT_CONTEXT_ENTRIES);
	put_pending(this, level);
	append(this, this->to->bytes, status, xattrs, digest, target);
	return true;
}

static bool list_file(struct listing *this, struct level *level, int folder, const char *name,
		      const struct stat *looked, GError **error)
{
	uint8_t digest[BERTH_CONTENT_HASH_SIZE];
	struct stat status;

	if (berth_build_known_find(this->known, looked, digest)) {
		this->to->content += looked->st_size;
		return put(this, level, looked, NULL, digest, NULL, error);
	}
	berth_fd fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return berth_is_gone(errno) || fail(this, "open", error);
	if (fstat(fd, &status) < 0)
		return fail(this, "stat", error);
	if (!S_ISREG(status.st_mode)) // it was exchanged
		return true;
	g_autoptr(GHashTable) xattrs = berth_tree_tar_xattrs(fd, false);
	if (!berth_content_hash_fd(fd, status.st_size, digest))
		return fail(this, "read", error);
	if (!xattrs)
		berth_build_known_add(this->known, &status, digest);
	this->to->content += status.st_size;
	return put(this, level, &status, xattrs, digest, NULL, error);
}

static bool list_special(struct listing *this, struct level *level, int folder, const char *name,
			 const struct stat *status, GError **error)
{
	g_autofree char *target = NULL;

	if (S_ISLNK(status->st_mode)) {
		target = g_malloc(BERTH_LIMIT_ARCHIVE_PATH + 1);
		ssize_t length = readlinkat(folder, name, target, BERTH_LIMIT_ARCHIVE_PATH);
		if (length < 0)
			return berth_is_gone(errno) || errno == EINVAL || fail(this, "read the link", error);
		target[length] = '\0';
	}
	return put(this, level, status, NULL, NULL, target, error);
}

static bool list_children(struct listing *this, struct level *level, int folder, GError **error);

static bool list_folder(struct listing *this, struct level *above, int folder, const char *name,
			enum berth_tar_pick pick, GError **error)
{
	struct level level = {above, NULL, above->depth + 1};
	struct stat status;
	berth_fd fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_DIRECTORY);

	if (fd < 0)
		return berth_is_gone(errno) || fail(this, "open", error);
	if (fstat(fd, &status) < 0)
		return fail(this, "stat", error);
	if (level.depth >= BERTH_LIMIT_ARCHIVE_DEPTH)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "folders are nested deeper than %d",
				       BERTH_LIMIT_ARCHIVE_DEPTH);
	g_autoptr(GHashTable) xattrs = berth_tree_tar_xattrs(fd, false);
	if (pick == BERTH_TAR_LOOK) {
		level.pending = g_byte_array_new();
		append(this, level.pending, &status, xattrs, NULL, NULL);
	} else if (!put(this, above, &status, xattrs, NULL, NULL, error)) {
		return false;
	}
	bool done = list_children(this, &level, fd, error);
	g_clear_pointer(&level.pending, g_byte_array_unref);
	return done;
}

static bool list_entry(struct listing *this, struct level *level, int folder, const struct dirent *entry,
		       GError **error)
{
	const char *name = entry->d_name;
	struct stat status;

	if (this->path->len > BERTH_LIMIT_ARCHIVE_PATH)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "a path is longer than %d bytes",
				       BERTH_LIMIT_ARCHIVE_PATH);
	if (entry->d_type != DT_DIR && fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_is_gone(errno) || fail(this, "stat", error);
	bool is_folder = entry->d_type == DT_DIR || S_ISDIR(status.st_mode);
	enum berth_tar_pick pick = berth_build_ignore_pick(this->ignore, this->path->str, is_folder);
	if (pick == BERTH_TAR_LEAVE)
		return true;
	if (is_folder)
		return list_folder(this, level, folder, name, pick, error);
	if (S_ISREG(status.st_mode))
		return list_file(this, level, folder, name, &status, error);
	return S_ISSOCK(status.st_mode) || list_special(this, level, folder, name, &status, error);
}

static bool list_children(struct listing *this, struct level *level, int folder, GError **error)
{
	gsize length = this->path->len;
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	bool done = true;

	if (!stream) {
		fail(this, "list", error);
		berth_fd_clear(&fd);
		return false;
	}
	for (struct dirent *entry; done && (entry = readdir(stream));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (length > 0)
			g_string_append_c(this->path, '/');
		g_string_append(this->path, entry->d_name);
		done = list_entry(this, level, fd, entry, error);
		g_string_truncate(this->path, length);
	}
	closedir(stream);
	return done;
}

bool berth_build_listing_make(int folder, const struct berth_build_ignore *ignore, struct berth_build_listing *ret,
			      GError **error)
{
	struct listing this = {ret, ignore, berth_build_known_open(folder), g_string_new(NULL)};
	struct level top = {NULL, NULL, 0};

	*ret = (struct berth_build_listing){.bytes = g_byte_array_new()};
	bool done = list_children(&this, &top, folder, error);
	if (done)
		berth_build_known_save(this.known);
	else
		g_clear_pointer(&ret->bytes, g_byte_array_unref);
	berth_build_known_free(this.known);
	g_string_free(this.path, TRUE);
	return done;
}
