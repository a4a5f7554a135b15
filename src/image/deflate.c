// SPDX-License-Identifier: Apache-2.0
#include "image/deflate.h"

#include <isa-l/igzip_lib.h>

#define CHUNK (64 << 10)
#define LEVEL 1
#define LEVEL_BUFFER ISAL_DEF_LVL1_DEFAULT

struct berth_deflate {
	berth_deflate_write_fn *write;
	void *data;
	struct isal_zstream stream;
	uint8_t *output, *level;
};

struct berth_deflate *berth_deflate_new(enum berth_deflate_kind kind, berth_deflate_write_fn *write, void *data)
{
	struct berth_deflate *this = g_new0(struct berth_deflate, 1);

	this->write = write;
	this->data = data;
	this->output = g_malloc(CHUNK);
	this->level = g_malloc(LEVEL_BUFFER);
	isal_deflate_init(&this->stream);
	this->stream.gzip_flag = kind == BERTH_DEFLATE_GZIP ? IGZIP_GZIP : IGZIP_DEFLATE;
	this->stream.level = LEVEL;
	this->stream.level_buf = this->level;
	this->stream.level_buf_size = LEVEL_BUFFER;
	return this;
}

void berth_deflate_free(struct berth_deflate *this)
{
	if (!this)
		return;
	g_free(this->output);
	g_free(this->level);
	g_free(this);
}

static bool pass(struct berth_deflate *this, const void *bytes, size_t length, bool last)
{
	this->stream.next_in = (uint8_t *) bytes;
	this->stream.avail_in = (uint32_t) length;
	this->stream.end_of_stream = last;
	do {
		this->stream.next_out = this->output;
		this->stream.avail_out = CHUNK;
		if (isal_deflate(&this->stream) != COMP_OK)
			return false;
		size_t made = CHUNK - this->stream.avail_out;
		if (made > 0 && !this->write(this->data, this->output, made))
			return false;
	} while (this->stream.avail_out == 0 || this->stream.avail_in > 0);
	return true;
}

bool berth_deflate_add(struct berth_deflate *this, const void *bytes, size_t length)
{
	return pass(this, bytes, length, false);
}

bool berth_deflate_finish(struct berth_deflate *this)
{
	return pass(this, NULL, 0, true);
}
