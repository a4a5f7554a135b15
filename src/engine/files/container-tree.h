// SPDX-License-Identifier: Apache-2.0
// A container's files, opened: of a running one as it sees them (its volumes, its tmpfs), of a stopped one its snapshot
// with its volumes and binds.
#pragma once

#include "engine/internal.h"
#include "image/id-map.h"

enum berth_tree_flags {
	BERTH_TREE_WRITABLE = 1 << 0,
	BERTH_TREE_ROOT_ONLY = 1 << 1, // without what is mounted in it
};

struct berth_container_tree {
	struct berth_engine *engine;
	struct berth_engine_container *container; // a reference
	bool claimed; // its `operation` is held until the tree is closed: it does not run, and is not started meanwhile
	uint64_t exits; // of the container when it was opened
	int root; // its top folder: everything is opened beneath it (base/root.h)
	int namespace; // keeps what is mounted beneath; -1: nothing has to
	bool mounted; // volumes, for it
	struct berth_id_maps ids; // of its user namespace
	const struct berth_id_maps *maps; // those; NULL: it has none
};

// NOT_FOUND: "No such container: x".
bool berth_engine__tree_open(struct berth_engine *engine, const char *container, unsigned flags,
			     struct berth_container_tree *ret, GError **error);
void berth_engine__tree_close(struct berth_container_tree *tree);
// Of a running container: it has ended since, so that its files may be another's by now.
bool berth_engine__tree_is_over(const struct berth_container_tree *tree);
// The path of what `fd` is open on, from the container's root: "/etc/x".
char *berth_engine__tree_path(int fd, GError **error);
