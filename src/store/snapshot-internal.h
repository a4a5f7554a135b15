// SPDX-License-Identifier: Apache-2.0
// What a driver is. snapshot.c keeps records, names and states, and hands a driver descriptors; a driver knows how the
// folders of a snapshot become a tree.
#pragma once

#include "store/snapshot.h"
#include "store/store-internal.h"

#define BERTH_SNAPSHOT_COPIED "copied"
#define BERTH_SNAPSHOT_KIND "snapshot"

// What the database keeps of one.
struct berth_snapshot_record {
	char *parent;
	bool committed;
	bool frozen; // not committed, but nobody writes in it any more
};
extern const struct berth_document berth_snapshot_record_document;
BERTH_DOCUMENT_AUTOPTR(berth_snapshot_record, berth_snapshot_record_document)

// The name of its folder, behind `prefix`.
char *berth_snapshot__folder(const char *prefix, const char *id);
struct berth_snapshot_record *berth_snapshot__get(struct berth_transaction *transaction, const char *id,
						  GError **error);
// The same where a missing one is no failure: *ret is NULL then.
bool berth_snapshot__find(struct berth_transaction *transaction, const char *id, struct berth_snapshot_record **ret,
			  GError **error);
bool berth_snapshot__put(struct berth_transaction *transaction, const char *id,
			 const struct berth_snapshot_record *record, GError **error);

struct berth_snapshot_driver;

struct berth_snapshots {
	const struct berth_snapshot_driver *driver;
	struct berth_database *database;
	int folder;
	berth_commit_fn *commit;
	void *commit_data;
};

struct berth_snapshot_driver {
	const char *name;
	enum berth_whiteouts whiteouts;
	// Whether the driver works on the file system of `folder`, which is the driver's to write in. NULL: always.
	bool (*probe)(int folder, GError **error);
	// Fills the new folder of a snapshot: `fs` and what else the driver needs. `parent` is the parent's `fs`, -1 if
	// there is none. A driver that copies leaves the file BERTH_SNAPSHOT_COPIED behind the copying, whose time
	// tells what was changed since.
	bool (*prepare)(int folder, int parent, GError **error);
	// Makes the tree's detached mount. `layers` are the folders of the snapshot and of its parents, nearest first.
	// `owner` (may be NULL): berth_snapshot_mount_as(). With `in_mapped` the layers lie in owner->folders then.
	int (*mount)(const int *layers, size_t count, bool writable, const struct berth_snapshot_owner *owner,
		     GError **error);
	bool in_mapped;
};

extern const struct berth_snapshot_driver berth_snapshot_overlay, berth_snapshot_copy;

// The driver of the store whose snapshots are in folder `snapshots`, as for berth_snapshots_open(); the first choice is
// recorded.
const struct berth_snapshot_driver *berth_snapshot_driver_choose(int snapshots, struct berth_database *database,
								 const char *wanted, GError **error);

// Set once the kernel was found to know no "lowerdir+" (before 6.5). Tests set it to go that way on any kernel.
extern int berth_overlay_old_kernel;
// The same for one that takes no layers of detached mounts (before 6.15).
extern int berth_overlay_attached_only;
