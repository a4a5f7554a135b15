// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-gzip.h"

#include "base/error.h"
#include "base/fd.h"

#include <string.h>
#include <zlib.h>

#define CHUNK (64 << 10)
#define HEADER 24 // RFC 1952: ten bytes, the extra field's length, and the one subfield "Be" of eight bytes

static void header_write(uint8_t *header, ino_t inode)
{
	static const uint8_t fixed[16] = {0x1f, 0x8b, 8, 4, [9] = 3, 12, 0, 'B', 'e', 8, 0};
	memcpy(header, fixed, sizeof fixed);
	for (int i = 0; i < 8; i++)
		header[16 + i] = (uint8_t) ((uint64_t) inode >> 8 * i);
}

ino_t berth_log_gzip_inode(int fd)
{
	uint8_t header[HEADER], expected[HEADER];
	uint64_t inode = 0;

	if (pread(fd, header, HEADER, 0) != HEADER)
		return 0;
	for (int i = 7; i >= 0; i--)
		inode = inode << 8 | header[16 + i];
	header_write(expected, (ino_t) inode);
	return memcmp(header, expected, HEADER) == 0 ? (ino_t) inode : 0;
}

static bool write_trailer(int to, uint32_t checksum, uint32_t length, GError **error)
{
	const uint32_t words[] = {GUINT32_TO_LE(checksum), GUINT32_TO_LE(length)};
	return berth_write_all(to, words, sizeof words, "a compressed log", error);
}

// Compresses until the input is used up and, after the last of it, until all is out.
static bool deflate_chunk(z_stream *stream, int to, bool last, uint8_t *out, GError **error)
{
	do {
		stream->next_out = out;
		stream->avail_out = CHUNK;
		if (deflate(stream, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "compress a log: deflate failed");
		if (!berth_write_all(to, out, CHUNK - stream->avail_out, "a compressed log", error))
			return false;
	} while (stream->avail_out == 0);
	return true;
}

static bool compress_all(z_stream *stream, int from, int to, GError **error)
{
	g_autofree uint8_t *in = g_malloc(CHUNK), *out = g_malloc(CHUNK);
	uLong checksum = crc32(0, NULL, 0);
	off_t offset = 0;
	ssize_t count;

	do {
		count = pread(from, in, CHUNK, offset);
		if (count < 0)
			return berth_error_set_errno(error, errno, "read a log to compress it");
		offset += count;
		checksum = crc32(checksum, in, (uInt) count);
		stream->next_in = in;
		stream->avail_in = (uInt) count;
		if (!deflate_chunk(stream, to, count == 0, out, error))
			return false;
	} while (count > 0);
	return write_trailer(to, (uint32_t) checksum, (uint32_t) offset, error);
}

bool berth_log_gzip(int from, int to, ino_t inode, GError **error)
{
	z_stream stream = {0};
	uint8_t header[HEADER];

	header_write(header, inode);
	if (!berth_write_all(to, header, HEADER, "a compressed log", error))
		return false;
	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "compress a log: no memory");
	bool compressed = compress_all(&stream, from, to, error);
	deflateEnd(&stream);
	return compressed;
}

struct berth_gunzip {
	z_stream stream;
	int fd;
	bool ended; // of the file
	bool finished; // of the compressed data
	uint8_t in[CHUNK];
};

struct berth_gunzip *berth_gunzip_new(int fd)
{
	struct berth_gunzip *gunzip = g_new0(struct berth_gunzip, 1);
	gunzip->fd = fd;
	if (inflateInit2(&gunzip->stream, 16 + MAX_WBITS) != Z_OK)
		g_error("inflate: no memory");
	return gunzip;
}

ssize_t berth_gunzip_read(struct berth_gunzip *gunzip, void *data, size_t length, GError **error)
{
	z_stream *stream = &gunzip->stream;
	uInt wanted = (uInt) MIN(length, CHUNK);

	stream->next_out = data;
	stream->avail_out = wanted;
	while (stream->avail_out == wanted && !gunzip->finished) {
		if (stream->avail_in == 0 && !gunzip->ended) {
			ssize_t count = berth_read_full(gunzip->fd, gunzip->in, CHUNK);
			if (count < 0) {
				berth_error_set_errno(error, errno, "read a compressed log");
				return -1;
			}
			gunzip->ended = count == 0;
			stream->next_in = gunzip->in;
			stream->avail_in = (uInt) count;
		}
		bool starved = stream->avail_in == 0;
		int result = inflate(stream, Z_NO_FLUSH);
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
			berth_error_set(error, BERTH_ERROR_INVALID, "a compressed log: not a gzip file, or damaged");
			return -1;
		}
		gunzip->finished = result == Z_STREAM_END;
		if (starved && stream->avail_out == wanted)
			break; // cut short: what could be read was
	}
	return (ssize_t) (wanted - stream->avail_out);
}

void berth_gunzip_free(struct berth_gunzip *gunzip)
{
	if (!gunzip)
		return;
	inflateEnd(&gunzip->stream);
	g_free(gunzip);
}
