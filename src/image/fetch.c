// SPDX-License-Identifier: Apache-2.0
// A blob from a registry into the store. What is being written is named by the blob's digest, so whoever fetches it
// next goes on where the last one stopped, from whatever repository.
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"

// What was there may be what a crash of the machine left of unsynced bytes, or longer than the blob can be.
static struct berth_ingest *open_ingest(struct berth_blobs *blobs, const struct oci_descriptor *descriptor, bool afresh,
					int64_t *ret_offset, GError **error)
{
	struct berth_ingest *ingest = berth_blob_ingest(blobs, descriptor->digest, ret_offset, error);

	if (!ingest || *ret_offset == 0 || (!afresh && *ret_offset <= descriptor->size))
		return ingest;
	berth_ingest_abort(ingest, false);
	return berth_blob_ingest(blobs, descriptor->digest, ret_offset, error);
}

// *ret_again: what was there from before made it wrong; another try, from the start, may go well.
static bool fetch_once(struct berth_transfer *transfer, struct berth_repository *from, const struct berth_fetch *fetch,
		       bool afresh, bool *ret_again, GError **error)
{
	const struct oci_descriptor *descriptor = fetch->descriptor;
	GError *failure = NULL;
	int64_t offset = 0;
	struct berth_ingest *ingest =
		open_ingest(berth_store_blobs(transfer->images->store), descriptor, afresh, &offset, error);

	*ret_again = false;
	if (!ingest)
		return false;
	if (fetch->reading)
		fetch->reading(fetch->data, berth_ingest_reader_new(ingest));
	if (!berth_repository_fetch(from, descriptor, ingest, fetch->progress, fetch->data, &failure)) {
		berth_ingest_abort(ingest, !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_INVALID));
	} else {
		BERTH_FAILPOINT("image.fetch.downloaded");
		if (fetch->fetched)
			fetch->fetched(fetch->data);
		berth_ingest_commit(ingest, descriptor->digest, descriptor->size, NULL, &failure);
		BERTH_FAILPOINT("image.fetch.committed");
	}
	*ret_again = offset > 0 && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_INVALID);
	if (failure)
		g_propagate_error(error, failure);
	return !failure;
}

int64_t berth_transfer_size_here(struct berth_transfer *transfer, const char *digest)
{
	int64_t size = -1;
	berth_fd fd = berth_blob_open(berth_store_blobs(transfer->images->store), digest, &size, NULL);

	return fd < 0 ? -1 : size;
}

static bool fetch_missing(struct berth_transfer *transfer, struct berth_repository *from,
			  const struct berth_fetch *fetch, GError **error)
{
	g_autoptr(GError) failure = NULL;
	int64_t here = berth_transfer_size_here(transfer, fetch->descriptor->digest);
	bool again;

	if (here >= 0 && here != fetch->descriptor->size)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "blob %s: has %" G_GINT64_FORMAT " bytes, its manifest says %" G_GINT64_FORMAT,
				       fetch->descriptor->digest, here, fetch->descriptor->size);
	if (here >= 0 || fetch_once(transfer, from, fetch, false, &again, &failure))
		return true;
	if (again)
		return fetch_once(transfer, from, fetch, true, &again, error);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

bool berth_transfer_fetch(struct berth_transfer *transfer, struct berth_repository *from,
			  const struct berth_fetch *fetch, GError **error)
{
	const char *digest = fetch->descriptor->digest;

	berth_lease_add(transfer->lease, BERTH_RECORD_BLOB, digest);
	if (!berth_flight_begin(transfer, BERTH_RECORD_BLOB, digest, error))
		return false;
	bool done = fetch_missing(transfer, from, fetch, error);
	berth_flight_end(transfer, BERTH_RECORD_BLOB, digest);
	return done;
}
