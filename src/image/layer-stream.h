// SPDX-License-Identifier: Apache-2.0
// The uncompressed bytes of a layer or of an archive of images, block by block: a thread of its own reads, decompresses
// and hashes ahead of the caller.
#pragma once

#include "image/decompress.h"

struct berth_layer_stream;

// Reads `source` to its end; more than `limit` uncompressed bytes are BERTH_ERROR_INVALID. Without
// `hashed` there is no digest at the end.
struct berth_layer_stream *berth_layer_stream_new(struct berth_source source, int64_t limit, bool hashed,
						  GError **error);
// Waits for the thread, which may be waiting for `source`.
void berth_layer_stream_free(struct berth_layer_stream *stream);
// Sets *ret to the next block, which is valid until the next call. Returns its length, 0 at the end, or -1.
gssize berth_layer_stream_next(struct berth_layer_stream *stream, const void **ret, GError **error);
// Reads to the end; `digest` (BERTH_DIGEST_SIZE, or NULL) gets that of all uncompressed bytes.
bool berth_layer_stream_finish(struct berth_layer_stream *stream, char *digest, GError **error);

typedef struct berth_layer_stream berth_layer_stream;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_layer_stream, berth_layer_stream_free)
