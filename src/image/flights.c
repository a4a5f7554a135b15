// SPDX-License-Identifier: Apache-2.0
#include "image/transfer-internal.h"

#define ASK_NANOSECONDS 200000000 // between two questions whether the transfer was canceled

struct berth_flights {
	pthread_mutex_t lock;
	pthread_cond_t landed;
	GHashTable *keys; // "blob sha256:…"
};

struct berth_flights *berth_flights_new(void)
{
	struct berth_flights *flights = g_new(struct berth_flights, 1);

	pthread_mutex_init(&flights->lock, NULL);
	pthread_cond_init(&flights->landed, NULL);
	flights->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return flights;
}

void berth_flights_free(struct berth_flights *flights)
{
	if (!flights)
		return;
	g_hash_table_unref(flights->keys);
	pthread_cond_destroy(&flights->landed);
	pthread_mutex_destroy(&flights->lock);
	g_free(flights);
}

// The lock must be held.
static void wait_a_while(struct berth_flights *flights)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ASK_NANOSECONDS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&flights->landed, &flights->lock, &until);
}

bool berth_flight_begin(struct berth_transfer *transfer, const char *kind, const char *id, GError **error)
{
	struct berth_flights *flights = transfer->images->flights;
	g_autofree char *key = g_strconcat(kind, " ", id, NULL);
	bool good = true;

	pthread_mutex_lock(&flights->lock);
	while (good && g_hash_table_contains(flights->keys, key)) {
		wait_a_while(flights);
		good = berth_transfer_check(transfer, error);
	}
	if (good)
		g_hash_table_add(flights->keys, g_steal_pointer(&key));
	pthread_mutex_unlock(&flights->lock);
	return good;
}

void berth_flight_end(struct berth_transfer *transfer, const char *kind, const char *id)
{
	struct berth_flights *flights = transfer->images->flights;
	g_autofree char *key = g_strconcat(kind, " ", id, NULL);

	pthread_mutex_lock(&flights->lock);
	g_hash_table_remove(flights->keys, key);
	pthread_cond_broadcast(&flights->landed);
	pthread_mutex_unlock(&flights->lock);
}
