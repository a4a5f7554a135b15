// SPDX-License-Identifier: Apache-2.0
// What this folder's files share of a tree.
#pragma once

#include "build/context/node.h"
#include "build/context/tree.h"
#include "image/decompress.h"

// `lock` guards the nodes of a tree that are read when they are asked for, and digests.
struct berth_build_tree {
	gatomicrefcount references;
	int folder; // O_PATH or readable
	int work; // of a private folder: where it lies, and its name; -1 and NULL: it is somebody else's
	char *name;
	char *commit;
	GHashTable *kept; // GBytes by path: of files that .dockerignore left out, but that are read; may be NULL
	GRecMutex lock;
	struct berth_build_node *top;
	GHashTable *inodes; // contents of files with several names, by "device:inode"; NULL: a context
	int64_t entries; // that were read of a context
	GBytes *text; // of its only file; NULL: it has a folder
	bool claimed; // a client says so: nodes without files
	bool context; // everything belongs to root, and can be linked into a layer
};

// A private folder in options->work, mode 0700. NULL on failure.
struct berth_build_tree *berth_build_tree_new(const struct berth_build_tree_options *options, GError **error);

// A tree of one file, mode 0644, that is nowhere but here.
struct berth_build_tree *berth_build_tree_of_text(const char *name, GBytes *text);

// Reads a folder's children, once. The lock is held by the caller.
bool berth_build_tree_load(struct berth_build_tree *tree, struct berth_build_node *folder, GError **error);
bool berth_build_tree_load_all(struct berth_build_tree *tree, struct berth_build_node *folder, GError **error);
// Opens what the node is. Links on the way are none: a node's path is its real one.
int berth_build_tree_open_node(const struct berth_build_tree *tree, const struct berth_build_node *node, int flags,
			       GError **error);
// The node at `path`, with links on the way followed beneath the top and, with `follow`, a link that it is itself. ".."
// ends at the top. NULL without *error: there is none. The lock is held by the caller.
struct berth_build_node *berth_build_tree_find(struct berth_build_tree *tree, const char *path, bool follow,
					       GError **error);
// The node's own digest (folders: with all beneath it). The lock is held by the caller.
bool berth_build_tree_node_digest(struct berth_build_tree *tree, struct berth_build_node *node,
				  char digest[BERTH_DIGEST_SIZE], GError **error);
// Adds what the node is by itself: without its name, and without what lies beneath it.
bool berth_build_tree_node_hash(struct berth_build_tree *tree, struct berth_build_node *node, struct berth_hash *hash,
				GError **error);

struct berth_build_unpack_limits {
	int64_t entries, bytes;
};
// Unpacks an archive into the tree's folder and makes its nodes.
bool berth_build_unpack(struct berth_build_tree *tree, struct berth_source source,
			const struct berth_build_unpack_limits *limits, GError **error);
extern const struct berth_build_unpack_limits berth_build_context_limits;

// The same from a descriptor, told of and canceled as the options say, within the limits of a context.
bool berth_build_tree_fill(struct berth_build_tree *tree, int archive, const struct berth_build_tree_options *options,
			   GError **error);

// Takes out what .dockerignore names; without `all`, of that only itself and the Dockerfile, which clients send along.
bool berth_build_tree_ignore(struct berth_build_tree *tree, const char *dockerfile, bool all, GError **error);
