// SPDX-License-Identifier: Apache-2.0
// What the store's parts offer each other: hooks that let leases follow what is committed, and removal in two steps so
// that garbage collection decides at once and deletes at leisure.
#pragma once

#include "store/store.h"

// Called with "blob" or "snapshot" and the id, before it is made visible and before it is looked for among those that
// exist. It may wait.
typedef void berth_commit_fn(void *data, const char *kind, const char *id);
void berth_blobs_on_commit(struct berth_blobs *blobs, berth_commit_fn *commit, void *data);
void berth_snapshots_on_commit(struct berth_snapshots *snapshots, berth_commit_fn *commit, void *data);

// Takes the snapshot out of sight: record and folder are gone for everybody. *ret_name (the caller's; NULL if there
// was none) names what berth_snapshots_delete() removes. Errors as of berth_snapshot_remove(). `wanted` (may be NULL)
// is asked within the transaction that does it: who begins to want the snapshot afterwards finds it gone. One that is
// wanted stays, and *ret_name is NULL.
typedef bool berth_wanted_fn(void *data, const char *id);
bool berth_snapshot_detach(struct berth_snapshots *snapshots, const char *id, berth_wanted_fn *wanted, void *data,
			   char **ret_name, GError **error);
bool berth_snapshots_delete(struct berth_snapshots *snapshots, const char *name, GError **error);

// Calls `each` for every snapshot, in the order of ids. It may not use the database.
typedef void berth_snapshot_fn(void *data, const char *id, const char *parent, bool committed);
bool berth_snapshots_each(struct berth_snapshots *snapshots, struct berth_transaction *transaction,
			  berth_snapshot_fn *each, void *data, GError **error);

// Every reference of every record: `kind` and `id` of the record, then what it refers to.
typedef void berth_reference_fn(void *data, const char *kind, const char *id, const struct berth_reference *to);
bool berth_references_each(struct berth_transaction *transaction, berth_reference_fn *each, void *data, GError **error);

// The ids that record (kind, id) refers to within its own kind, theirs and so on, nearest first, the record's own id at
// the head; for records that refer to one of their kind at most. A new NULL-terminated array.
char **berth_record_chain(struct berth_transaction *transaction, const char *kind, const char *id, GError **error);

// Writes all committed transactions to the disk: a crash of the machine does not lose them any more. For what cannot be
// undone.
bool berth_database_sync(struct berth_database *database, GError **error);

// Removes a blob that no record refers to and no lease holds; *ret_removed tells.
bool berth_store_remove_unused_blob(struct berth_store *store, const char *digest, bool *ret_removed, GError **error);

// Compares snapshots' records with their folders: `found` is told of "snapshot <id>" that has not the folders that it
// should have, and of leftovers, "folder <name>", which are removed with `repair`.
enum berth_snapshot_fault { BERTH_FAULT_LAYER, BERTH_FAULT_WRITABLE, BERTH_FAULT_LEFTOVER };
typedef void berth_snapshot_broken_fn(void *data, const char *object, const char *cause,
				      enum berth_snapshot_fault fault);
bool berth_snapshots_check(struct berth_snapshots *snapshots, bool repair, berth_snapshot_broken_fn *found, void *data,
			   int64_t *ret_count, GError **error);
