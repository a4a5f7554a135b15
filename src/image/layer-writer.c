// SPDX-License-Identifier: Apache-2.0
// The compressor is fed in chunks of one size, however the bytes came: what it makes of them depends on that.
#include "image/layer-writer.h"

#include "base/fd.h"
#include "image/compressor.h"

#include <string.h>

#define CHUNK (256 << 10)

struct berth_layer_writer {
	int fd; // borrowed
	const struct berth_layer_diff_options *options; // borrowed
	struct berth_compressor *compressor; // NULL: none
	struct berth_hash *content, *written; // `written` only with a compressor
	int64_t size; // written
	uint8_t *chunk;
	size_t filled; // of chunk
};

static bool write_out(void *data, const void *bytes, size_t length, GError **error)
{
	struct berth_layer_writer *this = data;

	if (this->written)
		berth_hash_update(this->written, bytes, length);
	this->size += (int64_t) length;
	return this->options->write ? this->options->write(this->options->data, bytes, length, error)
				    : berth_write_all(this->fd, bytes, length, "the layer", error);
}

struct berth_layer_writer *berth_layer_writer_new(int fd, const struct berth_layer_diff_options *options)
{
	struct berth_layer_writer *this = g_new0(struct berth_layer_writer, 1);

	this->fd = fd;
	this->options = options;
	this->content = berth_hash_new();
	this->chunk = g_malloc(CHUNK);
	if (options->compression == BERTH_COMPRESSION_NONE)
		return this;
	this->written = berth_hash_new();
	this->compressor = berth_compressor_new(
		options->compression, options->level ? *options->level : BERTH_COMPRESSION_USUAL, write_out, this);
	return this;
}

void berth_layer_writer_free(struct berth_layer_writer *this)
{
	if (!this)
		return;
	berth_compressor_free(this->compressor);
	berth_hash_free(this->content);
	berth_hash_free(this->written);
	g_free(this->chunk);
	g_free(this);
}

static bool flush(struct berth_layer_writer *this, bool last, GError **error)
{
	berth_hash_update(this->content, this->chunk, this->filled);
	if (!(this->compressor ? berth_compressor_add(this->compressor, this->chunk, this->filled, last, error)
			       : write_out(this, this->chunk, this->filled, error)))
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
	if (this->compressor)
		berth_hash_digest(g_steal_pointer(&this->written), ret->digest);
	ret->size = this->size;
	return true;
}
