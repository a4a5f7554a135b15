// SPDX-License-Identifier: Apache-2.0
#include "engine/life/health.h"

#include "base/json.h"
#include "base/moment.h"
#include "engine/plan/plan.h"

#include <string.h>

// Under engine->lock.
static void set_health(struct berth_engine *engine, struct berth_engine_container *container,
		       struct berth_health *health)
{
	berth_engine__note_change(engine);
	berth_health_free(container->health);
	container->health = health;
}

void berth_engine__health_begin(struct berth_engine *engine, struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	set_health(engine, container, berth_plan_is_checked(container->record->config) ? berth_health_new() : NULL);
	pthread_mutex_unlock(&engine->lock);
}

// One that does not run is unhealthy, as with Docker.
void berth_engine__health_end(struct berth_engine *engine, struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_health *health = container->health;
	if (health) {
		g_free(health->status);
		health->status = g_strdup(BERTH_HEALTH_UNHEALTHY);
		berth_engine__note_change(engine);
	}
	pthread_mutex_unlock(&engine->lock);
}

// Restart policy on-unhealthy

struct ailing {
	struct berth_engine *engine;
	struct berth_engine_container *container;
	uint64_t run;
	bool kill; // it was told to end, and has had its time
};

static void add_ailing(const struct ailing *ailing, int64_t delay);

static bool is_ill(struct berth_engine *engine, const struct berth_engine_container *container)
{
	const struct berth_container_record *record = container->record;

	return berth_engine__status_is(container, BERTH_STATUS_RUNNING) && !container->stopping &&
	       berth_engine__is_unhealthy(engine, container) &&
	       berth_engine__restart_unhealthy(record->host_config->restart_policy, record->state);
}

// `operation` is held. Nothing is waited for: ends are handled by workers, too, and there are only so many.
static void end_ailing(const struct ailing *ailing)
{
	struct berth_engine_container *container = ailing->container;
	g_autoptr(GError) error = NULL;
	int64_t timeout = -1;

	if (container->run != ailing->run || !berth_engine__is_up(container) ||
	    (ailing->kill ? !container->unhealthy : !is_ill(ailing->engine, container)))
		return;
	if (!berth_engine__end_unhealthy(ailing->engine, container, ailing->kill, &timeout, &error))
		g_warning("container %s: stopping it, which is unhealthy: %s", container->id, error->message);
	else if (!ailing->kill && timeout >= 0)
		add_ailing(&(struct ailing){ailing->engine, container, ailing->run, true}, timeout * 1000);
}

static void restart(void *data, bool canceled)
{
	struct ailing *ailing = data;

	if (!canceled && berth_engine__claim_ref(ailing->engine, ailing->container)) {
		end_ailing(ailing);
		pthread_mutex_unlock(&ailing->container->operation);
	}
	berth_engine__container_unref(ailing->container);
	g_free(ailing);
}

static void add_ailing(const struct ailing *ailing, int64_t delay)
{
	struct ailing *copy = g_new(struct ailing, 1);

	*copy = *ailing;
	berth_engine__container_ref(copy->container);
	berth_workers_add(copy->engine->workers, restart, copy, delay);
}

static void consider_restart(struct berth_engine *engine, struct berth_engine_container *container, uint64_t run)
{
	add_ailing(&(struct ailing){engine, container, run, false}, 0);
}

// What the monitor tells

static void add_probe_event(json_t *events, const struct berth_engine_container *container, const char *action,
			    const char *id)
{
	g_autoptr(berth_health_check) check = berth_plan_health(container->record->config);
	g_autofree char *command = check ? g_strjoinv(" ", check->args) : g_strdup("");
	g_autofree char *text = g_strconcat(action, ": ", command, NULL);

	berth_engine__event_add(events, container, text, "execID", id, NULL);
}

static void add_status_event(json_t *events, const struct berth_engine_container *container, const char *status)
{
	g_autofree char *action = g_strconcat("health_status: ", status, NULL);

	berth_engine__event_add(events, container, action, NULL);
}

static void tell(struct berth_engine *engine, const struct berth_engine_container *container, const json_t *events)
{
	g_autoptr(GError) error = NULL;

	if (json_array_size(events) > 0 && !berth_engine__tell(engine, events, &error))
		g_warning("container %s: recording events of its health: %s", container->id, error->message);
}

// Takes the last result over. Under engine->lock.
static void take_result(struct berth_engine *engine, struct berth_engine_container *container,
			const struct berth_health *told)
{
	struct berth_health *health = container->health;

	if (!health) // of a run that was adopted from an engine that knew nothing of health
		set_health(engine, container, health = berth_health_new());
	berth_engine__note_change(engine);
	g_free(health->status);
	health->status = g_strdup(told->status);
	health->failing_streak = told->failing_streak;
	if (!health->log)
		health->log = berth_objects_new();
	for (guint i = 0; told->log && i < told->log->len; i++)
		g_ptr_array_add(health->log, berth_document_copy(&berth_health_result_document, told->log->pdata[i]));
	while (health->log->len > BERTH_HEALTH_LOG)
		berth_health_result_free(g_ptr_array_steal_index(health->log, 0));
}

void berth_engine__health_told(struct berth_engine *engine, struct berth_engine_container *container, uint64_t run,
			       const struct berth_monitor_event *event)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *code = NULL;
	bool changed = false;

	pthread_mutex_lock(&engine->lock);
	if (event->type == BERTH_MONITOR_PROBE) {
		add_probe_event(events, container, "exec_create", event->exec->id);
		add_probe_event(events, container, "exec_start", event->exec->id);
	} else {
		if (event->exec) {
			code = g_strdup_printf("%" G_GINT64_FORMAT, event->exec->exit_code);
			berth_engine__event_add(events, container, "exec_die", "execID", event->exec->id, "exitCode",
						code, NULL);
			berth_engine__count_health(engine, event->exec->exit_code != 0);
		}
		changed = strcmp(berth_engine__health_name(container), event->health->status) != 0;
		take_result(engine, container, event->health);
		if (changed)
			add_status_event(events, container, event->health->status);
		pthread_cond_broadcast(&container->changed);
	}
	pthread_mutex_unlock(&engine->lock);
	tell(engine, container, events);
	if (changed && strcmp(event->health->status, BERTH_HEALTH_UNHEALTHY) == 0)
		consider_restart(engine, container, run);
}

// After a restart of the engine

struct last_told {
	const char *id;
	char *status;
};

static bool look_at(void *data, G_GNUC_UNUSED int64_t row, const json_t *event)
{
	struct last_told *last = data;
	const char *action = json_string_value(json_object_get(event, "Action"));
	const char *id = json_string_value(json_object_get(json_object_get(event, "Actor"), "ID"));

	if (g_strcmp0(id, last->id) == 0 && action && g_str_has_prefix(action, "health_status: ")) {
		g_free(last->status);
		last->status = g_strdup(action + strlen("health_status: "));
	}
	return true;
}

// The status that was told last since the container's start.
static char *status_told(struct berth_engine *engine, const struct berth_engine_container *container)
{
	struct last_told last = {container->id, g_strdup(BERTH_HEALTH_STARTING)};
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, NULL);

	if (transaction)
		berth_event_each(transaction, 0, container->record->state->started_at, look_at, &last, NULL);
	return last.status;
}

void berth_engine__health_adopt(struct berth_engine *engine, struct berth_engine_container *container,
				struct berth_monitor *monitor)
{
	if (!berth_plan_is_checked(container->record->config))
		return;
	struct berth_health *health = berth_monitor_health(monitor, NULL); // an older monitor has none
	if (!health)
		return;
	g_autofree char *told = status_told(engine, container);
	BERTH_AUTO_JSON json_t *events = json_array();
	bool unhealthy = strcmp(health->status, BERTH_HEALTH_UNHEALTHY) == 0;

	pthread_mutex_lock(&engine->lock);
	if (strcmp(told, health->status) != 0)
		add_status_event(events, container, health->status);
	set_health(engine, container, health);
	pthread_mutex_unlock(&engine->lock);
	tell(engine, container, events);
	if (unhealthy)
		consider_restart(engine, container, container->run);
}

// As it is shown

const char *berth_engine__health_name(const struct berth_engine_container *container)
{
	return container->health ? container->health->status : "none";
}

bool berth_engine__is_unhealthy(struct berth_engine *engine, const struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	bool unhealthy = strcmp(berth_engine__health_name(container), BERTH_HEALTH_UNHEALTHY) == 0;
	pthread_mutex_unlock(&engine->lock);
	return unhealthy;
}

json_t *berth_engine__health_json(const struct berth_engine_container *container)
{
	const struct berth_health *health = container->health;
	json_t *log = health ? json_array() : NULL;

	if (!health)
		return NULL;
	for (guint i = 0; health->log && i < health->log->len; i++) {
		const struct berth_health_result *result = health->log->pdata[i];
		char start[BERTH_MOMENT_SIZE], end[BERTH_MOMENT_SIZE];
		berth_moment_format(result->start, start);
		berth_moment_format(result->end, end);
		json_array_append_new(log, json_pack("{ss ss sI ss}", "Start", start, "End", end, "ExitCode",
						     (json_int_t) result->exit_code, "Output",
						     result->output ? result->output : ""));
	}
	return json_pack("{ss sI so}", "Status", health->status, "FailingStreak", (json_int_t) health->failing_streak,
			 "Log", log);
}
