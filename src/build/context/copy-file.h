// SPDX-License-Identifier: Apache-2.0
// One file, link or device comes into a folder.
#pragma once

#include "build/context/copy-internal.h"
#include "build/context/place.h"

struct berth_build_making {
	const struct berth_build_copied *copied;
	const struct berth_build_piece *piece; // that is at work
	int root;
	struct berth_build_place_maker maker;
	bool linking; // the context's files may become the layer's own
	bool partly; // not everything of the piece is meant
	bool alone; // there is only one piece
	const struct berth_build_tree *movable; // nothing else wants its files; NULL: none
	bool moving; // the piece is of that tree
	GHashTable *whole; // folders of the piece that are, with all in them, what the layer's should be
	GHashTable *links; // path of the first name that a content of several names got
	unsigned files;
	char *buffer;
};

// Whether the context's own file or folder has the owner, mode and time that the layer's should have.
bool berth_build_node_fits(const struct berth_build_making *making, const struct berth_build_node *node);
// copy-move.c: the tree whose files may be moved; NULL: none.
const struct berth_build_tree *berth_build_move_from(const struct berth_build_making *making);
// Fills making->whole with what fits of the folder and those beneath it.
bool berth_build_move_plan(struct berth_build_making *making, struct berth_build_node *folder);
// *ret_done: the node's folder, which lies in the folder `source`, lies in `place` now.
bool berth_build_move_folder(struct berth_build_making *making, struct berth_build_place *place, int source,
			     struct berth_build_node *node, bool *ret_done, GError **error);
// Makes `name`, which is not there, of the node that lies in the folder `source` (-1: its tree has it in memory).
bool berth_build_make_file(struct berth_build_making *making, struct berth_build_place *place, const char *name,
			   int source, struct berth_build_node *node, GError **error);
// Gives a folder, in which everything is by now, the attributes of the node.
bool berth_build_make_attributes(struct berth_build_making *making, struct berth_build_place *place,
				 const struct berth_build_node *node, GError **error);
