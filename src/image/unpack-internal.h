// SPDX-License-Identifier: Apache-2.0
// Unpacking within limits of the caller's choice, for tests, and with what only this folder wants to know.
#pragma once

#include "image/unpack.h"

struct berth_unpack_limits {
	int64_t entries;
	int64_t bytes; // of all files' content, holes included
	int64_t stream; // uncompressed bytes of the archive
	size_t path, depth;
	size_t xattr;
};
extern const struct berth_unpack_limits berth_unpack_default_limits;

bool berth_layer_unpack_within(struct berth_source source, int content_fd, enum berth_whiteouts whiteouts,
			       const struct berth_id_maps *ids, const struct berth_unpack_limits *limits, char *diff_id,
			       GError **error);
