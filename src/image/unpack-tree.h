// SPDX-License-Identifier: Apache-2.0
// The folder that a layer is unpacked into, entry by entry. Parents of entries are resolved as a process whose root the
// folder is would resolve them (a symbolic link in a parent's path leads somewhere inside, never out), entries
// themselves are never followed.
#pragma once

#include "image/tar.h"
#include "image/unpack-attributes.h"
#include "store/snapshot.h"

struct berth_unpack_tree {
	int root_fd; // borrowed
	enum berth_whiteouts whiteouts;
	const struct berth_id_maps *ids; // NULL: owners are as the archive says
	// Of a container's tree only:
	const uint32_t *owner; // of all entries, user and group; NULL: as the archive says
	bool keep_kinds; // folders are not replaced by something else, nor the other way round
	const char *place; // where in the tree the archive goes; NULL: it is no container's
	struct berth_unpack_defaults defaults;
	char *parent; // of the next entry, probably, and a descriptor of it; NULL and -1 if there is none
	int parent_fd;
	struct berth_unpack_heritage heritage; // of the parent
	GArray *folders; // whose times are set at the end, when nothing more is put into them
	GHashTable *added; // "<parent's inode>/<name>" of all entries; with BERTH_WHITEOUTS_DELETE only
};

void berth_unpack_tree_init(struct berth_unpack_tree *tree, int root_fd, enum berth_whiteouts whiteouts,
			    const struct berth_id_maps *ids);
void berth_unpack_tree_clear(struct berth_unpack_tree *tree);

// Adds an entry at `path` (clean and relative, "" is the root), with its content read from `tar`; what is there of
// another kind goes. `target` is the clean path that a hard link refers to, else NULL.
bool berth_unpack_tree_add(struct berth_unpack_tree *tree, struct berth_tar *tar, struct archive_entry *entry,
			   const char *path, const char *target, GError **error);
// Hides what the layers below have at `path`, or in the folder `path`; what this layer has there stays.
bool berth_unpack_tree_hide(struct berth_unpack_tree *tree, const char *path, GError **error);
bool berth_unpack_tree_hide_content(struct berth_unpack_tree *tree, const char *path, GError **error);
bool berth_unpack_tree_finish(struct berth_unpack_tree *tree, GError **error);
