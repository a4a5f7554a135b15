// SPDX-License-Identifier: Apache-2.0
// The containers that there are, by id and by name.
#include "engine/internal.h"
#include "engine/life/users-take.h"

#include "base/error.h"
#include "base/fd.h"
#include "engine/life/exec.h"
#include "engine/network/run-network.h"

#include <string.h>

struct berth_engine_container *berth_engine__container_new(struct berth_container_record *record)
{
	struct berth_engine_container *container = g_new0(struct berth_engine_container, 1);

	container->references = 1;
	container->users_ready = BERTH_USERS_READY_NONE;
	container->id = record->id;
	container->record = record;
	container->health = berth_document_copy(&berth_health_document, record->state->health);
	pthread_mutex_init(&container->operation, NULL);
	berth_engine__cond_init(&container->changed);
	container->followers = g_ptr_array_new();
	container->pending = g_ptr_array_new_with_free_func(berth_engine__pending_free);
	return container;
}

struct berth_engine_container *berth_engine__container_ref(struct berth_engine_container *container)
{
	__atomic_add_fetch(&container->references, 1, __ATOMIC_RELAXED);
	return container;
}

void berth_engine__container_unref(struct berth_engine_container *container)
{
	if (!container || __atomic_sub_fetch(&container->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	g_ptr_array_unref(container->followers);
	g_ptr_array_unref(container->pending);
	pthread_cond_destroy(&container->changed);
	pthread_mutex_destroy(&container->operation);
	berth_engine__users_ready_clear(&container->users_ready);
	berth_run_network_free(container->network);
	berth_health_free(container->health);
	berth_container_record_free(container->record);
	g_free(container);
}

bool berth_engine__table_add(struct berth_engine *engine, struct berth_engine_container *container)
{
	if (g_hash_table_contains(engine->by_name, container->record->name) ||
	    g_hash_table_contains(engine->by_id, container->id))
		return false;
	g_hash_table_insert(engine->by_name, container->record->name, container);
	g_hash_table_insert(engine->by_id, (char *) container->id, berth_engine__container_ref(container));
	return true;
}

void berth_engine__table_remove(struct berth_engine *engine, struct berth_engine_container *container)
{
	berth_engine__execs_forget(engine, container);
	g_hash_table_remove(engine->by_name, container->record->name);
	g_hash_table_remove(engine->by_id, container->id);
}

static struct berth_engine_container *find_by_prefix(struct berth_engine *engine, const char *prefix, GError **error)
{
	struct berth_engine_container *found = NULL;
	GHashTableIter iter;
	void *key, *value;

	if (!*prefix)
		return NULL;
	g_hash_table_iter_init(&iter, engine->by_id);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		struct berth_engine_container *container = value;
		if (!container->ready || !g_str_has_prefix(key, prefix))
			continue;
		if (found) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"container %s: several containers' ids begin so; give more of it", prefix);
			return NULL;
		}
		found = container;
	}
	return found;
}

struct berth_engine_container *berth_engine__find_locked(struct berth_engine *engine, const char *text, GError **error)
{
	const char *name = text[0] == '/' ? text + 1 : text;
	GError *failure = NULL;

	struct berth_engine_container *found = g_hash_table_lookup(engine->by_id, text);
	if (!found || !found->ready)
		found = g_hash_table_lookup(engine->by_name, name);
	if (!found || !found->ready)
		found = find_by_prefix(engine, text, &failure);
	if (found)
		return berth_engine__container_ref(found);
	if (failure)
		g_propagate_error(error, failure);
	else
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such container: %s", text);
	return NULL;
}

struct berth_engine_container *berth_engine__find(struct berth_engine *engine, const char *text, GError **error)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_engine_container *container = berth_engine__find_locked(engine, text, error);
	pthread_mutex_unlock(&engine->lock);
	return container;
}

bool berth_engine__claim_ref(struct berth_engine *engine, struct berth_engine_container *container)
{
	pthread_mutex_lock(&container->operation);
	pthread_mutex_lock(&engine->lock);
	bool removed = container->removed;
	pthread_mutex_unlock(&engine->lock);
	if (removed)
		pthread_mutex_unlock(&container->operation);
	return !removed;
}

struct berth_engine_container *berth_engine__claim(struct berth_engine *engine, const char *text, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);

	if (!container)
		return NULL;
	if (!berth_engine__claim_ref(engine, container)) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such container: %s", text);
		return NULL;
	}
	return g_steal_pointer(&container);
}

void berth_engine__release(struct berth_engine_container *container)
{
	if (!container)
		return;
	pthread_mutex_unlock(&container->operation);
	berth_engine__container_unref(container);
}

void berth_engine__note_change(struct berth_engine *engine)
{
	__atomic_add_fetch(&engine->generation, 1, __ATOMIC_SEQ_CST);
}

uint64_t berth_engine_generation(struct berth_engine *engine)
{
	return __atomic_load_n(&engine->generation, __ATOMIC_SEQ_CST);
}

static int newest_first(const void *a, const void *b)
{
	const struct berth_engine_container *const *first = a, *const *second = b;
	int64_t one = (*first)->record->created, other = (*second)->record->created;

	return one > other ? -1 : one < other;
}

GPtrArray *berth_engine__containers(struct berth_engine *engine)
{
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify) berth_engine__container_unref);
	GHashTableIter iter;
	void *value;

	pthread_mutex_lock(&engine->lock);
	g_hash_table_iter_init(&iter, engine->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct berth_engine_container *container = value;
		if (container->ready)
			g_ptr_array_add(list, berth_engine__container_ref(container));
	}
	pthread_mutex_unlock(&engine->lock);
	g_ptr_array_sort(list, newest_first);
	return list;
}

bool berth_engine__status_is(const struct berth_engine_container *container, const char *status)
{
	return strcmp(container->record->state->status, status) == 0;
}

bool berth_engine__is_up(const struct berth_engine_container *container)
{
	return berth_engine__status_is(container, BERTH_STATUS_RUNNING) ||
	       berth_engine__status_is(container, BERTH_STATUS_PAUSED);
}
