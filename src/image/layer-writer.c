// SPDX-License-Identifier: Apache-2.0
// The compressor is fed in chunks of one size, however the bytes came: what it makes of them depends on that.
#include "image/layer-writer.h"

#include "base/error.h"
#include "base/fd.h"

#include <isa-l/igzip_lib.h>
#include <string.h>

#define CHUNK (256 << 10)
#define LEVEL 1
#define LEVEL_BUFFER ISAL_DEF_LVL1_DEFAULT

struct berth_layer_writer {
	int fd; // borrowed
	const struct berth_layer_diff_options *options; // borrowed
	bool gzip;
	struct berth_hash *content, *written; // `written` only with gzip
	int64_t size; // written
	uint8_t *chunk, *output, *level;
	size_t filled; // of chunk
	struct isal_zstream stream;
};

struct berth_layer_writer *berth_layer_writer_new(int fd, const struct berth_layer_diff_options *options)
{
	struct berth_layer_writer *this = g_new0(struct berth_layer_writer, 1);

	this->fd = fd;
	this->options = options;
	this->gzip = options->gzip;
	this->content = berth_hash_new();
	this->chunk = g_malloc(CHUNK);
	if (!this->gzip)
		return this;
	this->written = berth_hash_new();
	this->output = g_malloc(CHUNK);
	this->level = g_malloc(LEVEL_BUFFER);
	isal_deflate_init(&this->stream);
	this->stream.gzip_flag = IGZIP_GZIP_NO_HDR;
	this->stream.level = LEVEL;
	this->stream.level_buf = this->level;
	this->stream.level_buf_size = LEVEL_BUFFER;
	return this;
}

void berth_layer_writer_free(struct berth_layer_writer *this)
{
	if (!this)
		return;
	berth_hash_free(this->content);
	berth_hash_free(this->written);
	g_free(this->chunk);
	g_free(this->output);
	g_free(this->level);
	g_free(this);
}

static bool write_out(struct berth_layer_writer *this, const void *data, size_t length, GError **error)
{
	if (this->gzip)
		berth_hash_update(this->written, data, length);
	this->size += (int64_t) length;
	return this->options->write ? this->options->write(this->options->data, data, length, error)
				    : berth_write_all(this->fd, data, length, "the layer", error);
}

static bool compress(struct berth_layer_writer *this, bool last, GError **error)
{
	this->stream.next_in = this->chunk;
	this->stream.avail_in = (uint32_t) this->filled;
	this->stream.end_of_stream = last;
	do {
		this->stream.next_out = this->output;
		this->stream.avail_out = CHUNK;
		if (isal_deflate(&this->stream) != COMP_OK)
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "compressing the layer failed");
		if (!write_out(this, this->output, CHUNK - this->stream.avail_out, error))
			return false;
	} while (this->stream.avail_out == 0);
	return true;
}

static bool begin_gzip(struct berth_layer_writer *this, GError **error)
{
	struct isal_gzip_header header;

	isal_gzip_header_init(&header);
	header.os = 255; // unknown: the bytes do not tell where they were made
	this->stream.next_out = this->output;
	this->stream.avail_out = CHUNK;
	if (isal_write_gzip_header(&this->stream, &header) != 0)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "compressing the layer failed");
	return write_out(this, this->output, CHUNK - this->stream.avail_out, error);
}

static bool flush(struct berth_layer_writer *this, bool last, GError **error)
{
	berth_hash_update(this->content, this->chunk, this->filled);
	if (this->gzip && this->size == 0 && !begin_gzip(this, error))
		return false;
	if (!(this->gzip ? compress(this, last, error) : write_out(this, this->chunk, this->filled, error)))
		return false;
	this->filled = 0;
	return true;
}

bool berth_layer_writer_add(struct berth_layer_writer *this, const void *data, size_t length, GError **error)
{
	for (const uint8_t *next = data; length > 0;) {
		size_t part = MIN(length, CHUNK - this->filled);
		memcpy(this->chunk + this->filled, next, part);
		this->filled += part;
		next += part;
		length -= part;
		if (this->filled == CHUNK && !flush(this, false, error))
			return false;
	}
	return true;
}

bool berth_layer_writer_zeros(struct berth_layer_writer *this, int64_t length, GError **error)
{
	static const uint8_t zeros[4096];

	for (; length > 0; length -= (int64_t) sizeof zeros)
		if (!berth_layer_writer_add(this, zeros, (size_t) MIN(length, (int64_t) sizeof zeros), error))
			return false;
	return true;
}

bool berth_layer_writer_finish(struct berth_layer_writer *this, struct berth_layer_diff *ret, GError **error)
{
	if (!flush(this, true, error))
		return false;
	berth_hash_digest(g_steal_pointer(&this->content), ret->diff_id);
	memcpy(ret->digest, ret->diff_id, sizeof ret->digest);
	if (this->gzip)
		berth_hash_digest(g_steal_pointer(&this->written), ret->digest);
	ret->size = this->size;
	return true;
}
