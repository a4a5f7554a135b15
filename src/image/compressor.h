// SPDX-License-Identifier: Apache-2.0
// A stream of bytes, compressed. The same bytes in the same pieces give the same bytes: nothing of the time or the
// machine is in them.
#pragma once

#include "image/decompress.h"

#define BERTH_COMPRESSION_USUAL (-1) // the level that is nobody's wish: fast

struct berth_compressor;
typedef bool berth_compressed_fn(void *data, const void *bytes, size_t length, GError **error);

// Of GZIP or ZSTD, or NONE, which gives what it gets. Levels: gzip 0 (nothing is made smaller) to 9, zstd 1 to 22 (0:
// its own usual one).
struct berth_compressor *berth_compressor_new(enum berth_compression kind, int level, berth_compressed_fn *write,
					      void *data);
void berth_compressor_free(struct berth_compressor *compressor);
// `last`: the stream ends with it.
bool berth_compressor_add(struct berth_compressor *compressor, const void *bytes, size_t length, bool last,
			  GError **error);
// INVALID: there is no such level.
bool berth_compression_check_level(enum berth_compression kind, int64_t level, GError **error);
