// SPDX-License-Identifier: Apache-2.0
// gzip has two makers: ISA-L, several times as fast as zlib, where nobody asked for a level; zlib, whose levels are
// those that people know, where somebody did.
#include "image/compressor.h"

#include "base/error.h"

#include <isa-l/igzip_lib.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK (256 << 10)
#define FAST_LEVEL 1
#define FAST_BUFFER ISAL_DEF_LVL1_DEFAULT
#define ZLIB_WINDOW (15 + 16) // the largest one, and gzip's header
#define ZLIB_MEMORY 8
#define UNKNOWN_SYSTEM 255 // the bytes do not tell where they were made

enum maker { COPY, FAST, ZLIB, ZSTD };

struct berth_compressor {
	enum maker maker;
	int level;
	berth_compressed_fn *write;
	void *data;
	bool begun;
	uint8_t *output, *buffer;
	struct isal_zstream fast;
	z_stream zlib;
	gz_header header; // zlib's, which keeps it
	ZSTD_CCtx *zstd;
};

struct berth_compressor *berth_compressor_new(enum berth_compression kind, int level, berth_compressed_fn *write,
					      void *data)
{
	struct berth_compressor *this = g_new0(struct berth_compressor, 1);

	this->maker = kind == BERTH_COMPRESSION_ZSTD   ? ZSTD
		      : kind != BERTH_COMPRESSION_GZIP ? COPY
		      : level < 0                      ? FAST
						       : ZLIB;
	this->level = level;
	this->write = write;
	this->data = data;
	if (this->maker != COPY)
		this->output = g_malloc(CHUNK);
	return this;
}

void berth_compressor_free(struct berth_compressor *this)
{
	if (!this)
		return;
	if (this->maker == ZLIB && this->begun)
		deflateEnd(&this->zlib);
	ZSTD_freeCCtx(this->zstd);
	g_free(this->output);
	g_free(this->buffer);
	g_free(this);
}

static bool failed(GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INTERNAL, "compressing failed");
}

static bool begin_fast(struct berth_compressor *this, GError **error)
{
	struct isal_gzip_header header;

	this->buffer = g_malloc(FAST_BUFFER);
	isal_deflate_init(&this->fast);
	this->fast.gzip_flag = IGZIP_GZIP_NO_HDR;
	this->fast.level = FAST_LEVEL;
	this->fast.level_buf = this->buffer;
	this->fast.level_buf_size = FAST_BUFFER;
	isal_gzip_header_init(&header);
	header.os = UNKNOWN_SYSTEM;
	this->fast.next_out = this->output;
	this->fast.avail_out = CHUNK;
	return isal_write_gzip_header(&this->fast, &header) == 0
		       ? this->write(this->data, this->output, CHUNK - this->fast.avail_out, error)
		       : failed(error);
}

static bool begin_zlib(struct berth_compressor *this, GError **error)
{
	this->header.os = UNKNOWN_SYSTEM;
	return (deflateInit2(&this->zlib, this->level, Z_DEFLATED, ZLIB_WINDOW, ZLIB_MEMORY, Z_DEFAULT_STRATEGY) ==
			Z_OK &&
		deflateSetHeader(&this->zlib, &this->header) == Z_OK) ||
	       failed(error);
}

static bool begin_zstd(struct berth_compressor *this, GError **error)
{
	int level = this->level > 0 ? this->level : ZSTD_defaultCLevel();

	this->zstd = ZSTD_createCCtx();
	return (this->zstd && !ZSTD_isError(ZSTD_CCtx_setParameter(this->zstd, ZSTD_c_compressionLevel, level)) &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(this->zstd, ZSTD_c_checksumFlag, 1))) ||
	       failed(error);
}

static bool begin(struct berth_compressor *this, GError **error)
{
	bool fine = this->maker == COPY   ? true
		    : this->maker == FAST ? begin_fast(this, error)
		    : this->maker == ZLIB ? begin_zlib(this, error)
					  : begin_zstd(this, error);

	this->begun = fine;
	return fine;
}

static bool add_fast(struct berth_compressor *this, const void *bytes, size_t length, bool last, GError **error)
{
	this->fast.next_in = (uint8_t *) (uintptr_t) bytes;
	this->fast.avail_in = (uint32_t) length;
	this->fast.end_of_stream = last;
	do {
		this->fast.next_out = this->output;
		this->fast.avail_out = CHUNK;
		if (isal_deflate(&this->fast) != COMP_OK)
			return failed(error);
		if (!this->write(this->data, this->output, CHUNK - this->fast.avail_out, error))
			return false;
	} while (this->fast.avail_out == 0);
	return true;
}

static bool add_zlib(struct berth_compressor *this, const void *bytes, size_t length, bool last, GError **error)
{
	this->zlib.next_in = (Bytef *) (uintptr_t) bytes;
	this->zlib.avail_in = (uInt) length;
	do {
		this->zlib.next_out = this->output;
		this->zlib.avail_out = CHUNK;
		if (deflate(&this->zlib, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return failed(error);
		if (!this->write(this->data, this->output, CHUNK - this->zlib.avail_out, error))
			return false;
	} while (this->zlib.avail_out == 0);
	return true;
}

static bool add_zstd(struct berth_compressor *this, const void *bytes, size_t length, bool last, GError **error)
{
	ZSTD_inBuffer input = {bytes, length, 0};
	size_t left;

	do {
		ZSTD_outBuffer output = {this->output, CHUNK, 0};
		left = ZSTD_compressStream2(this->zstd, &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return failed(error);
		if (!this->write(this->data, this->output, output.pos, error))
			return false;
	} while (last ? left > 0 : input.pos < input.size);
	return true;
}

bool berth_compressor_add(struct berth_compressor *this, const void *bytes, size_t length, bool last, GError **error)
{
	if (!this->begun && !begin(this, error))
		return false;
	switch (this->maker) {
	case FAST:
		return add_fast(this, bytes, length, last, error);
	case ZLIB:
		return add_zlib(this, bytes, length, last, error);
	case ZSTD:
		return add_zstd(this, bytes, length, last, error);
	default:
		return this->write(this->data, bytes, length, error);
	}
}

bool berth_compression_check_level(enum berth_compression kind, int64_t level, GError **error)
{
	int most = kind == BERTH_COMPRESSION_ZSTD ? ZSTD_maxCLevel() : Z_BEST_COMPRESSION;

	return (level >= 0 && level <= most) || berth_error_set(error, BERTH_ERROR_INVALID, "%s has the levels 0 to %d",
								kind == BERTH_COMPRESSION_ZSTD ? "zstd" : "gzip", most);
}
