// SPDX-License-Identifier: Apache-2.0
// Trees of files by descriptors of their top folders: copying one whole, and comparing two. No link is followed.
#pragma once

#include "store/snapshot.h"

#include <sys/stat.h>

// Copies what is in folder `from` into the empty folder `to`, with the folder's own attributes: owners, modes, times,
// extended attributes, hard links, device nodes, holes. File content is shared where the file system can (reflinks).
bool berth_tree_copy(int from, int to, GError **error);

// The same while others change the tree: what is gone when its turn comes is left out, and what turns out to be another
// file than it was is looked at again.
bool berth_tree_copy_live(int from, int to, GError **error);

// Gives the folder `to` the owner, mode, times and extended attributes of the folder `from`.
bool berth_tree_copy_attributes(int from, int to, GError **error);

// What trees->top changes against trees->base (-1: an empty tree), in the order of berth_snapshot_changes(). With
// BERTH_WHITEOUTS_OVERLAY `top` is an overlay's upper folder, with BERTH_WHITEOUTS_DELETE a whole tree. Files that look
// the same (owner, mode, size, time) are compared by content too, but for those that were last touched before `since`,
// when the copy of the base was made. `status` is of the file in `top`, NULL for one that is deleted. What goes away
// meanwhile is as if it had not been there. RESOURCE_EXHAUSTED for folders nested deeper than
// BERTH_LIMIT_ARCHIVE_DEPTH.
typedef bool berth_tree_change_fn(void *data, const char *path, enum berth_change change, const struct stat *status,
				  GError **error);
bool berth_tree_compare(const struct berth_snapshot_trees *trees, berth_tree_change_fn *each, void *data,
			GError **error);

// The extended attributes of `name` in `folder` ("." is the folder): a new table of GBytes by name, without those of
// overlay itself. NULL with *error on failure; where there are none it is empty.
GHashTable *berth_tree_xattrs(int folder, const char *name, GError **error);
// The same of an open file; messages call it `name`.
GHashTable *berth_tree_file_xattrs(int fd, const char *name, GError **error);
