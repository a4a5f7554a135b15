// SPDX-License-Identifier: Apache-2.0
// A layer's blob becomes a snapshot. Its id is the chain id (OCI image specification "Layer ChainID"), so layers that
// images share are unpacked once.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/limits.h"
#include "image/decompress.h"
#include "image/layer-stream.h"
#include "image/unpack-internal.h"

#include <string.h>

#define CHUNK (256 << 10)

char *berth_image_chain_id(const char *parent, const char *diff_id)
{
	char digest[BERTH_DIGEST_SIZE];

	if (!parent)
		return g_strdup(diff_id);
	struct berth_hash *hash = berth_hash_new();
	berth_hash_update(hash, parent, strlen(parent));
	berth_hash_update(hash, " ", 1);
	berth_hash_update(hash, diff_id, strlen(diff_id));
	berth_hash_digest(hash, digest);
	return g_strdup(digest);
}

bool berth_image_check_diff_id(const char *digest, const char *expected, const char *found, GError **error)
{
	return !expected || g_str_equal(expected, found) ||
	       berth_error_set(
		       error, BERTH_ERROR_INVALID,
		       "layer %s: its uncompressed content has the digest %s, the image's configuration says %s",
		       digest, found, expected);
}

static bool copy_uncompressed(struct berth_decompressor *from, struct berth_ingest *to, GError **error)
{
	g_autofree uint8_t *chunk = g_malloc(CHUNK);
	int64_t total = 0;
	gssize length;

	while ((length = berth_decompressor_read(from, chunk, CHUNK, error)) > 0) {
		total += length;
		if (total > berth_unpack_default_limits.stream)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the layer is larger than %" G_GINT64_FORMAT " bytes when uncompressed",
					       berth_unpack_default_limits.stream);
		if (!berth_ingest_write(to, chunk, (size_t) length, error))
			return false;
	}
	return length == 0;
}

// The image specification has no media type for xz and bzip2: such a layer is kept uncompressed. Returns the digest of
// the blob to keep.
static char *settle(struct berth_images *images, const char *digest, GError **error)
{
	struct berth_blobs *blobs = berth_store_blobs(images->store);
	g_autofree char *plain = NULL;

	berth_fd fd = berth_blob_open(blobs, digest, NULL, error);
	g_autoptr(berth_decompressor) decompressor =
		fd < 0 ? NULL : berth_decompressor_new(berth_source_of_fd(fd), error);
	if (!decompressor)
		return NULL;
	if (berth_decompressor_kind(decompressor) < BERTH_COMPRESSION_XZ)
		return g_strdup(digest);
	struct berth_ingest *ingest = berth_blob_ingest(blobs, NULL, NULL, error);
	if (!ingest)
		return NULL;
	if (!copy_uncompressed(decompressor, ingest, error)) {
		berth_ingest_abort(ingest, false);
		return NULL;
	}
	return berth_ingest_commit(ingest, NULL, -1, &plain, error) ? g_steal_pointer(&plain) : NULL;
}

// Unpacks into the active snapshot `id`. `diff_id` holds BERTH_DIGEST_SIZE bytes.
static bool unpack(struct berth_images *images, const char *digest, const char *id, char *diff_id, GError **error)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(images->store);
	berth_fd blob = berth_blob_open(berth_store_blobs(images->store), digest, NULL, error);
	berth_fd content = blob < 0 ? -1 : berth_snapshot_open_content(snapshots, id, error);

	return content >= 0 && berth_layer_unpack(berth_source_of_fd(blob), content,
						  berth_snapshots_whiteouts(snapshots), diff_id, error);
}

static bool unpack_and_commit(struct berth_images *images, struct berth_lease *lease, const char *parent,
			      const char *expected, struct berth_image_layer *layer, GError **error)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(images->store);
	g_autofree char *unique = g_uuid_string_random();
	g_autofree char *id = g_strconcat("unpack-", unique, NULL);
	char diff_id[BERTH_DIGEST_SIZE];

	berth_lease_add(lease, BERTH_RECORD_SNAPSHOT, id);
	if (!berth_snapshot_prepare(snapshots, id, parent, error))
		return false;
	BERTH_FAILPOINT("image.layer.prepared");
	bool done = unpack(images, layer->digest, id, diff_id, error) &&
		    berth_image_check_diff_id(layer->digest, expected, diff_id, error);
	if (done) {
		BERTH_FAILPOINT("image.layer.unpacked");
		layer->diff_id = g_strdup(diff_id);
		layer->chain_id = berth_image_chain_id(parent, diff_id);
		done = berth_snapshot_commit(snapshots, id, layer->chain_id, error);
	}
	if (!done)
		berth_snapshot_remove(snapshots, id, NULL);
	return done;
}

// The layer is unpacked already; its blob may be another one of the same content.
static bool check_blob(struct berth_images *images, const char *digest, const char *expected, GError **error)
{
	char diff_id[BERTH_DIGEST_SIZE];
	berth_fd blob = berth_blob_open(berth_store_blobs(images->store), digest, NULL, error);
	g_autoptr(berth_layer_stream) stream =
		blob < 0 ? NULL
			 : berth_layer_stream_new(berth_source_of_fd(blob), berth_unpack_default_limits.stream, true,
						  error);

	return stream && berth_layer_stream_finish(stream, diff_id, error) &&
	       berth_image_check_diff_id(digest, expected, diff_id, error);
}

static bool add(struct berth_images *images, struct berth_lease *lease, const char *parent, const char *expected,
		struct berth_image_layer *layer, GError **error)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(images->store);
	struct berth_usage usage;

	if (expected) {
		g_autofree char *chain = berth_image_chain_id(parent, expected);
		berth_lease_add(lease, BERTH_RECORD_SNAPSHOT, chain);
		if (berth_snapshot_exists(snapshots, chain)) {
			layer->diff_id = g_strdup(expected);
			layer->chain_id = g_steal_pointer(&chain);
			if (!check_blob(images, layer->digest, expected, error))
				return false;
		}
	}
	if (!layer->chain_id && !unpack_and_commit(images, lease, parent, expected, layer, error))
		return false;
	if (!berth_snapshot_usage(snapshots, layer->chain_id, &usage, error))
		return false;
	layer->size = usage.bytes;
	return true;
}

struct berth_image_layer *berth_image_layer_add(struct berth_images *images, struct berth_lease *lease,
						const char *digest, const char *parent, const char *diff_id,
						GError **error)
{
	g_autoptr(berth_image_layer) layer = berth_document_new(&berth_image_layer_document);

	layer->digest = settle(images, digest, error);
	return layer->digest && add(images, lease, parent, diff_id, layer, error) ? g_steal_pointer(&layer) : NULL;
}
