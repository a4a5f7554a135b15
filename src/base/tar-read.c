// SPDX-License-Identifier: Apache-2.0
#include "base/tar-read.h"

#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>

#define CHUNK (256 << 10)
#define BLOCK 512
#define EXTENSION_MAX (1 << 20) // bytes of a pax header, or of a long name
#define XATTR "SCHILY.xattr."

struct berth_tar_reader {
	berth_tar_read_fn *read;
	void *data;
	uint8_t *chunk;
	size_t start, end; // of what of the chunk is not taken yet
	int64_t left, padding; // of the entry's content, and behind it
	struct berth_tar_entry entry;
	int64_t entries;
	GHashTable *global; // of pax: values by key, for all entries that follow
};

static void entry_clear(struct berth_tar_entry *entry)
{
	g_free(entry->name);
	g_free(entry->link);
	g_clear_pointer(&entry->xattrs, g_hash_table_unref);
	*entry = (struct berth_tar_entry){0};
}

struct berth_tar_reader *berth_tar_reader_new(berth_tar_read_fn *read, void *data)
{
	struct berth_tar_reader *this = g_new0(struct berth_tar_reader, 1);

	this->read = read;
	this->data = data;
	this->chunk = g_malloc(CHUNK);
	this->global = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
	return this;
}

void berth_tar_reader_free(struct berth_tar_reader *this)
{
	if (!this)
		return;
	entry_clear(&this->entry);
	g_hash_table_unref(this->global);
	g_free(this->chunk);
	g_free(this);
}

static gssize take(struct berth_tar_reader *this, void *buffer, size_t size, GError **error)
{
	if (this->start == this->end) {
		gssize length = this->read(this->data, this->chunk, CHUNK, error);
		if (length <= 0)
			return length;
		this->start = 0;
		this->end = (size_t) length;
	}
	size_t part = MIN(size, this->end - this->start);
	if (buffer)
		memcpy(buffer, this->chunk + this->start, part);
	this->start += part;
	return (gssize) part;
}

static bool is_cut(GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "the archive ends early");
}

// `buffer` NULL: they are passed over.
static bool take_all(struct berth_tar_reader *this, void *buffer, int64_t size, GError **error)
{
	uint8_t *next = buffer;

	while (size > 0) {
		gssize part = take(this, next, (size_t) MIN(size, CHUNK), error);
		if (part < 0)
			return false;
		if (part == 0)
			return is_cut(error);
		size -= part;
		next = next ? next + part : NULL;
	}
	return true;
}

// Octal, or, where the first bit is set, big-endian base 256.
static bool read_number(const uint8_t *field, size_t size, int64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	if (field[0] & 0x80) {
		value = field[0] & 0x40 ? ~UINT64_C(0) : 0;
		for (i = 1; i < size; i++)
			value = value << 8 | field[i];
		*ret = (int64_t) value;
		return true;
	}
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
		if (value >> 60)
			return false;
		value = value << 3 | (uint64_t) (field[i] - '0');
	}
	*ret = (int64_t) value;
	return i == size || field[i] == '\0' || field[i] == ' ';
}

static bool is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

static bool check_sum(const uint8_t *block)
{
	int64_t wanted, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	return read_number(block + 148, 8, &wanted) && wanted == sum;
}

static char *read_extension(struct berth_tar_reader *this, int64_t size, GError **error)
{
	if (size < 0 || size > EXTENSION_MAX) {
		berth_error_set(error, BERTH_ERROR_INVALID, "a header of the archive is larger than %d bytes",
				EXTENSION_MAX);
		return NULL;
	}
	g_autofree char *text = g_malloc0((gsize) size + 1);
	return take_all(this, text, size, error) && take_all(this, NULL, -size & (BLOCK - 1), error)
		       ? g_steal_pointer(&text)
		       : NULL;
}

// Records "<length> <key>=<value>\n".
static bool read_pax(struct berth_tar_reader *this, int64_t size, GHashTable *table, GError **error)
{
	g_autofree char *text = read_extension(this, size, error);

	if (!text)
		return false;
	for (const char *at = text, *end = text + size; at < end;) {
		char *behind;
		guint64 length = g_ascii_strtoull(at, &behind, 10);
		if (behind == at || *behind != ' ' || length > (guint64) (end - at) || length < 4 ||
		    at[length - 1] != '\n')
			return berth_error_set(error, BERTH_ERROR_INVALID, "a pax header of the archive is damaged");
		const char *last = at + length - 1, *key = behind + 1;
		const char *equals = key < last ? memchr(key, '=', (size_t) (last - key)) : NULL;
		if (!equals)
			return berth_error_set(error, BERTH_ERROR_INVALID, "a pax header of the archive is damaged");
		g_hash_table_insert(table, g_strndup(key, (gsize) (equals - key)),
				    g_bytes_new(equals + 1, (gsize) (last - equals - 1)));
		at += length;
	}
	return true;
}

struct extensions {
	char *name, *link; // GNU's
	GHashTable *pax;
};

static void extensions_clear(struct extensions *extensions)
{
	g_free(extensions->name);
	g_free(extensions->link);
	g_clear_pointer(&extensions->pax, g_hash_table_unref);
}

static char *pax_text(const struct berth_tar_reader *this, const struct extensions *extensions, const char *key)
{
	GBytes *value = extensions->pax ? g_hash_table_lookup(extensions->pax, key) : NULL;

	value = value ? value : g_hash_table_lookup(this->global, key);
	if (!value || g_bytes_get_size(value) == 0)
		return NULL;
	return g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
}

static void pax_number(const struct berth_tar_reader *this, const struct extensions *extensions, const char *key,
		       int64_t *number)
{
	g_autofree char *text = pax_text(this, extensions, key);

	if (text)
		*number = g_ascii_strtoll(text, NULL, 10);
}

// "-1.5" is half a second before -1.
static void pax_time(const struct berth_tar_reader *this, const struct extensions *extensions, struct timespec *time)
{
	g_autofree char *text = pax_text(this, extensions, "mtime");
	char *rest;
	long nanoseconds = 0, unit = 100000000;

	if (!text)
		return;
	time->tv_sec = g_ascii_strtoll(text, &rest, 10);
	if (*rest == '.')
		for (rest++; g_ascii_isdigit(*rest); rest++, unit /= 10)
			nanoseconds += unit * (*rest - '0');
	if (*text == '-' && nanoseconds > 0) {
		time->tv_sec--;
		nanoseconds = 1000000000 - nanoseconds;
	}
	time->tv_nsec = nanoseconds;
}

static void pax_xattrs(struct berth_tar_entry *entry, const struct extensions *extensions)
{
	GHashTableIter iter;
	void *key, *value;

	if (!extensions->pax)
		return;
	g_hash_table_iter_init(&iter, extensions->pax);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		if (!g_str_has_prefix(key, XATTR) || g_bytes_get_size(value) > BERTH_LIMIT_XATTR_BYTES)
			continue;
		if (!entry->xattrs)
			entry->xattrs =
				g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
		g_hash_table_insert(entry->xattrs, g_strdup((const char *) key + strlen(XATTR)), g_bytes_ref(value));
	}
}

static void ustar_names(struct berth_tar_entry *entry, const uint8_t *block)
{
	const char *text = (const char *) block;
	g_autofree char *name = g_strndup(text, strnlen(text, 100));
	g_autofree char *prefix = g_strndup(text + 345, strnlen(text + 345, 155));
	bool has_prefix = memcmp(block + 257, "ustar\0", 6) == 0 && *prefix;

	entry->name = has_prefix ? g_strconcat(prefix, "/", name, NULL) : g_steal_pointer(&name);
	entry->link = g_strndup(text + 157, strnlen(text + 157, 100));
}

static void replace(char **text, char *by)
{
	if (!by)
		return;
	g_free(*text);
	*text = by;
}

static bool check_entry(const struct berth_tar_entry *entry, int64_t uid, int64_t gid, GError **error)
{
	if (entry->size < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "an entry of the archive has no size");
	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID, "an entry of the archive has no valid owner");
	if (!*entry->name || strlen(entry->name) > BERTH_LIMIT_ARCHIVE_PATH)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "an entry of the archive has no name, or one longer than %d bytes",
				       BERTH_LIMIT_ARCHIVE_PATH);
	return true;
}

static bool read_entry(struct berth_tar_reader *this, const uint8_t *block, struct extensions *extensions,
		       GError **error)
{
	struct berth_tar_entry *entry = &this->entry;
	int64_t mode = 0, uid = 0, gid = 0, mtime = 0, major = 0, minor = 0;

	ustar_names(entry, block);
	if (!read_number(block + 100, 8, &mode) || !read_number(block + 108, 8, &uid) ||
	    !read_number(block + 116, 8, &gid) || !read_number(block + 124, 12, &entry->size) ||
	    !read_number(block + 136, 12, &mtime))
		return berth_error_set(error, BERTH_ERROR_INVALID, "a header of the archive has no numbers");
	entry->type = block[156] == '\0' || block[156] == '7' ? '0' : (char) block[156];
	if (entry->type == '3' || entry->type == '4') {
		read_number(block + 329, 8, &major);
		read_number(block + 337, 8, &minor);
	}
	replace(&entry->name, g_steal_pointer(&extensions->name));
	replace(&entry->name, pax_text(this, extensions, "path"));
	replace(&entry->link, g_steal_pointer(&extensions->link));
	replace(&entry->link, pax_text(this, extensions, "linkpath"));
	entry->mtime.tv_sec = mtime;
	pax_time(this, extensions, &entry->mtime);
	pax_number(this, extensions, "uid", &uid);
	pax_number(this, extensions, "gid", &gid);
	pax_number(this, extensions, "size", &entry->size);
	pax_xattrs(entry, extensions);
	entry->mode = (mode_t) (mode & 07777);
	entry->major = (unsigned) major;
	entry->minor = (unsigned) minor;
	if (entry->type == '0' && g_str_has_suffix(entry->name, "/")) // of before there were folders
		entry->type = '5';
	if (!check_entry(entry, uid, gid, error))
		return false;
	entry->uid = (uint32_t) uid;
	entry->gid = (uint32_t) gid;
	if (entry->type != '0')
		entry->size = 0;
	this->left = entry->size;
	this->padding = -entry->size & (BLOCK - 1);
	return true;
}

static bool check_type(char type, GError **error)
{
	if (type >= '0' && type <= '7')
		return true;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "the archive has an entry of kind '%c'", type);
}

// A header that says something of the next. *ret_done: it was one.
static bool read_extended(struct berth_tar_reader *this, const uint8_t *block, struct extensions *extensions,
			  bool *ret_done, GError **error)
{
	int64_t size;

	*ret_done = true;
	if (!strchr("xgLK", block[156]) || !block[156]) {
		*ret_done = false;
		return true;
	}
	if (!read_number(block + 124, 12, &size))
		return berth_error_set(error, BERTH_ERROR_INVALID, "a header of the archive has no size");
	switch (block[156]) {
	case 'L':
		replace(&extensions->name, read_extension(this, size, error));
		return extensions->name != NULL;
	case 'K':
		replace(&extensions->link, read_extension(this, size, error));
		return extensions->link != NULL;
	case 'g':
		return read_pax(this, size, this->global, error);
	default:
		g_clear_pointer(&extensions->pax, g_hash_table_unref);
		extensions->pax =
			g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
		return read_pax(this, size, extensions->pax, error);
	}
}

int berth_tar_reader_next(struct berth_tar_reader *this, const struct berth_tar_entry **ret, GError **error)
{
	__attribute__((cleanup(extensions_clear))) struct extensions extensions = {0};
	uint8_t block[BLOCK];
	bool extended = true;

	if (!take_all(this, NULL, this->left + this->padding, error))
		return -1;
	this->left = this->padding = 0;
	entry_clear(&this->entry);
	while (extended) {
		gssize first = take(this, block, BLOCK, error);
		if (first == 0 && !extensions.pax && !extensions.name)
			return 0; // without its two empty blocks
		if (first < 0 || !take_all(this, block + first, BLOCK - first, error))
			return -1;
		if (is_zero(block))
			return 0;
		if (!check_sum(block)) {
			berth_error_set(error, BERTH_ERROR_INVALID, "no tar archive, or a damaged one");
			return -1;
		}
		if (++this->entries > 4 * (int64_t) BERTH_LIMIT_ARCHIVE_ENTRIES) {
			berth_error_set(error, BERTH_ERROR_INVALID, "the archive has more than %d entries",
					BERTH_LIMIT_ARCHIVE_ENTRIES);
			return -1;
		}
		if (!read_extended(this, block, &extensions, &extended, error))
			return -1;
	}
	if (!read_entry(this, block, &extensions, error) || !check_type(this->entry.type, error))
		return -1;
	*ret = &this->entry;
	return 1;
}

gssize berth_tar_reader_content(struct berth_tar_reader *this, void *buffer, size_t size, GError **error)
{
	if (this->left == 0)
		return 0;
	gssize length = take(this, buffer, (size_t) MIN((int64_t) size, this->left), error);
	if (length == 0) {
		is_cut(error);
		return -1;
	}
	if (length > 0)
		this->left -= length;
	return length;
}

bool berth_tar_reader_drain(struct berth_tar_reader *this, GError **error)
{
	gssize length;

	while ((length = take(this, NULL, CHUNK, error)) > 0)
		;
	return length == 0;
}
