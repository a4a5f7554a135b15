// SPDX-License-Identifier: Apache-2.0
// Two builds of the same step: one runs it, the other waits and finds it in the cache.
#include "build/solve/cache.h"

#include "build/solve/events.h"

#define ASK_NANOSECONDS 50000000 // between two questions whether the build was canceled

bool berth_build_flight_begin(struct berth_building *building, const char *key, bool *ret_waited, GError **error)
{
	struct berth_builder *builder = building->builder;
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->flying);

	*ret_waited = false;
	while (g_hash_table_contains(builder->flights, key)) {
		*ret_waited = true;
		berth_cond_wait_for(&builder->landed, &builder->flying, ASK_NANOSECONDS);
		if (!berth_building_check(building, error))
			return false;
	}
	g_hash_table_add(builder->flights, g_strdup(key));
	return true;
}

void berth_build_flight_end(struct berth_builder *builder, const char *key)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->flying);

	g_hash_table_remove(builder->flights, key);
	pthread_cond_broadcast(&builder->landed);
}
