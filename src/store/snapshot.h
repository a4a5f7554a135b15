// SPDX-License-Identifier: Apache-2.0
// Snapshots: a chain of read-only layers and writable tops, by a driver (overlay, or plain copy where overlay does not
// work). A committed snapshot is a layer: immutable, its id the chain id of the layers (OCI image specification "Layer
// ChainID"). An active one is writable: a container's, or a layer being unpacked. Mounts travel as descriptors, never
// as paths.
//
// Folders: <root>/snapshots/<id with ':' as '-'>/{fs,work}. Each snapshot has a record of kind "snapshot" that refers
// to its parent. A record is written before the folder is made and removed after the folder is gone.
//
// Any thread may use them, one operation at a time on one snapshot.
#pragma once

#include "store/database.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct berth_snapshots;

// How deletions are written into a snapshot's own folder.
enum berth_whiteouts {
	BERTH_WHITEOUTS_OVERLAY, // character device 0:0, and trusted.overlay.opaque=y on folders
	BERTH_WHITEOUTS_DELETE, // the folder is the whole tree: delete the file
	BERTH_WHITEOUTS_NONE, // there are none: ".wh.x" is a name like any other
};

enum berth_change { BERTH_CHANGE_MODIFIED, BERTH_CHANGE_ADDED, BERTH_CHANGE_DELETED }; // 0, 1, 2 as Docker's API
typedef bool berth_change_fn(void *data, const char *path, enum berth_change change, GError **error); // path: "/etc/x"

struct berth_usage {
	int64_t bytes, inodes;
};

// Opens or makes <root_folder>/snapshots. `driver` "overlay", "copy" or NULL (overlay if it works there, else copy). A
// store that was made with another driver is refused.
struct berth_snapshots *berth_snapshots_open(const char *root_folder, struct berth_database *database,
					     const char *driver, GError **error);
void berth_snapshots_free(struct berth_snapshots *snapshots);
const char *berth_snapshots_driver(const struct berth_snapshots *snapshots);
enum berth_whiteouts berth_snapshots_whiteouts(const struct berth_snapshots *snapshots);

// Makes a writable snapshot on `parent` (a committed one), or on nothing (NULL). An existing id is
// BERTH_ERROR_CONFLICT.
bool berth_snapshot_prepare(struct berth_snapshots *snapshots, const char *id, const char *parent, GError **error);
// The same, where `limit` is called with the snapshot's new folder before anything is in it: what it sets on the folder
// (a project quota) is inherited by all that will be there.
typedef bool berth_snapshot_limit_fn(void *data, int folder, GError **error);
bool berth_snapshot_prepare_limited(struct berth_snapshots *snapshots, const char *id, const char *parent,
				    berth_snapshot_limit_fn *limit, void *data, GError **error);
// Makes it immutable under the id `chain_id`. If that exists already, this one is removed and that is success. Its
// content is synced before.
bool berth_snapshot_commit(struct berth_snapshots *snapshots, const char *id, const char *chain_id, GError **error);
// Nobody writes in it any more, and it may be a parent: what it holds becomes a layer by berth_store_settle(), which
// syncs many at once. Until then it is as an active one: after a crash it is gone.
bool berth_snapshot_freeze(struct berth_snapshots *snapshots, const char *id, GError **error);
bool berth_snapshot_exists(struct berth_snapshots *snapshots, const char *id);
// Mounts it, detached: a descriptor for move_mount(2) and for openat2(2) beneath it. Writable if active, else
// read-only. The mount goes when the last descriptor and the last namespace that has it do.
bool berth_snapshot_mount(struct berth_snapshots *snapshots, const char *id, int *ret_tree_fd, GError **error);
// As whom a container's user namespace knows the ids of its files: those on disk are the container's own, and a mount
// shows them as the host's ids of that namespace (idmapped mounts), so nothing is ever re-owned.
struct berth_snapshot_owner {
	int user_namespace; // a descriptor
	uint32_t uid, gid; // on the host, of the namespace's root
	int folders; // of berth_snapshots_map() with that namespace, for one mount; -1: none was made beforehand
};
// Makes the part of a mapped mount that all snapshots have in common: their folder, a detached mount with its ids
// mapped. -1: BERTH_ERROR_NOT_IMPLEMENTED: kernel or file system do not map ids.
int berth_snapshots_map(const struct berth_snapshots *snapshots, int user_namespace, GError **error);
// The same as berth_snapshot_mount(), mapped (`owner` NULL: as above).
bool berth_snapshot_mount_as(struct berth_snapshots *snapshots, const char *id,
			     const struct berth_snapshot_owner *owner, int *ret_tree_fd, GError **error);
// The folder that an active snapshot's own content goes to, for unpacking: the layer's with overlay, the whole tree's
// with copy; berth_snapshots_whiteouts() says how deletions are written there.
int berth_snapshot_open_content(struct berth_snapshots *snapshots, const char *id, GError **error);
// What the snapshot changes against its parent, parents before children, sorted by name.
bool berth_snapshot_changes(struct berth_snapshots *snapshots, const char *id, berth_change_fn *each, void *data,
			    GError **error);
// What berth_tree_compare() (store/tree.h) needs of a snapshot; two descriptors that berth_snapshot_trees_clear()
// closes.
struct berth_snapshot_trees {
	int top, base; // base: of the parent's tree, -1 if there is none
	enum berth_whiteouts whiteouts;
	bool frozen; // nobody writes to `top`: what was seen of it is so
	bool copied; // `since` is when the parent's tree had been copied
	struct timespec since;
	// Whether a file or folder that is only in `top` is not told of, with all beneath it. NULL: none.
	bool (*skips)(const char *path);
};
bool berth_snapshot_trees_open(struct berth_snapshots *snapshots, const char *id, struct berth_snapshot_trees *ret,
			       GError **error);
void berth_snapshot_trees_clear(struct berth_snapshot_trees *trees);
// Removes it. One that has children or that a record refers to is BERTH_ERROR_CONFLICT; missing is success.
bool berth_snapshot_remove(struct berth_snapshots *snapshots, const char *id, GError **error);
// What it adds to its parent: the files that it adds or changes, one with several names once. Bytes are the lengths of
// regular files and links.
bool berth_snapshot_usage(struct berth_snapshots *snapshots, const char *id, struct berth_usage *ret, GError **error);
// At start: removes folders without a record and records without a folder, which a crash can leave.
bool berth_snapshots_sweep(struct berth_snapshots *snapshots, GError **error);
