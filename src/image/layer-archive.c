// SPDX-License-Identifier: Apache-2.0
#include "image/layer-archive.h"

#include "base/error.h"
#include "base/limits.h"
#include "image/record.h"

struct writing {
	struct berth_ingest *ingest;
	int64_t size;
};

static bool write_piece(void *data, const void *bytes, size_t length, GError **error)
{
	struct writing *this = data;

	this->size += (int64_t) length;
	return this->size <= BERTH_LIMIT_LAYER_BYTES
		       ? berth_ingest_write(this->ingest, bytes, length, error)
		       : berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					 "the changes are larger than %" G_GINT64_FORMAT " bytes",
					 BERTH_LIMIT_LAYER_BYTES);
}

bool berth_layer_archive_write(struct berth_store *store, struct berth_lease *lease,
			       const struct berth_snapshot_trees *trees, struct berth_layer_archive *ret,
			       GError **error)
{
	struct berth_blobs *blobs = berth_store_blobs(store);
	struct writing this = {berth_blob_ingest(blobs, NULL, NULL, error), 0};
	const struct berth_layer_diff_options options = {.write = write_piece, .data = &this};

	if (!this.ingest)
		return false;
	berth_ingest_vouch(this.ingest, NULL); // as it is not compressed, its digest is its diff id
	if (!berth_layer_diff_trees(trees, &options, -1, &ret->diff, error)) {
		berth_ingest_abort(this.ingest, false);
		return false;
	}
	berth_ingest_vouch(this.ingest, ret->diff.digest);
	berth_lease_add(lease, BERTH_RECORD_BLOB, ret->diff.digest);
	ret->ingest = this.ingest;
	if (!berth_blob_exists(blobs, ret->diff.digest))
		return true;
	berth_ingest_abort(ret->ingest, false);
	ret->ingest = NULL;
	return true;
}
