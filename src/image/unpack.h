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
