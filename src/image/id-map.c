// SPDX-License-Identifier: Apache-2.0
#include "image/id-map.h"

#include "base/error.h"

static bool translate(const struct berth_id_range *ranges, size_t count, bool to_host, uint32_t *id)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t from = to_host ? ranges[i].inside : ranges[i].outside;
		uint32_t to = to_host ? ranges[i].outside : ranges[i].inside;
		if (*id < from || *id - from >= ranges[i].count)
			continue;
		*id = to + (*id - from);
		return true;
	}
	return false;
}

static bool translate_both(const struct berth_id_maps *maps, bool to_host, uint32_t *uid, uint32_t *gid, GError **error)
{
	if (!maps)
		return true;
	if (!translate(maps->uids, maps->uid_count, to_host, uid))
		return berth_error_set(error, BERTH_ERROR_INVALID, "its owner, user %u, is not in the map of user ids",
				       *uid);
	return translate(maps->gids, maps->gid_count, to_host, gid) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "its group %u is not in the map of group ids", *gid);
}

bool berth_id_maps_to_host(const struct berth_id_maps *maps, uint32_t *uid, uint32_t *gid, GError **error)
{
	return translate_both(maps, true, uid, gid, error);
}

bool berth_id_maps_to_image(const struct berth_id_maps *maps, uint32_t *uid, uint32_t *gid, GError **error)
{
	return translate_both(maps, false, uid, gid, error);
}
