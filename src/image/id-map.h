// SPDX-License-Identifier: Apache-2.0
// Ownership under user namespaces: which id on the host stands for an id of the image. The pairs are those of
// /proc/<pid>/uid_map: ids [inside, inside + count) of the image are [outside, outside + count) on the host.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct berth_id_range {
	uint32_t inside, outside, count;
};

struct berth_id_maps {
	const struct berth_id_range *uids, *gids;
	size_t uid_count, gid_count;
};

// The owner on the host of what the image says belongs to *uid and *gid. `maps` NULL: the same. An id that no range
// covers is BERTH_ERROR_INVALID: it would belong to nobody inside.
bool berth_id_maps_to_host(const struct berth_id_maps *maps, uint32_t *uid, uint32_t *gid, GError **error);
// The reverse.
bool berth_id_maps_to_image(const struct berth_id_maps *maps, uint32_t *uid, uint32_t *gid, GError **error);
