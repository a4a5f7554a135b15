// SPDX-License-Identifier: Apache-2.0
// Reading a container's log, also as it is written. The monitor writes it; its exit is told only when all is written.
#include "engine/internal.h"

#include "base/error.h"
#include "engine/log/log-plan.h"
#include "monitor/log.h"

#define PATIENCE 1000 // milliseconds between two looks at the client

// Where the log is and what it is like; what is sent elsewhere is kept here for a while, too.
static bool find_log(struct berth_engine *engine, const struct berth_engine_container *container, char **ret_path,
		     enum berth_log_format *ret_format, GError **error)
{
	struct berth_log_plan plan;

	pthread_mutex_lock(&engine->lock); // an update puts another host configuration there
	bool planned = berth_log_plan_make(container->record->host_config->log_config, &plan, error);
	bool readable = planned && plan.format;
	if (readable) {
		*ret_path = berth_engine__log_file(engine, container, &plan);
		*ret_format = g_str_equal(plan.format, "local") ? BERTH_LOG_LOCAL : BERTH_LOG_JSON;
	}
	pthread_mutex_unlock(&engine->lock);
	if (planned && !readable)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "configured logging driver does not support reading");
	return readable;
}

bool berth_engine_container_logs_check(struct berth_engine *engine, const char *text, bool *ret_tty, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);
	g_autofree char *path = NULL;
	enum berth_log_format format;

	if (!container)
		return false;
	*ret_tty = container->record->config->tty;
	return find_log(engine, container, &path, &format, error);
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
	struct berth_log_record record = {0};
	bool wanted = true;
	int result;

	while (wanted && (result = berth_log_reader_next(reader, &record, error)) != BERTH_LOG_END) {
		if (result < 0)
			return false;
		const struct berth_engine_log_record told = {record.stream,     record.time,
							     record.text,       record.length,
							     record.attributes, record.attributes_length};
		wanted = each(data, result == BERTH_LOG_RECORD ? &told : NULL);
	}
	return true;
}

bool berth_engine_container_logs(struct berth_engine *engine, const char *text, const struct berth_engine_logs *query,
				 berth_log_fn *each, void *data, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);

	g_autofree char *path = NULL;
	enum berth_log_format format;
	if (!container || !find_log(engine, container, &path, &format, error))
		return false;
	const struct berth_log_query log_query = {
		.format = format,
		.tell_caught_up = true,
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
