// SPDX-License-Identifier: Apache-2.0
// Waiting for a container's end or removal.
#include "engine/internal.h"

#include "base/error.h"
#include "spec/api-container.h"

struct berth_wait {
	struct berth_engine *engine;
	struct berth_engine_container *container;
	enum berth_wait_condition condition;
	uint64_t exits; // when it was registered
};

struct berth_wait *berth_engine_wait_register(struct berth_engine *engine, const char *text,
					      enum berth_wait_condition condition, GError **error)
{
	struct berth_engine_container *container = berth_engine__find(engine, text, error);

	if (!container)
		return NULL;
	struct berth_wait *wait = g_new0(struct berth_wait, 1);
	*wait = (struct berth_wait){engine, container, condition, berth_engine__exits(engine, container)};
	return wait;
}

// Under engine->lock.
static bool is_over(const struct berth_wait *wait)
{
	const struct berth_engine_container *container = wait->container;

	if (container->removed)
		return true;
	switch (wait->condition) {
	case BERTH_WAIT_NOT_RUNNING:
		return !berth_engine__is_up(container) && !berth_engine__status_is(container, BERTH_STATUS_RESTARTING);
	case BERTH_WAIT_NEXT_EXIT:
		return container->exits > wait->exits;
	case BERTH_WAIT_REMOVED:
		break;
	}
	return false;
}

bool berth_engine_wait(struct berth_wait *wait, bool (*canceled)(void *data), void *data,
		       struct api_container_wait **ret, GError **error)
{
	struct berth_engine *engine = wait->engine;
	struct berth_engine_container *container = wait->container;
	bool given_up = false;

	pthread_mutex_lock(&engine->lock);
	while (!is_over(wait) && !given_up && !engine->closing) {
		if (berth_engine__cond_wait(&container->changed, &engine->lock,
					    g_get_monotonic_time() + G_USEC_PER_SEC) ||
		    !canceled)
			continue;
		pthread_mutex_unlock(&engine->lock);
		given_up = canceled(data);
		pthread_mutex_lock(&engine->lock);
	}
	bool over = is_over(wait);
	int64_t exit_code = container->record->state->exit_code;
	g_autofree char *failure = g_strdup(container->record->state->error);
	pthread_mutex_unlock(&engine->lock);
	if (!over)
		return berth_error_set(error, BERTH_ERROR_CANCELED, "waiting for container %s: canceled",
				       container->id);
	*ret = berth_document_new(&api_container_wait_document);
	(*ret)->status_code = exit_code;
	// Who waits for the removal of a container that could not be started was told why by the start.
	if (failure && *failure && wait->condition != BERTH_WAIT_REMOVED) {
		(*ret)->error = berth_document_new(&api_wait_error_document);
		(*ret)->error->message = g_steal_pointer(&failure);
	}
	return true;
}

void berth_wait_free(struct berth_wait *wait)
{
	if (!wait)
		return;
	berth_engine__container_unref(wait->container);
	g_free(wait);
}
