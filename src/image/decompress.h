// SPDX-License-Identifier: Apache-2.0
// A stream of bytes, decompressed: plain, gzip (also of many members), zstd (also of many frames), xz or bzip2, told by
// its first bytes. Checksums are checked; a stream that ends early or goes on with something else is
// BERTH_ERROR_INVALID.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum berth_compression {
	BERTH_COMPRESSION_NONE,
	BERTH_COMPRESSION_GZIP,
	BERTH_COMPRESSION_ZSTD,
	BERTH_COMPRESSION_XZ,
	BERTH_COMPRESSION_BZIP2,
};

// Where bytes come from. read() gives up to `size` bytes, as many as are there at once, but waits for at least one; 0
// at the end, -1 with *error. It may be called from any thread, one at a time.
struct berth_source {
	gssize (*read)(void *data, void *buffer, size_t size, GError **error);
	void *data; // must outlive who reads
};
// Reads from where `fd` stands; it stays the caller's.
struct berth_source berth_source_of_fd(int fd);

struct berth_decompressor;

// NULL if reading fails.
struct berth_decompressor *berth_decompressor_new(struct berth_source source, GError **error);
void berth_decompressor_free(struct berth_decompressor *decompressor);
enum berth_compression berth_decompressor_kind(const struct berth_decompressor *decompressor);

// Fills `data` with up to `size` bytes. Returns their count, 0 at the end, or -1.
gssize berth_decompressor_read(struct berth_decompressor *decompressor, void *data, size_t size, GError **error);

typedef struct berth_decompressor berth_decompressor;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_decompressor, berth_decompressor_free)
