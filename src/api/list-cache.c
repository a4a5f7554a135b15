// SPDX-License-Identifier: Apache-2.0
#include "api/list-cache.h"

#include "base/moment.h"

#include <pthread.h>

#define LISTS 6 // of different versions, of all containers and of those that run, whole and brief
#define FRESH 100000000 // nanoseconds

struct list {
	GBytes *text; // NULL: none
	struct berth_list_shape shape;
	uint64_t generation;
	int64_t made, until; // Unix time in nanoseconds
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

static bool is_shaped(const struct list *list, const struct berth_list_shape *shape)
{
	return list->text && list->shape.version == shape->version && list->shape.all == shape->all &&
	       list->shape.brief == shape->brief;
}

// The one for this shape, or the oldest.
static struct list *find(struct berth_list_cache *cache, const struct berth_list_shape *shape)
{
	struct list *oldest = &cache->lists[0];

	for (size_t i = 0; i < LISTS; i++) {
		struct list *list = &cache->lists[i];
		if (is_shaped(list, shape))
			return list;
		if (list->made < oldest->made)
			oldest = list;
	}
	return oldest;
}

// A clock that was set back before the list was made says nothing of how old it is.
static bool is_good(const struct list *list, const struct berth_list_shape *shape, uint64_t generation, int64_t now)
{
	return is_shaped(list, shape) && list->generation == generation && now >= list->made &&
	       (now < list->until || now - list->made < FRESH);
}

// The generation is read before the list is made: what changes meanwhile makes it old.
static GBytes *get_locked(struct berth_list_cache *cache, struct berth_engine *engine,
			  const struct berth_list_shape *shape, berth_list_print_fn *print, void *data, GError **error)
{
	struct list *list = find(cache, shape);
	uint64_t generation = berth_engine_generation(engine);
	int64_t now = berth_moment_now(), until = 0;

	if (is_good(list, shape, generation, now))
		return g_bytes_ref(list->text);
	GBytes *text = print(data, &until, error);
	if (!text)
		return NULL;
	g_clear_pointer(&list->text, g_bytes_unref);
	*list = (struct list){g_bytes_ref(text), *shape, generation, now, until};
	return text;
}

GBytes *berth_list_cache_get(struct berth_list_cache *cache, struct berth_engine *engine,
			     const struct berth_list_shape *shape, berth_list_print_fn *print, void *data,
			     GError **error)
{
	pthread_mutex_lock(&cache->lock);
	GBytes *text = get_locked(cache, engine, shape, print, data, error);
	pthread_mutex_unlock(&cache->lock);
	return text;
}
