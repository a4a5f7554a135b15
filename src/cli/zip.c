// SPDX-License-Identifier: Apache-2.0
// By the directory at the archive's end (APPNOTE.TXT 4.3): what is before a file's content only tells where that
// begins.
#include "cli/zip.h"

#include "base/error.h"

#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define LOCAL "PK\3\4"
#define LOCAL_SIZE 30
#define LISTED "PK\1\2"
#define LISTED_SIZE 46
#define END "PK\5\6"
#define END_SIZE 22
#define COMMENT_MAX 0xffff
#define ENCRYPTED 1 // of an entry's flags
#define STORED 0
#define DEFLATED 8
#define MADE_BY_UNIX 3

struct reader {
	const uint8_t *bytes;
	size_t length, left; // left: of content, that may still come
	berth_zip_entry_fn *entry;
	void *data;
};

// An entry of the directory.
struct listed {
	uint16_t flags, method;
	uint32_t sum, packed, size, mode, at;
	char *name;
};

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t) (bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
	return get16(bytes) | (uint32_t) get16(bytes + 2) << 16;
}

static bool fail(GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "the zip archive is broken, or was cut off");
}

// What is at `at` and has at least this size and this signature, or NULL.
static const uint8_t *find(const struct reader *this, uint64_t at, size_t size, const char *signature)
{
	if (at > this->length || this->length - at < size || memcmp(this->bytes + at, signature, 4) != 0)
		return NULL;
	return this->bytes + at;
}

// The end of the directory, behind which is a comment and nothing more.
static const uint8_t *find_end(const struct reader *this)
{
	for (size_t comment = 0; comment <= COMMENT_MAX && END_SIZE + comment <= this->length; comment++) {
		const uint8_t *end = find(this, this->length - END_SIZE - comment, END_SIZE, END);
		if (end && get16(end + 20) == comment)
			return end;
	}
	return NULL;
}

static bool unpack(const struct listed *listed, const uint8_t *packed, char *bytes)
{
	z_stream stream = {.next_in = (uint8_t *) (uintptr_t) packed,
			   .avail_in = listed->packed,
			   .next_out = (uint8_t *) bytes,
			   .avail_out = listed->size + 1}; // one more than may come

	if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
		return false;
	int status = inflate(&stream, Z_FINISH);
	bool good = status == Z_STREAM_END && stream.total_out == listed->size && stream.avail_in == 0;
	inflateEnd(&stream);
	return good;
}

static bool read_file(struct reader *this, const struct listed *listed, GError **error)
{
	const uint8_t *local = find(this, listed->at, LOCAL_SIZE, LOCAL);
	uint64_t at = (uint64_t) listed->at + LOCAL_SIZE + (local ? get16(local + 26) + get16(local + 28) : 0);

	if (listed->flags & ENCRYPTED)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: it is encrypted", listed->name);
	if (listed->method != STORED && listed->method != DEFLATED)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s: compressed by method %u of zip; only deflate is read", listed->name,
				       listed->method);
	if (listed->size > this->left)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: too large", listed->name);
	if (!local || at > this->length || listed->packed > this->length - at ||
	    (listed->method == STORED && listed->packed != listed->size))
		return fail(error);
	g_autofree char *bytes = g_malloc((size_t) listed->size + 1);
	if (listed->method == DEFLATED && !unpack(listed, this->bytes + at, bytes))
		return fail(error);
	if (listed->method == STORED)
		memcpy(bytes, this->bytes + at, listed->size);
	if (crc32(0, (const uint8_t *) bytes, listed->size) != listed->sum)
		return fail(error);
	this->left -= listed->size;
	return this->entry(this->data, listed->name, BERTH_ZIP_FILE, bytes, listed->size, error);
}

static bool read_entry(struct reader *this, const struct listed *listed, GError **error)
{
	bool slash = g_str_has_suffix(listed->name, "/");
	mode_t type = listed->mode & S_IFMT; // 0: whoever made it has no modes

	if (slash && (type == 0 || type == S_IFDIR))
		return this->entry(this->data, listed->name, BERTH_ZIP_FOLDER, "", 0, error);
	if (slash || (type != 0 && type != S_IFREG))
		return this->entry(this->data, listed->name, BERTH_ZIP_OTHER, "", 0, error);
	return read_file(this, listed, error);
}

// The entry of the directory at `*at`, which goes on behind it.
static bool read_listed(struct reader *this, uint64_t *at, GError **error)
{
	const uint8_t *head = find(this, *at, LISTED_SIZE, LISTED);

	if (!head)
		return fail(error);
	size_t name = get16(head + 28), rest = get16(head + 30) + get16(head + 32);
	if (this->length - *at - LISTED_SIZE < name + rest)
		return fail(error);
	if (name == 0 || memchr(head + LISTED_SIZE, 0, name))
		return berth_error_set(error, BERTH_ERROR_INVALID, "an entry of the zip archive has no proper name");
	g_autofree char *text = g_strndup((const char *) head + LISTED_SIZE, name);
	const struct listed listed = {.flags = get16(head + 8),
				      .method = get16(head + 10),
				      .sum = get32(head + 16),
				      .packed = get32(head + 20),
				      .size = get32(head + 24),
				      .mode = head[5] == MADE_BY_UNIX ? get32(head + 38) >> 16 : 0,
				      .at = get32(head + 42),
				      .name = text};
	*at += LISTED_SIZE + name + rest;
	return read_entry(this, &listed, error);
}

bool berth_zip_is(const char *archive, size_t length)
{
	return length >= 4 && (memcmp(archive, LOCAL, 4) == 0 || memcmp(archive, END, 4) == 0);
}

bool berth_zip_read(const char *archive, size_t length, size_t limit, berth_zip_entry_fn *entry, void *data,
		    GError **error)
{
	struct reader this = {(const uint8_t *) archive, length, limit, entry, data};
	const uint8_t *end = find_end(&this);

	if (!end)
		return fail(error);
	unsigned count = get16(end + 10);
	uint64_t at = get32(end + 16);
	if (count > BERTH_LIMIT_ZIP_ENTRIES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the zip archive has more than %d entries",
				       BERTH_LIMIT_ZIP_ENTRIES);
	for (unsigned i = 0; i < count; i++)
		if (!read_listed(&this, &at, error))
			return false;
	return true;
}
