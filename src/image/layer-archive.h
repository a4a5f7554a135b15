// SPDX-License-Identifier: Apache-2.0
// What a writable snapshot holds becomes a layer without being unpacked again: its archive is written as a blob that
// nobody sees yet, and berth_store_settle() makes both visible, blob and snapshot.
#pragma once

#include "image/diff.h"
#include "store/store.h"

struct berth_layer_archive {
	struct berth_layer_diff diff; // its digest is the blob's
	struct berth_ingest *ingest; // written; NULL: there is such a blob already
};

// Writes the archive of the changes, uncompressed. `lease` keeps a blob that is there already. RESOURCE_EXHAUSTED: it
// is larger than BERTH_LIMIT_LAYER_BYTES.
bool berth_layer_archive_write(struct berth_store *store, struct berth_lease *lease,
			       const struct berth_snapshot_trees *trees, struct berth_layer_archive *ret,
			       GError **error);
