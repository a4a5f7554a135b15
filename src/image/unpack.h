// SPDX-License-Identifier: Apache-2.0
// Unpacking a layer, safe by construction: every entry is opened beneath a descriptor of the folder it goes to, links
// are never followed out of it, and everything is bounded (base/limits.h).
#pragma once

#include "image/decompress.h"
#include "image/id-map.h"
#include "store/snapshot.h"

// Unpacks the tar stream `source` (plain, gzip, zstd, xz, bzip2) as a layer into the folder `content_fd`; whiteouts
// (".wh.x", ".wh..wh..opq") are written as `whiteouts` says. `diff_id` (BERTH_DIGEST_SIZE, may be NULL) gets the digest
// of the uncompressed stream. Hostile or damaged input is BERTH_ERROR_INVALID naming entry and cause; what was unpacked
// until then is the caller's to remove.
bool berth_layer_unpack(struct berth_source source, int content_fd, enum berth_whiteouts whiteouts, char *diff_id,
			GError **error);
// The same for a container in a user namespace: what the archive says belongs to an id belongs, on the host, to the one
// that `ids` maps it to. An entry whose owner the maps do not have is BERTH_ERROR_INVALID.
bool berth_layer_unpack_mapped(struct berth_source source, int content_fd, enum berth_whiteouts whiteouts,
			       const struct berth_id_maps *ids, char *diff_id, GError **error);
// The same of an archive that is no layer: all names in it are just names. For a volume.
bool berth_tree_unpack(struct berth_source source, int folder, GError **error);

// A folder of a tree that others may be changing meanwhile: a container's. Nothing outside of the tree is touched,
// whatever they exchange for links or mount; what something is mounted on is not replaced.
struct berth_unpack_place {
	int root; // of the tree: links on the way to an entry resolve in it
	const char
		*path; // of the folder, clean and relative, "" is the root; as messages show it with a slash in front
	const struct berth_id_maps *ids; // NULL: owners are as the archive says
	const uint32_t *owner; // user and group of all that is in the archive; NULL: as it says
	bool keep_kinds; // a folder is not replaced by something else, nor the other way round
};
// What the archive says of the folder itself ("./") is not looked at.
bool berth_tree_unpack_at(struct berth_source source, const struct berth_unpack_place *place, GError **error);
