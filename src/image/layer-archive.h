// SPDX-License-Identifier: Apache-2.0
// What a tree changes against another one as a layer's archive: a blob that nobody sees yet. It is made visible by
// berth_ingest_commit(), or together with the snapshot that it is of, which need not be unpacked again then, by
// berth_store_settle().
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
