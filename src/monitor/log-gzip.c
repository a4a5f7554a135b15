// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-gzip.h"

#include "base/error.h"
#include "base/fd.h"

#include <isa-l/igzip_lib.h>
#include <string.h>

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

bool berth_log_gzip(int from, int to, ino_t inode, GError **error)
{
	g_autofree struct isal_zstream *stream = g_malloc(sizeof *stream);
	g_autofree uint8_t *level = g_malloc(ISAL_DEF_LVL1_DEFAULT);
	g_autofree uint8_t *in = g_malloc(CHUNK), *out = g_malloc(CHUNK);
	uint8_t header[HEADER];
	off_t offset = 0;

	header_write(header, inode);
	if (!berth_write_all(to, header, HEADER, "a compressed log", error))
		return false;
	isal_deflate_init(stream);
	stream->avail_in = 0;
	stream->gzip_flag = IGZIP_GZIP_NO_HDR;
	stream->level = 1;
	stream->level_buf = level;
	stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
	while (stream->internal_state.state != ZSTATE_END) {
		if (stream->avail_in == 0 && !stream->end_of_stream) {
			ssize_t count = pread(from, in, CHUNK, offset);
			if (count < 0)
				return berth_error_set_errno(error, errno, "read a log to compress it");
			offset += count;
			stream->next_in = in;
			stream->avail_in = (uint32_t) count;
			stream->end_of_stream = count == 0;
		}
		stream->next_out = out;
		stream->avail_out = CHUNK;
		if (isal_deflate(stream) != COMP_OK)
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "compress a log: deflate failed");
		if (!berth_write_all(to, out, CHUNK - stream->avail_out, "a compressed log", error))
			return false;
	}
	return true;
}

struct berth_gunzip {
	struct inflate_state state;
	int fd;
	bool ended; // of the file
	uint8_t in[CHUNK];
};

struct berth_gunzip *berth_gunzip_new(int fd)
{
	struct berth_gunzip *gunzip = g_malloc(sizeof *gunzip);
	gunzip->fd = fd;
	gunzip->ended = false;
	isal_inflate_init(&gunzip->state);
	gunzip->state.avail_in = 0;
	gunzip->state.crc_flag = ISAL_GZIP;
	return gunzip;
}

ssize_t berth_gunzip_read(struct berth_gunzip *gunzip, void *data, size_t length, GError **error)
{
	struct inflate_state *state = &gunzip->state;

	state->next_out = data;
	state->avail_out = (uint32_t) MIN(length, CHUNK);
	size_t wanted = state->avail_out;
	while (state->avail_out == wanted && state->block_state != ISAL_BLOCK_FINISH) {
		if (state->avail_in == 0 && !gunzip->ended) {
			ssize_t count = berth_read_full(gunzip->fd, gunzip->in, CHUNK);
			if (count < 0) {
				berth_error_set_errno(error, errno, "read a compressed log");
				return -1;
			}
			gunzip->ended = count == 0;
			state->next_in = gunzip->in;
			state->avail_in = (uint32_t) count;
		}
		bool starved = state->avail_in == 0;
		int result = isal_inflate(state);
		if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT) {
			berth_error_set(error, BERTH_ERROR_INVALID, "a compressed log: not a gzip file, or damaged");
			return -1;
		}
		if (starved && state->avail_out == wanted)
			break; // cut short: what could be read was
	}
	return (ssize_t) (wanted - state->avail_out);
}

void berth_gunzip_free(struct berth_gunzip *gunzip)
{
	g_free(gunzip);
}
