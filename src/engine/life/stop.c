// SPDX-License-Identifier: Apache-2.0
// Signals, stopping, restarting, pausing. Nobody waits for a container's end with its `operation` held.
#include "engine/internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "engine/plan/signal.h"

#include <inttypes.h>
#include <signal.h>

#define STOP_TIMEOUT 10 // seconds, where neither request nor container say
#define KILL_PATIENCE 30000 // milliseconds in which a killed container must be gone

static bool not_running(const struct berth_engine_container *container, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running", container->id);
}

// A container that has just ended cannot be signalled; its end is handled all the same.
bool berth_engine__has_ended(const GError *error)
{
	return g_error_matches(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE) ||
	       g_error_matches(error, BERTH_ERROR, BERTH_ERROR_CONFLICT) ||
	       g_error_matches(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
}

// What is killed must not stay frozen, or it could not die.
static bool send_signal(struct berth_engine *engine, struct berth_engine_container *container, int number, bool thaw,
			GError **error)
{
	GError *failure = NULL;
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, &failure);

	bool sent = monitor && berth_monitor_signal(monitor, number, false, &failure);
	container->killed |= sent && number == SIGKILL;
	if (sent && thaw)
		sent = berth_monitor_thaw(monitor, &failure);
	if (sent || berth_engine__has_ended(failure)) {
		g_clear_error(&failure);
		return true;
	}
	g_propagate_error(error, failure);
	return false;
}

// Whether the signal is one with which a user means to end the container.
static bool ends(const struct berth_engine_container *container, int number)
{
	const char *own = container->record->config->stop_signal;

	return number == SIGKILL || number == (own && *own ? berth_signal_parse(own, NULL) : SIGTERM);
}

// Records that it is signalled, and if it is to end, that this was wanted.
static bool record_signal(struct berth_engine *engine, struct berth_engine_container *container, int number,
			  bool wanted, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *text = g_strdup_printf("%d", number);
	struct berth_container_change change = {.events = events};

	berth_engine__event_add(events, container, "kill", "signal", text, NULL);
	if (!wanted)
		return berth_engine__tell(engine, events, error);
	change.state = berth_engine__state_copy(engine, container);
	change.state->manually_stopped = true;
	return berth_engine__change(engine, container, &change, error);
}

static bool signal_claimed(struct berth_engine *engine, struct berth_engine_container *container, int number,
			   GError **error)
{
	bool wanted = ends(container, number);

	if (!record_signal(engine, container, number, wanted, error))
		return false;
	BERTH_FAILPOINT("container.kill.recorded");
	bool thaw = wanted && berth_engine__status_is(container, BERTH_STATUS_PAUSED);
	if (!send_signal(engine, container, number, thaw, error))
		return false;
	BERTH_FAILPOINT("container.kill.sent");
	return true;
}

static bool still_there(const struct berth_engine_container *container, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INTERNAL, "container %s was killed and has not ended within %d s",
			       container->id, KILL_PATIENCE / 1000);
}

bool berth_engine_container_kill(struct berth_engine *engine, const char *text, const char *signal, GError **error)
{
	int number = signal ? berth_signal_parse(signal, error) : SIGKILL;
	g_autoptr(berth_engine_container) container = number > 0 ? berth_engine__claim(engine, text, error) : NULL;
	bool done = false;

	if (!container)
		return false;
	uint64_t exits = berth_engine__exits(engine, container);
	bool up = berth_engine__is_up(container);
	if (up)
		done = signal_claimed(engine, container, number, error);
	else if (berth_engine__status_is(container, BERTH_STATUS_RESTARTING) && ends(container, number))
		done = berth_engine__cancel_restart(engine, container, error);
	else
		berth_error_set(error, BERTH_ERROR_CONFLICT, "cannot kill container: %s: container %s is not running",
				text, container->id);
	pthread_mutex_unlock(&container->operation);
	if (done && up && number == SIGKILL && !berth_engine__wait_exit(engine, container, exits, KILL_PATIENCE))
		return still_there(container, error);
	return done;
}

// How a container is to be stopped.
struct stop {
	int signal;
	int64_t timeout; // seconds; -1: for ever
};

static bool stop_of(const struct berth_engine_container *container, const char *signal, int64_t timeout,
		    struct stop *ret, GError **error)
{
	const struct api_container_config *config = container->record->config;

	if (!signal && config->stop_signal && *config->stop_signal)
		signal = config->stop_signal;
	ret->signal = signal ? berth_signal_parse(signal, error) : SIGTERM;
	ret->timeout = timeout != BERTH_UNSET                ? timeout
		       : config->stop_timeout != BERTH_UNSET ? config->stop_timeout
							     : STOP_TIMEOUT;
	ret->timeout = MIN(ret->timeout, G_MAXINT32);
	return ret->signal > 0;
}

// Of a claimed one that did not end by the signal that it was sent.
static bool kill_late(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	bool paused = berth_engine__status_is(container, BERTH_STATUS_PAUSED);

	return record_signal(engine, container, SIGKILL, false, error) &&
	       send_signal(engine, container, SIGKILL, paused, error);
}

// Stops a claimed container that is up, and gives the claim up as it waits. `by_hand`: as a user does, whose wish its
// policy respects when the engine starts the next time.
static bool stop_claimed(struct berth_engine *engine, struct berth_engine_container *container, const struct stop *stop,
			 bool by_hand, GError **error)
{
	uint64_t exits = berth_engine__exits(engine, container);
	bool paused = berth_engine__status_is(container, BERTH_STATUS_PAUSED);

	container->stopping = true;
	bool sent = record_signal(engine, container, stop->signal, by_hand, error) &&
		    send_signal(engine, container, stop->signal, paused, error);
	BERTH_FAILPOINT("container.stop.sent");
	container->stopping = sent;
	pthread_mutex_unlock(&container->operation);
	if (!sent)
		return false;
	if (berth_engine__wait_exit(engine, container, exits, stop->timeout < 0 ? -1 : stop->timeout * 1000))
		return true;
	if (!berth_engine__claim_ref(engine, container))
		return true;
	// It may have ended meanwhile, and run again.
	bool done = berth_engine__exits(engine, container) != exits || kill_late(engine, container, error);
	pthread_mutex_unlock(&container->operation);
	if (!done)
		return false;
	BERTH_FAILPOINT("container.stop.killed");
	return berth_engine__wait_exit(engine, container, exits, KILL_PATIENCE) || still_there(container, error);
}

// Its state goes along, so that a new engine knows that it was unhealthy when it ended.
static bool record_unhealthy(struct berth_engine *engine, struct berth_engine_container *container, int number,
			     GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *text = g_strdup_printf("%d", number);
	struct berth_container_change change = {.state = berth_engine__state_copy(engine, container), .events = events};

	berth_engine__event_add(events, container, "kill", "signal", text, NULL);
	return berth_engine__change(engine, container, &change, error);
}

bool berth_engine__end_unhealthy(struct berth_engine *engine, struct berth_engine_container *container, bool kill,
				 int64_t *ret_timeout, GError **error)
{
	struct stop stop = {SIGTERM, STOP_TIMEOUT};

	stop_of(container, NULL, BERTH_UNSET, &stop, NULL);
	*ret_timeout = stop.timeout;
	if (kill)
		return send_signal(engine, container, SIGKILL, berth_engine__status_is(container, BERTH_STATUS_PAUSED),
				   error);
	container->unhealthy = record_unhealthy(engine, container, stop.signal, error) &&
			       send_signal(engine, container, stop.signal, false, error);
	return container->unhealthy;
}

bool berth_engine_container_stop(struct berth_engine *engine, const char *text, const char *signal, int64_t timeout,
				 GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__claim(engine, text, error);
	struct stop stop;
	bool done = false;

	if (!container)
		return false;
	if (stop_of(container, signal, timeout, &stop, error)) {
		if (berth_engine__is_up(container))
			return stop_claimed(engine, container, &stop, true, error);
		if (berth_engine__status_is(container, BERTH_STATUS_RESTARTING))
			done = berth_engine__cancel_restart(engine, container, error);
		else
			berth_error_set(error, BERTH_ERROR_NOT_MODIFIED, "container %s: it is stopped already", text);
	}
	pthread_mutex_unlock(&container->operation);
	return done;
}

bool berth_engine__stop_for_good(struct berth_engine *engine, struct berth_engine_container *container, int64_t timeout,
				 GError **error)
{
	struct stop stop;

	if (!berth_engine__claim_ref(engine, container))
		return true;
	if (!berth_engine__is_up(container) || !stop_of(container, NULL, BERTH_UNSET, &stop, error)) {
		bool done = !berth_engine__is_up(container);
		pthread_mutex_unlock(&container->operation);
		return done;
	}
	if (container->record->config->stop_timeout == BERTH_UNSET)
		stop.timeout = MIN(stop.timeout, timeout);
	return stop_claimed(engine, container, &stop, false, error);
}

// Starts it again after a stop on request.
static bool restart_claimed(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();

	container->keep = false;
	container->backoff = 0;
	if (!berth_engine__is_up(container) && !berth_engine__start(engine, container, error))
		return false;
	berth_engine__event_add(events, container, "restart", NULL);
	return berth_engine__tell(engine, events, error);
}

bool berth_engine_container_restart(struct berth_engine *engine, const char *text, const char *signal, int64_t timeout,
				    GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__claim(engine, text, error);
	struct stop stop;

	if (!container)
		return false;
	if (!stop_of(container, signal, timeout, &stop, error)) {
		pthread_mutex_unlock(&container->operation);
		return false;
	}
	if (berth_engine__is_up(container)) {
		container->keep = true;
		bool stopped = stop_claimed(engine, container, &stop, true, error);
		if (!berth_engine__claim_ref(engine, container))
			return stopped && berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such container: %s", text);
		if (!stopped) {
			container->keep = false;
			pthread_mutex_unlock(&container->operation);
			return false;
		}
	}
	bool started = restart_claimed(engine, container, error);
	pthread_mutex_unlock(&container->operation);
	return started;
}

// Pausing

static bool freeze_or_thaw(struct berth_engine *engine, struct berth_engine_container *container, bool frozen,
			   GError **error)
{
	GError *failure = NULL;
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, &failure);

	if (monitor && (frozen ? berth_monitor_freeze : berth_monitor_thaw)(monitor, &failure))
		return true;
	if (!berth_engine__has_ended(failure)) {
		g_propagate_error(error, failure);
		return false;
	}
	g_error_free(failure);
	return not_running(container, error);
}

static bool set_frozen(struct berth_engine *engine, struct berth_engine_container *container, bool frozen,
		       GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	struct berth_container_change change = {.events = events};

	if (!freeze_or_thaw(engine, container, frozen, error))
		return false;
	BERTH_FAILPOINT("container.pause.done");
	berth_engine__event_add(events, container, frozen ? "pause" : "unpause", NULL);
	change.state = berth_engine__state_copy(engine, container);
	berth_engine__set_status(change.state, frozen ? BERTH_STATUS_PAUSED : BERTH_STATUS_RUNNING);
	return berth_engine__change(engine, container, &change, error);
}

bool berth_engine_container_pause(struct berth_engine *engine, const char *text, GError **error)
{
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	bool done = false;

	if (!container)
		return false;
	if (berth_engine__status_is(container, BERTH_STATUS_PAUSED))
		berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is already paused", container->id);
	else if (!berth_engine__is_up(container) || container->killed)
		not_running(container, error);
	else
		done = set_frozen(engine, container, true, error);
	berth_engine__release(container);
	return done;
}

bool berth_engine_container_unpause(struct berth_engine *engine, const char *text, GError **error)
{
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	bool done = false;

	if (!container)
		return false;
	if (!berth_engine__status_is(container, BERTH_STATUS_PAUSED))
		berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not paused", container->id);
	else
		done = set_frozen(engine, container, false, error);
	berth_engine__release(container);
	return done;
}

bool berth_engine_container_resize(struct berth_engine *engine, const char *text, unsigned width, unsigned height,
				   GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);

	if (!container)
		return false;
	pthread_mutex_lock(&engine->lock);
	bool up = berth_engine__is_up(container);
	pthread_mutex_unlock(&engine->lock);
	if (!up)
		return not_running(container, error);
	GError *failure = NULL;
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, &failure);
	if (monitor && berth_monitor_resize(monitor, width, height, &failure)) {
		g_autofree char *rows = g_strdup_printf("%u", height), *columns = g_strdup_printf("%u", width);
		return berth_engine__tell_container(engine, container, error, "resize", "height", rows, "width",
						    columns, NULL);
	}
	if (!berth_engine__has_ended(failure)) {
		g_propagate_error(error, failure);
		return false;
	}
	g_error_free(failure);
	return not_running(container, error);
}
