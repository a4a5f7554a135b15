// SPDX-License-Identifier: Apache-2.0
// Stopping all containers before the engine ends, where that is asked for: at once, on a thread each.
#include "engine/internal.h"

#define STACK_SIZE (256 << 10)

struct stopping {
	struct berth_engine *engine;
	struct berth_engine_container *container;
	int64_t timeout;
	pthread_t thread;
};

static void *stop_main(void *data)
{
	struct stopping *stopping = data;
	g_autoptr(GError) error = NULL;

	if (!berth_engine__stop_for_good(stopping->engine, stopping->container, stopping->timeout, &error))
		g_warning("container %s: stopping it before the engine ends: %s", stopping->container->id,
			  error->message);
	return NULL;
}

static GPtrArray *running(struct berth_engine *engine)
{
	GPtrArray *containers = berth_engine__containers(engine);

	pthread_mutex_lock(&engine->lock);
	for (guint i = containers->len; i-- > 0;)
		if (!berth_engine__is_up(containers->pdata[i]))
			g_ptr_array_remove_index_fast(containers, i);
	pthread_mutex_unlock(&engine->lock);
	return containers;
}

static void stop_all(struct berth_engine *engine, GPtrArray *containers, int64_t timeout)
{
	g_autofree struct stopping *all = g_new0(struct stopping, containers->len);
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (guint i = 0; i < containers->len; i++) {
		all[i] = (struct stopping){engine, containers->pdata[i], timeout, 0};
		if (pthread_create(&all[i].thread, &attributes, stop_main, &all[i]) != 0) {
			all[i].thread = 0;
			stop_main(&all[i]);
		}
	}
	pthread_attr_destroy(&attributes);
	for (guint i = 0; i < containers->len; i++)
		if (all[i].thread)
			pthread_join(all[i].thread, NULL);
}

// Once more for those that a policy started meanwhile.
void berth_engine_stop_containers(struct berth_engine *engine, int64_t timeout)
{
	for (int round = 0; round < 2; round++) {
		g_autoptr(GPtrArray) containers = running(engine);
		if (containers->len > 0)
			g_message("stopping %u containers", containers->len);
		stop_all(engine, containers, timeout);
	}
}

void berth_engine_touch(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	pthread_mutex_unlock(&engine->lock);
	pthread_mutex_lock(&engine->events_lock);
	pthread_mutex_unlock(&engine->events_lock);
}
