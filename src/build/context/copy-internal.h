// SPDX-License-Identifier: Apache-2.0
// What finding (copy.c) hands to making (copy-make.c).
#pragma once

#include "base/ignore.h"
#include "build/context/copy.h"
#include "build/context/tree-internal.h"

// One file or folder that is copied.
struct berth_build_piece {
	struct berth_build_tree *tree;
	struct berth_build_node *node; // borrowed of the tree
	char *name; // of a file that comes into a folder
	berth_ignore *include; // --parents: what of the folder is meant; NULL: all
	char *prefix; // and the folder that all of it lies in
	bool unpack; // an archive, whose content is meant
};

struct berth_build_copied {
	GPtrArray *pieces; // struct berth_build_piece
	char *destination; // absolute; a folder is meant if it ends with "/"
	bool owned; // --chown was given; otherwise owners are those of the tree (in a context: root)
	uint32_t uid, gid;
	char *chmod; // NULL: as it is
	berth_ignore *exclude; // NULL: none
	bool unsure; // whether a file of a claimed tree is an archive
	int64_t epoch;
	const struct berth_build_tree *last; // whose files nothing else wants; NULL: none
	char digest[BERTH_DIGEST_SIZE];
	berth_canceled_fn *canceled;
	void *data;
};

// Whether `path`, relative to the folder that the piece is, is copied, and whether something beneath it may be.
bool berth_build_piece_takes(const struct berth_build_copied *copied, const struct berth_build_piece *piece,
			     const char *path, bool folder, bool *ret_beneath);
// Whether anything beneath a folder is.
bool berth_build_piece_takes_beneath(const struct berth_build_copied *copied, const struct berth_build_piece *piece,
				     const struct berth_build_node *folder, const char *path);
// Whether a regular file of a tree begins as an archive does that ADD unpacks.
bool berth_build_is_archive(int fd);
