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
	GHashTable *links; // path of the first name that a content of several names got
	unsigned files;
	char *buffer;
};

// Makes `name`, which is not there, of the node that lies in the folder `source` (-1: its tree has it in memory).
bool berth_build_make_file(struct berth_build_making *making, struct berth_build_place *place, const char *name,
			   int source, struct berth_build_node *node, GError **error);
// Gives a folder, in which everything is by now, the attributes of the node.
bool berth_build_make_attributes(struct berth_build_making *making, struct berth_build_place *place,
				 const struct berth_build_node *node, GError **error);
