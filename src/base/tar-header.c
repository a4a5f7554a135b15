// SPDX-License-Identifier: Apache-2.0
#include "base/tar-header.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define BLOCK 512
#define NAME_MAX_USTAR 100
#define PREFIX_MAX 155
#define ID_MAX 07777777
#define SIZE_MAX_USTAR INT64_C(077777777777)

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};
G_STATIC_ASSERT(sizeof(struct ustar) == BLOCK);

static void put_octal(char *field, size_t size, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%0*jo", (int) size - 1, (uintmax_t) value);
	memcpy(field, digits, size);
}

// Where the name can be cut into prefix and name; NULL: it does not fit.
static const char *cut_of(const char *name)
{
	size_t length = strlen(name);

	if (length <= NAME_MAX_USTAR)
		return name;
	for (const char *slash = strchr(name, '/'); slash && slash - name <= PREFIX_MAX; slash = strchr(slash + 1, '/'))
		if (slash > name && slash[1] && length - (size_t) (slash - name) - 1 <= NAME_MAX_USTAR)
			return slash + 1;
	return NULL;
}

// "<length> <key>=<value>\n", where the length counts its own digits.
static void put_record(GByteArray *records, const char *key, const void *value, size_t length)
{
	size_t rest = 1 + strlen(key) + 1 + length + 1, total = rest, before;
	char digits[24];

	do {
		before = total;
		total = rest + (size_t) snprintf(digits, sizeof digits, "%zu", total);
	} while (total != before);
	g_byte_array_append(records, (const guint8 *) digits, (guint) strlen(digits));
	g_byte_array_append(records, (const guint8 *) " ", 1);
	g_byte_array_append(records, (const guint8 *) key, (guint) strlen(key));
	g_byte_array_append(records, (const guint8 *) "=", 1);
	g_byte_array_append(records, value, (guint) length);
	g_byte_array_append(records, (const guint8 *) "\n", 1);
}

static void put_text(GByteArray *records, const char *key, const char *text)
{
	put_record(records, key, text, strlen(text));
}

static void put_number(GByteArray *records, const char *key, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%jd", (intmax_t) number);
	put_text(records, key, text);
}

// Before 1970 the fraction counts away from it: -1.5 is half a second before -1.
static void put_time(GByteArray *records, struct timespec time)
{
	bool negative = time.tv_sec < 0;
	int64_t seconds = time.tv_sec, nanoseconds = time.tv_nsec;
	char text[40];

	if (negative && nanoseconds > 0) {
		seconds++;
		nanoseconds = 1000000000 - nanoseconds;
	}
	int length =
		snprintf(text, sizeof text, "%s%jd", negative ? "-" : "", (intmax_t) (negative ? -seconds : seconds));
	if (nanoseconds > 0) {
		length += snprintf(text + length, sizeof text - (size_t) length, ".%09jd", (intmax_t) nanoseconds);
		while (text[length - 1] == '0')
			text[--length] = '\0';
	}
	put_text(records, "mtime", text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static bool put_xattrs(GByteArray *records, GHashTable *xattrs, GError **error)
{
	guint count;
	g_autofree char **names = (char **) g_hash_table_get_keys_as_array(xattrs, &count);

	qsort(names, count, sizeof *names, by_name);
	for (guint i = 0; i < count; i++) {
		g_autofree char *key = g_strconcat("SCHILY.xattr.", names[i], NULL);
		gsize size;
		const void *value = g_bytes_get_data(g_hash_table_lookup(xattrs, names[i]), &size);
		if (strchr(names[i], '='))
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"extended attribute \"%s\" has no form in an archive: its name has a \"=\"", names[i]);
		put_record(records, key, value, size);
	}
	return true;
}

static bool put_records(GByteArray *records, const struct berth_tar_header *header, GError **error)
{
	bool name = !cut_of(header->name), link = header->link && strlen(header->link) > NAME_MAX_USTAR;

	// The specification has UTF-8 in these records; this tells readers that it is not.
	if ((name && !g_utf8_validate(header->name, -1, NULL)) || (link && !g_utf8_validate(header->link, -1, NULL)))
		put_text(records, "hdrcharset", "BINARY");
	if (header->gid > ID_MAX)
		put_number(records, "gid", header->gid);
	if (link)
		put_text(records, "linkpath", header->link);
	if (header->mtime.tv_nsec || header->mtime.tv_sec < 0 || header->mtime.tv_sec > SIZE_MAX_USTAR)
		put_time(records, header->mtime);
	if (name)
		put_text(records, "path", header->name);
	if (header->size > SIZE_MAX_USTAR)
		put_number(records, "size", header->size);
	if (header->uid > ID_MAX)
		put_number(records, "uid", header->uid);
	return !header->xattrs || put_xattrs(records, header->xattrs, error);
}

// What does not fit is cut off: the pax header says it.
static void put_name(struct ustar *block, const char *name)
{
	const char *cut = cut_of(name);

	if (cut && cut > name)
		memcpy(block->prefix, name, (size_t) (cut - name - 1));
	cut = cut ? cut : name;
	memcpy(block->name, cut, strnlen(cut, sizeof block->name));
}

static void put_block(GByteArray *blocks, const struct berth_tar_header *header)
{
	struct ustar block = {.type = header->type, .magic = "ustar", .version = {'0', '0'}};
	int64_t seconds = header->mtime.tv_sec;
	unsigned sum = 0;

	put_name(&block, header->name);
	put_octal(block.mode, sizeof block.mode, header->mode & 07777);
	put_octal(block.uid, sizeof block.uid, MIN(header->uid, ID_MAX));
	put_octal(block.gid, sizeof block.gid, MIN(header->gid, ID_MAX));
	put_octal(block.size, sizeof block.size, (uint64_t) MIN(header->size, SIZE_MAX_USTAR));
	put_octal(block.mtime, sizeof block.mtime, (uint64_t) CLAMP(seconds, 0, SIZE_MAX_USTAR));
	if (header->link)
		memcpy(block.link, header->link, strnlen(header->link, sizeof block.link));
	put_octal(block.major, sizeof block.major, major(header->device));
	put_octal(block.minor, sizeof block.minor, minor(header->device));
	memset(block.checksum, ' ', sizeof block.checksum);
	for (size_t i = 0; i < BLOCK; i++)
		sum += ((const unsigned char *) &block)[i];
	put_octal(block.checksum, 7, sum);
	g_byte_array_append(blocks, (const guint8 *) &block, BLOCK);
}

bool berth_tar_header_append(GByteArray *blocks, const struct berth_tar_header *header, GError **error)
{
	static const guint8 zeros[BLOCK];
	g_autoptr(GByteArray) records = g_byte_array_new();

	if (major(header->device) > ID_MAX || minor(header->device) > ID_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID, "device %u:%u has no form in an archive",
				       major(header->device), minor(header->device));
	if (!put_records(records, header, error))
		return false;
	if (records->len > 0) {
		put_block(blocks,
			  &(struct berth_tar_header){.name = "pax", .type = 'x', .mode = 0644, .size = records->len});
		g_byte_array_append(blocks, records->data, records->len);
		g_byte_array_append(blocks, zeros, (guint) (-records->len % BLOCK));
	}
	put_block(blocks, header);
	return true;
}
