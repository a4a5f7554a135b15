// SPDX-License-Identifier: Apache-2.0
#include "image/tests/tarball.h"

#include "store/blob.h"

#include <archive.h>
#include <archive_entry.h>
#include <isa-l/igzip_lib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK 512

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[8], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

GByteArray *tarball_new(void)
{
	return g_byte_array_new();
}

// Octal, or base 256 where that has not enough digits.
static void put_number(char *field, size_t width, uint64_t value)
{
	char text[32];

	if (value < (uint64_t) 1 << 3 * (width - 1)) {
		snprintf(text, sizeof text, "%0*llo", (int) width - 1, (unsigned long long) value);
		memcpy(field, text, width);
		return;
	}
	for (size_t i = width; i-- > 1; value >>= 8)
		field[i] = (char) (value & 0xff);
	field[0] = (char) 0x80;
}

static void put_padded(GByteArray *tarball, const void *data, size_t length)
{
	static const guint8 zeros[BLOCK];

	g_byte_array_append(tarball, data, (guint) length);
	if (length % BLOCK)
		g_byte_array_append(tarball, zeros, (guint) (BLOCK - length % BLOCK));
}

static void put_header(GByteArray *tarball, const struct tarball_entry *entry, uint64_t size)
{
	struct header header = {.type = entry->type ? entry->type : '0', .magic = "ustar\00000"};
	unsigned mode = entry->mode ? entry->mode : entry->type == '5' ? 0755 : 0644, sum = 0;

	memcpy(header.name, entry->name, MIN(strlen(entry->name), sizeof header.name));
	put_number(header.mode, sizeof header.mode, mode);
	put_number(header.uid, sizeof header.uid, entry->uid);
	put_number(header.gid, sizeof header.gid, entry->gid);
	put_number(header.size, sizeof header.size, size);
	put_number(header.mtime, sizeof header.mtime, entry->mtime);
	put_number(header.major, sizeof header.major, entry->major);
	put_number(header.minor, sizeof header.minor, entry->minor);
	if (entry->link)
		memcpy(header.link, entry->link, MIN(strlen(entry->link), sizeof header.link));
	memset(header.checksum, ' ', sizeof header.checksum);
	for (size_t i = 0; i < sizeof header; i++)
		sum += ((const unsigned char *) &header)[i];
	snprintf(header.checksum, sizeof header.checksum, "%06o", sum);
	put_padded(tarball, &header, sizeof header);
}

static void append_record(GByteArray *records, const char *key, const void *value, size_t length)
{
	size_t rest = strlen(key) + length + 3, total = rest + 1;

	for (size_t before = 0; before != total;) {
		char digits[24];
		before = total;
		total = rest + (size_t) snprintf(digits, sizeof digits, "%zu", before);
	}
	g_autofree char *head = g_strdup_printf("%zu %s=", total, key);
	g_byte_array_append(records, (const guint8 *) head, (guint) strlen(head));
	g_byte_array_append(records, value, (guint) length);
	g_byte_array_append(records, (const guint8 *) "\n", 1);
}

static void put_pax(GByteArray *tarball, const GByteArray *records)
{
	put_header(tarball, &(struct tarball_entry){.name = "PaxHeaders/x", .type = 'x'}, records->len);
	put_padded(tarball, records->data, records->len);
}

void tarball_add_pax(GByteArray *tarball, const char *key, const void *value, size_t length)
{
	g_autoptr(GByteArray) records = g_byte_array_new();

	append_record(records, key, value, length);
	put_pax(tarball, records);
}

void tarball_add(GByteArray *tarball, const struct tarball_entry *entry)
{
	size_t length = entry->length ? entry->length : entry->content ? strlen(entry->content) : 0;
	g_autoptr(GByteArray) records = g_byte_array_new();

	for (const char *const *record = entry->pax; record && *record; record++) {
		const char *equals = strchr(*record, '=');
		g_autofree char *key = g_strndup(*record, (gsize) (equals - *record));
		append_record(records, key, equals + 1, strlen(equals + 1));
	}
	// A name or target that the header has no room for.
	if (strlen(entry->name) > 100)
		append_record(records, "path", entry->name, strlen(entry->name));
	if (entry->link && strlen(entry->link) > 100)
		append_record(records, "linkpath", entry->link, strlen(entry->link));
	if (records->len > 0)
		put_pax(tarball, records);
	put_header(tarball, entry, entry->size ? (uint64_t) entry->size : length);
	put_padded(tarball, entry->content ? entry->content : "", length);
}

void tarball_end(GByteArray *tarball)
{
	static const guint8 zeros[2 * BLOCK];

	g_byte_array_append(tarball, zeros, sizeof zeros);
}

int tarball_open(const void *data, size_t length)
{
	int fd = memfd_create("tarball", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	for (size_t done = 0; done < length;) {
		ssize_t written = write(fd, (const char *) data + done, length - done);
		g_assert_cmpint(written, >, 0);
		done += (size_t) written;
	}
	g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
	return fd;
}

static la_ssize_t take(G_GNUC_UNUSED struct archive *archive, void *data, const void *bytes, size_t length)
{
	g_byte_array_append(data, bytes, (guint) length);
	return (la_ssize_t) length;
}

static GByteArray *gzip(const GByteArray *tarball)
{
	struct isal_zstream stream;
	g_autofree uint8_t *level = g_malloc(ISAL_DEF_LVL1_DEFAULT);
	GByteArray *compressed = g_byte_array_new();

	g_byte_array_set_size(compressed, tarball->len + 1024);
	isal_deflate_init(&stream);
	stream.gzip_flag = IGZIP_GZIP;
	stream.level = 1;
	stream.level_buf = level;
	stream.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
	stream.end_of_stream = 1;
	stream.next_in = tarball->data;
	stream.avail_in = tarball->len;
	stream.next_out = compressed->data;
	stream.avail_out = compressed->len;
	g_assert_cmpint(isal_deflate(&stream), ==, COMP_OK);
	g_assert_cmpint(stream.internal_state.state, ==, ZSTATE_END);
	g_byte_array_set_size(compressed, stream.total_out);
	return compressed;
}

GByteArray *tarball_compress(const GByteArray *tarball, const char *filter)
{
	if (g_str_equal(filter, "gzip"))
		return gzip(tarball);
	GByteArray *compressed = g_byte_array_new();
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();

	g_assert_cmpint(archive_write_set_format_raw(archive), ==, ARCHIVE_OK);
	int added = g_str_equal(filter, "xz")     ? archive_write_add_filter_xz(archive)
		    : g_str_equal(filter, "zstd") ? archive_write_add_filter_zstd(archive)
						  : archive_write_add_filter_bzip2(archive);
	g_assert_cmpint(added, ==, ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(archive, 1);
	g_assert_cmpint(archive_write_open(archive, compressed, NULL, take, NULL), ==, ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	g_assert_cmpint(archive_write_header(archive, entry), ==, ARCHIVE_OK);
	g_assert_cmpint(archive_write_data(archive, tarball->data, tarball->len), ==, tarball->len);
	g_assert_cmpint(archive_write_free(archive), ==, ARCHIVE_OK);
	archive_entry_free(entry);
	return compressed;
}

char *tarball_digest(const void *data, size_t length)
{
	struct berth_hash *hash = berth_hash_new();
	char digest[BERTH_DIGEST_SIZE];

	berth_hash_update(hash, data, length);
	berth_hash_digest(hash, digest);
	return g_strdup(digest);
}
