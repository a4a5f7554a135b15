// SPDX-License-Identifier: Apache-2.0
// The end of a container's process and what follows from it.
#include "engine/volume/volumes-internal.h"

#include "base/failpoint.h"
#include "base/json.h"
#include "engine/life/exec.h"
#include "engine/life/health.h"
#include "engine/network/networks.h"
#include "monitor/log.h"

#include <inttypes.h>

// What follows from an end.
enum outcome { STAYS, RESTARTS, REMOVED };

static enum outcome outcome_of(const struct berth_engine_container *container,
			       const struct berth_container_state *state)
{
	const struct api_host_config *host_config = container->record->host_config;

	if (container->remove_at_exit || (host_config->auto_remove && !container->keep))
		return REMOVED;
	if (container->keep || container->stopping)
		return STAYS;
	bool wanted = berth_engine__restart_wanted(host_config->restart_policy, state) ||
		      (container->unhealthy && berth_engine__restart_unhealthy(host_config->restart_policy, state));
	return wanted ? RESTARTS : STAYS;
}

static struct berth_container_state *state_after(struct berth_engine *engine,
						 const struct berth_engine_container *container,
						 const struct berth_monitor_exit *exit)
{
	struct berth_container_state *state = berth_engine__state_copy(engine, container);

	berth_engine__set_status(state, BERTH_STATUS_EXITED);
	state->pid = 0;
	state->exit_code = exit->exit_code;
	state->finished_at = exit->exited_at;
	state->oom_killed = exit->oom_killed;
	return state;
}

static json_t *events_of(struct berth_engine *engine, const struct berth_engine_container *container,
			 const struct berth_monitor_exit *exit)
{
	json_t *events = json_array();
	int64_t ran = (exit->exited_at - container->record->state->started_at) / 1000000000;
	g_autofree char *code = g_strdup_printf("%" PRId64, exit->exit_code);
	g_autofree char *duration = g_strdup_printf("%" PRId64, MAX(ran, 0));

	berth_engine__event_add(events, container, "die", "execDuration", duration, "exitCode", code, NULL);
	berth_engine__network_events(engine, events, container->record, "disconnect");
	berth_engine__volume_mount_events(events, container->record, false);
	if (container->stopping)
		berth_engine__event_add(events, container, "stop", NULL);
	return events;
}

// Tells those who wait for it, and ends the reading of its log at what is there.
static void wake(struct berth_engine *engine, struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	container->exits++;
	for (guint i = 0; i < container->followers->len; i++)
		berth_log_reader_stop(container->followers->pdata[i]);
	pthread_cond_broadcast(&container->changed);
	pthread_mutex_unlock(&engine->lock);
}

// The database refused: what is in memory is right at least, and exit.json stays for the next start.
static void note_in_memory(struct berth_engine *engine, struct berth_engine_container *container,
			   struct berth_container_state *state)
{
	pthread_mutex_lock(&engine->lock);
	struct berth_container_state *old = container->record->state;
	container->record->state = state;
	berth_engine__note_change(engine);
	pthread_mutex_unlock(&engine->lock);
	berth_container_state_free(old);
}

// With --rm go the anonymous volumes.
static bool auto_removed(const struct berth_engine_container *container)
{
	return container->record->host_config->auto_remove && !container->keep;
}

static bool record_exit(struct berth_engine *engine, struct berth_engine_container *container, enum outcome outcome,
			struct berth_container_state *state, json_t *events, GError **error)
{
	struct berth_container_change change = {.state = state, .events = events};

	state->remove_volumes = outcome == REMOVED && (container->remove_volumes || auto_removed(container));
	if (outcome == REMOVED)
		return berth_engine__mark_removed(engine, container, state, events, error);
	if (outcome == RESTARTS) {
		berth_engine__set_status(state, BERTH_STATUS_RESTARTING);
		state->restart_count++;
	}
	return berth_engine__change(engine, container, &change, error);
}

static bool clear(struct berth_engine *engine, struct berth_engine_container *container, enum outcome outcome,
		  GError **error)
{
	g_autofree char *cgroup = berth_engine__cgroup_path(engine, container->record->host_config);

	if (outcome == REMOVED)
		return berth_engine__remains_clear(engine, container->id, cgroup, container->record->image, error);
	return berth_engine__run_clear(engine, container->id, cgroup, error);
}

void berth_engine__exited(struct berth_engine *engine, struct berth_engine_container *container,
			  const struct berth_monitor_exit *exit)
{
	g_autoptr(GError) error = NULL;
	// Also one that an earlier engine told to end for that reason.
	container->unhealthy = container->unhealthy || berth_engine__is_unhealthy(engine, container);
	berth_engine__health_end(engine, container);
	struct berth_container_state *state = state_after(engine, container, exit);
	enum outcome outcome = outcome_of(container, state);
	BERTH_AUTO_JSON json_t *events = events_of(engine, container, exit);

	container->backoff = berth_engine__restart_delay(container->backoff, state->finished_at - state->started_at);
	container->stopping = container->killed = container->unhealthy = container->remove_at_exit = false;
	BERTH_FAILPOINT("container.exit.learnt");
	berth_engine__execs_ended(engine, container);
	// From here on it is on no network; what it had there is given back behind the back of those who wait.
	struct berth_run_network *network = berth_engine__network_take(engine, container);
	bool recorded = record_exit(engine, container, outcome, state, events, &error);
	if (!recorded)
		note_in_memory(engine, container, state_after(engine, container, exit));
	BERTH_FAILPOINT("container.exit.recorded");
	wake(engine, container);
	berth_engine__network_give_back(engine, container, network);
	if (recorded)
		clear(engine, container, outcome, &error);
	if (error)
		g_warning("container %s: at its end: %s", container->id, error->message);
	if (recorded && outcome == RESTARTS)
		berth_engine__plan_restart(engine, container);
}

uint64_t berth_engine__exits(struct berth_engine *engine, struct berth_engine_container *container)
{
	pthread_mutex_lock(&engine->lock);
	uint64_t exits = container->exits;
	pthread_mutex_unlock(&engine->lock);
	return exits;
}

bool berth_engine__wait_exit(struct berth_engine *engine, struct berth_engine_container *container, uint64_t exits,
			     int64_t timeout)
{
	int64_t deadline = timeout < 0 ? -1 : g_get_monotonic_time() + timeout * 1000;
	bool in_time = true;

	pthread_mutex_lock(&engine->lock);
	while (container->exits == exits && !engine->closing && in_time)
		in_time = berth_engine__cond_wait(&container->changed, &engine->lock, deadline);
	bool ended = container->exits > exits;
	pthread_mutex_unlock(&engine->lock);
	return ended;
}

// Starting again

bool berth_engine__cancel_restart(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	struct berth_container_change change = {.state = berth_engine__state_copy(engine, container)};

	berth_engine__set_status(change.state, BERTH_STATUS_EXITED);
	change.state->manually_stopped = true;
	return berth_engine__change(engine, container, &change, error);
}

struct restart {
	struct berth_engine *engine;
	struct berth_engine_container *container;
	uint64_t run;
	char *status;
};

// Unless it was started, or told not to, meanwhile.
static void start_again(const struct restart *planned)
{
	struct berth_engine_container *container = planned->container;
	g_autoptr(GError) error = NULL;

	if (!berth_engine__claim_ref(planned->engine, container))
		return;
	if (container->run == planned->run && berth_engine__status_is(container, planned->status) &&
	    !berth_engine__start(planned->engine, container, &error))
		g_warning("container %s: starting it again: %s", container->id, error->message);
	pthread_mutex_unlock(&container->operation);
}

static void restart(void *data, bool canceled)
{
	struct restart *planned = data;

	if (!canceled)
		start_again(planned);
	berth_engine__container_unref(planned->container);
	g_free(planned->status);
	g_free(planned);
}

void berth_engine__plan_restart(struct berth_engine *engine, struct berth_engine_container *container)
{
	struct restart *planned = g_new0(struct restart, 1);

	*planned = (struct restart){engine, berth_engine__container_ref(container), container->run,
				    g_strdup(container->record->state->status)};
	berth_workers_add(engine->workers, restart, planned, container->backoff);
}
