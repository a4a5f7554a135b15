// SPDX-License-Identifier: Apache-2.0
// Reading a container's log, also as it is written. The monitor writes it; its exit is told only when all is written.
#include "engine/internal.h"

#include "base/error.h"
#include "engine/plan.h"
#include "monitor/log.h"

#define PATIENCE 1000 // milliseconds between two looks at the client

static bool log_is_kept(const struct berth_engine_container *container, GError **error)
{
	struct berth_plan_log log;

	if (!berth_plan_log(container->record->host_config->log_config, &log, error))
		return false;
	return !log.none ||
	       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "container %s: configured logging driver does not support reading", container->id);
}

// From here on the container's end is the follower's. False: it does not run, so there is nothing to wait for.
static bool add_follower(struct berth_engine *engine, struct berth_engine_container *container,
			 struct berth_log_reader *reader)
{
	pthread_mutex_lock(&engine->lock);
	bool up = berth_engine__is_up(container) && !engine->closing;
	if (up)
		g_ptr_array_add(container->followers, reader);
	else
		berth_log_reader_stop(reader);
	pthread_mutex_unlock(&engine->lock);
	return up;
}

static void remove_follower(struct berth_engine *engine, struct berth_engine_container *container,
			    struct berth_log_reader *reader)
{
	pthread_mutex_lock(&engine->lock);
	g_ptr_array_remove(container->followers, reader);
	pthread_mutex_unlock(&engine->lock);
}

static bool read_all(struct berth_log_reader *reader, berth_log_fn *each, void *data, GError **error)
{
	struct berth_log_record record;
	bool wanted = true;
	int result;

	while (wanted && (result = berth_log_reader_next(reader, &record, error)) != BERTH_LOG_END) {
		if (result < 0)
			return false;
		wanted = result == BERTH_LOG_WAITING
				 ? each(data, 0, 0, NULL, 0)
				 : each(data, record.stream, record.time, record.text, record.length);
	}
	return true;
}

bool berth_engine_container_logs(struct berth_engine *engine, const char *text, const struct berth_engine_logs *query,
				 berth_log_fn *each, void *data, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);

	if (!container || !log_is_kept(container, error))
		return false;
	g_autofree char *path = berth_engine__log_path(engine, container);
	const struct berth_log_query log_query = {
		.out = query->out,
		.err = query->err,
		.since = query->since,
		.until = query->until,
		.tail = query->tail,
		.follow = query->follow,
		.patience = PATIENCE,
	};
	struct berth_log_reader *reader = berth_log_reader_open(path, &log_query, error);
	if (!reader)
		return false;
	bool following = query->follow && add_follower(engine, container, reader);
	bool read = read_all(reader, each, data, error);
	if (following)
		remove_follower(engine, container, reader);
	berth_log_reader_free(reader);
	return read;
}
