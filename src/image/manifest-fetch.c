// SPDX-License-Identifier: Apache-2.0
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/limits.h"

// Puts what came into the store; its digest must be the one that was asked for.
static char *keep(struct berth_blobs *blobs, const char *digest, const struct berth_manifest *manifest,
		  size_t *ret_length, GError **error)
{
	g_autofree char *put = berth_blob_put(blobs, manifest->text, manifest->length, error);

	if (!put)
		return NULL;
	if (!g_str_equal(put, digest)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "manifest %s: the registry sent one with the digest %s",
				digest, put);
		return NULL;
	}
	*ret_length = manifest->length;
	return g_strndup(manifest->text, manifest->length);
}

char *berth_transfer_document(struct berth_transfer *transfer, const char *digest,
			      const struct berth_manifest *resolved, size_t *ret_length, GError **error)
{
	struct berth_blobs *blobs = berth_store_blobs(transfer->images->store);
	struct berth_manifest manifest = {NULL};

	berth_lease_add(transfer->lease, BERTH_RECORD_BLOB, digest);
	if (berth_blob_exists(blobs, digest))
		return berth_blob_read(blobs, digest, BERTH_LIMIT_MANIFEST, ret_length, error);
	if (resolved && resolved->text)
		return keep(blobs, digest, resolved, ret_length, error);
	if (!berth_repository_manifest(transfer->repository, digest, &manifest, error))
		return NULL;
	char *text = keep(blobs, digest, &manifest, ret_length, error);
	berth_manifest_clear(&manifest);
	return text;
}
