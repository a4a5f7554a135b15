// SPDX-License-Identifier: Apache-2.0
// The reverse of unpacking: what a tree changes against another one, written as a layer. The same trees give the same
// bytes, whatever the file system has them on: entries are in the order of their names' bytes, and nothing is in the
// archive that unpacking would not read from it.
//
// The format is ustar, with a pax header for an entry whose name, link, owner, size, time or extended attributes ustar
// cannot say. A deletion is an empty file ".wh.<name>" (OCI image specification "Layer Filesystem Changeset"); folders
// that were replaced get one for each thing that is gone. Several names of a file are hard links, as far as the layer
// has them. Holes are written as zeros, as the specification asks for, and become holes when they are unpacked. Sockets
// are left out, and attributes that mean something to one host only (of the overlay, of security modules).
#pragma once

#include "image/decompress.h"
#include "image/id-map.h"
#include "store/blob.h"
#include "store/snapshot.h"

struct berth_layer_diff_options {
	enum berth_compression compression; // NONE, GZIP or ZSTD
	const int *level; // of it (image/compressor.h); NULL: the usual one
	const struct berth_id_maps *ids; // owners on the host to those of the image; NULL: the same
	bool (*write)(void *data, const void *bytes, size_t length,
		      GError **error); // in place of a descriptor; or NULL
	void *data;
};

struct berth_layer_diff {
	char diff_id[BERTH_DIGEST_SIZE]; // of the archive
	char digest[BERTH_DIGEST_SIZE]; // of what was written; the same without compression
	int64_t size; // of what was written
	int64_t bytes; // of the files in it, as berth_snapshot_usage() counts them
};

// Writes to `fd` what a tree, which nobody changes meanwhile, changes against its base (store/tree.h; -1: an empty
// one). A name that would mean a deletion (".wh.x") is BERTH_ERROR_INVALID.
bool berth_layer_diff_trees(const struct berth_snapshot_trees *trees, const struct berth_layer_diff_options *options,
			    int fd, struct berth_layer_diff *ret, GError **error);
