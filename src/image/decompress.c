// SPDX-License-Identifier: Apache-2.0
// One function per kind fills the caller's buffer from `input`; refill() gets more of the compressed bytes.
#include "image/decompress.h"

#include "base/error.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define INPUT_SIZE (256 << 10)
#define MAGIC_SIZE 6 // that tell the kind

struct berth_decompressor {
	enum berth_compression kind;
	struct berth_source source;
	uint8_t *input;
	size_t start, end; // what is not used yet of `input`
	bool ended; // of `source`
	bool inside; // a member or frame has begun and not ended
	struct inflate_state *inflate;
	ZSTD_DStream *zstd;
	struct archive *archive;
	GError *failure; // of reading inside a callback
};

static gssize read_fd(void *data, void *buffer, size_t size, GError **error)
{
	ssize_t length;

	do
		length = read(GPOINTER_TO_INT(data), buffer, size);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		berth_error_set_errno(error, errno, "read the archive");
	return length;
}

struct berth_source berth_source_of_fd(int fd)
{
	return (struct berth_source){read_fd, GINT_TO_POINTER(fd)};
}

static bool append(struct berth_decompressor *this, GError **error)
{
	gssize length = this->source.read(this->source.data, this->input + this->end, INPUT_SIZE - this->end, error);

	if (length < 0)
		return false;
	this->end += (size_t) length;
	this->ended = length == 0;
	return true;
}

static bool refill(struct berth_decompressor *this, GError **error)
{
	if (this->start < this->end || this->ended)
		return true;
	this->start = this->end = 0;
	return append(this, error);
}

static gssize refuse(GError **error, const char *kind, const char *why)
{
	berth_error_set(error, BERTH_ERROR_INVALID, "%s stream: %s", kind, why);
	return -1;
}

static gssize read_plain(struct berth_decompressor *this, uint8_t *data, size_t size, GError **error)
{
	if (!refill(this, error))
		return -1;
	size_t length = MIN(size, this->end - this->start);
	memcpy(data, this->input + this->start, length);
	this->start += length;
	return (gssize) length;
}

// Between two members: whether another one begins. Zeros behind the last one are padding.
static int next_gzip_member(struct berth_decompressor *this, GError **error)
{
	for (;;) {
		if (!refill(this, error))
			return -1;
		if (this->start == this->end)
			return 0;
		if (this->input[this->start] == 0x1f)
			break;
		if (this->input[this->start++] != 0)
			return (int) refuse(error, "gzip", "garbage behind its end");
	}
	isal_inflate_reset(this->inflate);
	this->inflate->crc_flag = ISAL_GZIP;
	this->inside = true;
	return 1;
}

static gssize read_gzip(struct berth_decompressor *this, uint8_t *data, size_t size, GError **error)
{
	struct inflate_state *state = this->inflate;

	state->next_out = data;
	state->avail_out = (uint32_t) MIN(size, (size_t) INT32_MAX);
	while (state->avail_out > 0) {
		int more = this->inside ? 1 : next_gzip_member(this, error);
		if (more <= 0)
			return more < 0 ? -1 : (gssize) (state->next_out - data);
		if (!refill(this, error))
			return -1;
		uint32_t room = state->avail_out;
		state->next_in = this->input + this->start;
		state->avail_in = (uint32_t) (this->end - this->start);
		int result = isal_inflate(state);
		size_t used = this->end - this->start - state->avail_in;
		this->start += used;
		if (result != ISAL_DECOMP_OK)
			return refuse(error, "gzip", "damaged");
		if (state->block_state == ISAL_BLOCK_FINISH)
			this->inside = false;
		else if (used == 0 && room == state->avail_out && this->ended)
			return refuse(error, "gzip", "it ends early");
	}
	return (gssize) (state->next_out - data);
}

static gssize read_zstd(struct berth_decompressor *this, uint8_t *data, size_t size, GError **error)
{
	ZSTD_outBuffer output = {data, size, 0};

	while (output.pos < size) {
		if (!refill(this, error))
			return -1;
		if (this->start == this->end && !this->inside)
			break;
		size_t before = output.pos;
		ZSTD_inBuffer input = {this->input, this->end, this->start};
		size_t result = ZSTD_decompressStream(this->zstd, &output, &input);
		size_t used = input.pos - this->start;
		this->start = input.pos;
		if (ZSTD_isError(result))
			return refuse(error, "zstd", ZSTD_getErrorName(result));
		this->inside = result != 0;
		if (this->inside && used == 0 && output.pos == before && this->ended && this->start == this->end)
			return refuse(error, "zstd", "it ends early");
	}
	return (gssize) output.pos;
}

static gssize read_archive(struct berth_decompressor *this, uint8_t *data, size_t size, GError **error)
{
	la_ssize_t length = archive_read_data(this->archive, data, size);

	if (length >= 0)
		return (gssize) length;
	if (this->failure) {
		g_propagate_error(error, g_steal_pointer(&this->failure));
		return -1;
	}
	return refuse(error, this->kind == BERTH_COMPRESSION_XZ ? "xz" : "bzip2",
		      archive_error_string(this->archive) ? archive_error_string(this->archive) : "damaged");
}

static la_ssize_t give_archive(G_GNUC_UNUSED struct archive *archive, void *data, const void **ret)
{
	struct berth_decompressor *this = data;

	if (!refill(this, &this->failure))
		return -1;
	size_t length = this->end - this->start;
	*ret = this->input + this->start;
	this->start = this->end;
	return (la_ssize_t) length;
}

static bool open_archive(struct berth_decompressor *this, GError **error)
{
	struct archive_entry *entry;

	this->archive = archive_read_new();
	archive_read_support_format_raw(this->archive);
	if (this->kind == BERTH_COMPRESSION_XZ)
		archive_read_support_filter_xz(this->archive);
	else
		archive_read_support_filter_bzip2(this->archive);
	if (archive_read_open(this->archive, this, NULL, give_archive, NULL) == ARCHIVE_OK &&
	    archive_read_next_header(this->archive, &entry) == ARCHIVE_OK)
		return true;
	if (this->failure)
		g_propagate_error(error, g_steal_pointer(&this->failure));
	else
		refuse(error, this->kind == BERTH_COMPRESSION_XZ ? "xz" : "bzip2",
		       archive_error_string(this->archive) ? archive_error_string(this->archive) : "damaged");
	return false;
}

static enum berth_compression tell(const uint8_t *data, size_t length)
{
	static const struct {
		enum berth_compression kind;
		size_t length;
		uint8_t bytes[MAGIC_SIZE];
	} magics[] = {
		{BERTH_COMPRESSION_GZIP, 3, {0x1f, 0x8b, 8}},
		{BERTH_COMPRESSION_ZSTD, 4, {0x28, 0xb5, 0x2f, 0xfd}},
		{BERTH_COMPRESSION_XZ, 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
		{BERTH_COMPRESSION_BZIP2, 3, {'B', 'Z', 'h'}},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(magics); i++)
		if (length >= magics[i].length && memcmp(data, magics[i].bytes, magics[i].length) == 0)
			return magics[i].kind;
	// A skippable frame (0x184D2A50 to 0x184D2A5F) may come first.
	if (length >= 4 && (data[0] & 0xf0) == 0x50 && data[1] == 0x2a && data[2] == 0x4d && data[3] == 0x18)
		return BERTH_COMPRESSION_ZSTD;
	return BERTH_COMPRESSION_NONE;
}

static bool begin(struct berth_decompressor *this, GError **error)
{
	while (this->end < MAGIC_SIZE && !this->ended)
		if (!append(this, error))
			return false;
	this->kind = tell(this->input, this->end);
	switch (this->kind) {
	case BERTH_COMPRESSION_NONE:
		return true;
	case BERTH_COMPRESSION_GZIP:
		this->inflate = g_new0(struct inflate_state, 1);
		isal_inflate_init(this->inflate);
		return true;
	case BERTH_COMPRESSION_ZSTD:
		this->zstd = ZSTD_createDStream();
		return true;
	case BERTH_COMPRESSION_XZ:
	case BERTH_COMPRESSION_BZIP2:
		return open_archive(this, error);
	}
	g_assert_not_reached();
}

struct berth_decompressor *berth_decompressor_new(struct berth_source source, GError **error)
{
	struct berth_decompressor *this = g_new0(struct berth_decompressor, 1);

	this->source = source;
	this->input = g_malloc(INPUT_SIZE);
	if (begin(this, error))
		return this;
	berth_decompressor_free(this);
	return NULL;
}

void berth_decompressor_free(struct berth_decompressor *this)
{
	if (!this)
		return;
	archive_read_free(this->archive);
	ZSTD_freeDStream(this->zstd);
	g_free(this->inflate);
	g_free(this->input);
	g_clear_error(&this->failure);
	g_free(this);
}

enum berth_compression berth_decompressor_kind(const struct berth_decompressor *this)
{
	return this->kind;
}

gssize berth_decompressor_read(struct berth_decompressor *this, void *data, size_t size, GError **error)
{
	switch (this->kind) {
	case BERTH_COMPRESSION_NONE:
		return read_plain(this, data, size, error);
	case BERTH_COMPRESSION_GZIP:
		return read_gzip(this, data, size, error);
	case BERTH_COMPRESSION_ZSTD:
		return read_zstd(this, data, size, error);
	case BERTH_COMPRESSION_XZ:
	case BERTH_COMPRESSION_BZIP2:
		return read_archive(this, data, size, error);
	}
	g_assert_not_reached();
}
