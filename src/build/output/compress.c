// SPDX-License-Identifier: Apache-2.0
// Layers are kept as they are; what goes out compressed is compressed for that.
#include "build/output/internal.h"

#include "base/fd.h"
#include "image/decompress.h"
#include "image/layer-writer.h"

#define CHUNK (256 << 10)

static bool write_piece(void *data, const void *bytes, size_t length, GError **error)
{
	return berth_ingest_write(data, bytes, length, error);
}

static bool pump(struct berth_decompressor *from, struct berth_layer_writer *to, GError **error)
{
	g_autofree uint8_t *chunk = g_malloc(CHUNK);
	gssize length;

	while ((length = berth_decompressor_read(from, chunk, CHUNK, error)) > 0)
		if (!berth_layer_writer_add(to, chunk, (size_t) length, error))
			return false;
	return length == 0;
}

static char *compress_layer(const struct berth_build_out *out, struct berth_decompressor *from, GError **error)
{
	g_autofree char *reference = g_uuid_string_random(), *digest = NULL;
	struct berth_ingest *ingest = berth_blob_ingest(berth_store_blobs(out->store), reference, NULL, error);
	struct berth_layer_diff made;

	if (!ingest)
		return NULL;
	const struct berth_layer_diff_options options = {.gzip = true, .write = write_piece, .data = ingest};
	g_autoptr(berth_layer_writer) writer = berth_layer_writer_new(-1, &options);
	if (!pump(from, writer, error) || !berth_layer_writer_finish(writer, &made, error)) {
		berth_ingest_abort(ingest, false);
		return NULL;
	}
	berth_lease_add(out->lease, BERTH_RECORD_BLOB, made.digest);
	return berth_ingest_commit(ingest, made.digest, made.size, &digest, error) ? g_steal_pointer(&digest) : NULL;
}

char *berth_build_layer_blob(const struct berth_build_out *out, const char *digest, bool compress,
			     const char **ret_media, GError **error)
{
	berth_fd fd = berth_blob_open(berth_store_blobs(out->store), digest, NULL, error);
	g_autoptr(berth_decompressor) from = fd < 0 ? NULL : berth_decompressor_new(berth_source_of_fd(fd), error);

	if (!from)
		return NULL;
	switch (berth_decompressor_kind(from)) {
	case BERTH_COMPRESSION_GZIP:
		*ret_media = OCI_MEDIA_LAYER_GZIP;
		return g_strdup(digest);
	case BERTH_COMPRESSION_ZSTD:
		*ret_media = OCI_MEDIA_LAYER_ZSTD;
		return g_strdup(digest);
	default:
		*ret_media = compress ? OCI_MEDIA_LAYER_GZIP : OCI_MEDIA_LAYER;
		return compress ? compress_layer(out, from, error) : g_strdup(digest);
	}
}
