// SPDX-License-Identifier: Apache-2.0
#include "api/list-cache.h"

#include <pthread.h>

#define LISTS 4 // of different versions, or of all containers and of those that run
#define FRESH 100000 // microseconds

struct list {
	GBytes *text; // NULL: none
	unsigned version;
	bool all;
	uint64_t generation;
	int64_t made;
};

struct berth_list_cache {
	pthread_mutex_t lock; // held while a list is made, too: who wants the same one waits for it
	struct list lists[LISTS];
};

struct berth_list_cache *berth_list_cache_new(void)
{
	struct berth_list_cache *cache = g_new0(struct berth_list_cache, 1);

	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void berth_list_cache_free(struct berth_list_cache *cache)
{
	for (size_t i = 0; i < LISTS; i++)
		g_clear_pointer(&cache->lists[i].text, g_bytes_unref);
	pthread_mutex_destroy(&cache->lock);
	g_free(cache);
}

// The one for this shape, or the oldest.
static struct list *find(struct berth_list_cache *cache, unsigned version, bool all)
{
	struct list *oldest = &cache->lists[0];

	for (size_t i = 0; i < LISTS; i++) {
		struct list *list = &cache->lists[i];
		if (list->text && list->version == version && list->all == all)
			return list;
		if (list->made < oldest->made)
			oldest = list;
	}
	return oldest;
}

static bool is_good(const struct list *list, unsigned version, bool all, uint64_t generation, int64_t now)
{
	return list->text && list->version == version && list->all == all && list->generation == generation &&
	       now - list->made < FRESH;
}

// The generation is read before the list is made: what changes meanwhile makes it old.
static GBytes *get_locked(struct berth_list_cache *cache, struct berth_engine *engine, unsigned version, bool all,
			  berth_list_print_fn *print, void *data, GError **error)
{
	struct list *list = find(cache, version, all);
	uint64_t generation = berth_engine_generation(engine);
	int64_t now = g_get_monotonic_time();

	if (is_good(list, version, all, generation, now))
		return g_bytes_ref(list->text);
	GBytes *text = print(data, error);
	if (!text)
		return NULL;
	g_clear_pointer(&list->text, g_bytes_unref);
	*list = (struct list){g_bytes_ref(text), version, all, generation, now};
	return text;
}

GBytes *berth_list_cache_get(struct berth_list_cache *cache, struct berth_engine *engine, unsigned version, bool all,
			     berth_list_print_fn *print, void *data, GError **error)
{
	pthread_mutex_lock(&cache->lock);
	GBytes *text = get_locked(cache, engine, version, all, print, data, error);
	pthread_mutex_unlock(&cache->lock);
	return text;
}
