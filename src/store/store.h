// SPDX-License-Identifier: Apache-2.0
// The data root as a whole: database, blobs, snapshots, and what binds them: leases and garbage collection.
#pragma once

#include "store/blob.h"
#include "store/database.h"
#include "store/snapshot.h"

struct berth_store;

// Opens or makes the data root (mode 0711), takes its lock (another engine on it: BERTH_ERROR_CONFLICT that names the
// folder), sweeps what a crash left. `snapshot_driver` as for berth_snapshots_open().
struct berth_store *berth_store_open(const char *data_root, const char *snapshot_driver, GError **error);
void berth_store_free(struct berth_store *store);

struct berth_database *berth_store_database(struct berth_store *store);
struct berth_blobs *berth_store_blobs(struct berth_store *store);
struct berth_snapshots *berth_store_snapshots(struct berth_store *store);
const char *berth_store_root(const struct berth_store *store);

// A lease keeps what was added to it from collection, until it is released or the process ends (leases are in memory:
// what a crash interrupted is not in use any more). What anybody commits while it lives is added to it. So: take a
// lease, add what you mean to use and then look whether it is there, make what is missing, commit the record that
// refers to all of it, release.
struct berth_lease;
struct berth_lease *berth_lease_new(struct berth_store *store);
void berth_lease_add(struct berth_lease *lease, const char *kind, const char *id); // "blob" or "snapshot"
void berth_lease_release(struct berth_lease *lease); // and frees it; NULL is fine
typedef struct berth_lease berth_lease;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_lease, berth_lease_release)

struct berth_collected {
	int64_t blobs, snapshots; // removed
	int64_t bytes; // freed
};
// Removes blobs and committed snapshots that nothing reaches: from every record's references, from the references of
// blobs (a manifest's config and layers are references of the record that names the manifest), from leases, and from
// the parents of reachable snapshots. Active snapshots are reached by the records that refer to them. Runs beside
// everything else.
bool berth_store_collect(struct berth_store *store, struct berth_collected *ret, GError **error);

// What becomes visible together, with one sync for all of it: written blobs, and frozen snapshots as layers.
struct berth_settle_layer {
	const char *id; // frozen
	const char *parent; // the id of the layer below it, as it is from now on; NULL: none
	const char *chain_id; // what it is called from now on
	bool exists; // set: there was such a layer already. This one stays as it is, and is the caller's to remove
};
typedef bool berth_settle_fn(void *data, struct berth_transaction *transaction, GError **error);
// Layers are in an order in which parents come first. Snapshots on one that gets its new name have that one as their
// parent then. `also` (may be NULL) writes more records in the transaction. The ingests are freed in any case.
bool berth_store_settle(struct berth_store *store, struct berth_ingest *const *ingests, size_t ingest_count,
			struct berth_settle_layer *layers, size_t layer_count, berth_settle_fn *also, void *data,
			GError **error);
