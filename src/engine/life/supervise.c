// SPDX-License-Identifier: Apache-2.0
// One thread waits for all monitors' events, and for changes of the host's firewall; what an end asks for is done by a
// worker, so that one container's removal does not hold up another's.
#include "engine/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"
#include "engine/life/exec.h"
#include "engine/life/health.h"
#include "network/network.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#define STACK_SIZE (256 << 10)
#define LOST_EXIT_CODE 255 // of a container whose monitor could not say how it ended

struct watch {
	struct berth_engine *engine;
	struct berth_engine_container *container;
	struct berth_monitor *monitor;
	uint64_t run;
	struct berth_monitor_event end;
};

struct berth_supervisor {
	struct berth_engine *engine;
	pthread_t thread;
	int epoll, stop;
	pthread_mutex_t lock;
	GHashTable *watches; // those in epoll
};

static void watch_free(struct watch *watch)
{
	berth_monitor_free(watch->monitor);
	berth_engine__container_unref(watch->container);
	g_free(watch);
}

// How it ended, from the event or from exit.json.
static struct berth_monitor_exit exit_of(struct watch *watch)
{
	if (watch->end.type == BERTH_MONITOR_EXITED)
		return watch->end.exit;
	berth_fd folder = berth_engine__run_folder(watch->engine, watch->container->id, false, NULL);
	g_autoptr(berth_monitor_exit) written = folder < 0 ? NULL : berth_monitor_read_exit(folder, NULL);
	if (written)
		return *written; // it owns nothing
	return (struct berth_monitor_exit){.exit_code = LOST_EXIT_CODE, .exited_at = berth_moment_now()};
}

// A monitor that cut us off, because we did not listen to it for long, is no monitor that is gone.
static bool watch_again(struct watch *watch)
{
	g_autoptr(berth_monitor) monitor = watch->end.type == BERTH_MONITOR_GONE
						   ? berth_engine__connect(watch->engine, watch->container, NULL)
						   : NULL;
	g_autoptr(berth_monitor_status) status = monitor ? berth_monitor_stat(monitor, NULL) : NULL;

	if (!status || (g_strcmp0(status->status, "running") != 0 && g_strcmp0(status->status, "paused") != 0))
		return false;
	berth_engine__execs_adopt(watch->engine, watch->container, monitor);
	berth_engine__health_adopt(watch->engine, watch->container, monitor);
	if (berth_supervisor_add(watch->engine->supervisor, watch->container, g_steal_pointer(&monitor), NULL))
		return true;
	berth_engine__kill_unwatched(watch->engine, watch->container);
	return false;
}

static void handle_end(void *data, bool canceled)
{
	struct watch *watch = data;
	struct berth_engine_container *container = watch->container;

	if (berth_engine__claim_ref(watch->engine, container)) {
		bool current = container->run == watch->run && berth_engine__is_up(container);
		if (current && (canceled || !watch_again(watch))) {
			struct berth_monitor_exit exit = exit_of(watch);
			berth_engine__exited(watch->engine, container, &exit);
		}
		pthread_mutex_unlock(&container->operation);
	}
	watch_free(watch);
}

static void end_watch(struct berth_supervisor *supervisor, struct watch *watch)
{
	epoll_ctl(supervisor->epoll, EPOLL_CTL_DEL, berth_monitor_fd(watch->monitor), NULL);
	pthread_mutex_lock(&supervisor->lock);
	g_hash_table_remove(supervisor->watches, watch);
	pthread_mutex_unlock(&supervisor->lock);
	berth_workers_add(supervisor->engine->workers, handle_end, watch, 0);
}

static void tell(struct watch *watch, const char *action)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autoptr(GError) error = NULL;

	pthread_mutex_lock(&watch->engine->lock);
	berth_engine__event_add(events, watch->container, action, NULL);
	pthread_mutex_unlock(&watch->engine->lock);
	if (!berth_engine__tell(watch->engine, events, &error))
		g_warning("container %s: recording the event %s: %s", watch->container->id, action, error->message);
}

static void take_event(struct berth_supervisor *supervisor, struct watch *watch)
{
	struct berth_monitor_event event = {0};
	g_autoptr(GError) error = NULL;

	if (!berth_monitor_next_event(watch->monitor, &event, &error)) {
		g_warning("container %s: %s", watch->container->id, error->message);
		event.type = BERTH_MONITOR_GONE;
	}
	switch (event.type) {
	case BERTH_MONITOR_OOM:
		tell(watch, "oom");
		break;
	case BERTH_MONITOR_DETACHED:
		tell(watch, "detach");
		break;
	case BERTH_MONITOR_EXEC_EXITED:
	case BERTH_MONITOR_EXEC_DETACHED:
		berth_engine__exec_told(watch->engine, watch->container, event.exec,
					event.type == BERTH_MONITOR_EXEC_EXITED);
		break;
	case BERTH_MONITOR_PROBE:
	case BERTH_MONITOR_HEALTH_RESULT:
		berth_engine__health_told(watch->engine, watch->container, watch->run, &event);
		break;
	case BERTH_MONITOR_EXITED:
	case BERTH_MONITOR_GONE:
		watch->end = event;
		end_watch(supervisor, watch);
		break;
	}
	berth_monitor_exec_free(event.exec);
	berth_health_free(event.health);
}

// Somebody changed the host's rules: ours are put back if they were touched.
static void look_at_firewall(struct berth_supervisor *supervisor)
{
	g_autoptr(GError) error = NULL;

	if (!berth_firewall_look(berth_networks_firewall(supervisor->engine->networks), &error))
		g_warning("firewall: %s", error->message);
}

static void *supervise(void *data)
{
	struct berth_supervisor *supervisor = data;

	for (;;) {
		struct epoll_event event;
		int count = epoll_wait(supervisor->epoll, &event, 1, -1);
		if (count < 1)
			continue;
		if (!event.data.ptr)
			return NULL;
		if (event.data.ptr == supervisor)
			look_at_firewall(supervisor);
		else
			take_event(supervisor, event.data.ptr);
	}
}

static bool start_thread(struct berth_supervisor *supervisor, GError **error)
{
	struct epoll_event event = {.events = EPOLLIN};
	pthread_attr_t attributes;

	if (supervisor->epoll < 0 || supervisor->stop < 0 ||
	    epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, supervisor->stop, &event) < 0)
		return berth_error_set_errno(error, errno, "making what the supervisor waits on");
	int firewall = berth_firewall_watch(berth_networks_firewall(supervisor->engine->networks));
	event.data.ptr = supervisor;
	if (firewall >= 0 && epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, firewall, &event) < 0)
		return berth_error_set_errno(error, errno, "watching the firewall");
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	int failure = pthread_create(&supervisor->thread, &attributes, supervise, supervisor);
	pthread_attr_destroy(&attributes);
	return failure == 0 || berth_error_set_errno(error, failure, "starting the supervisor's thread");
}

static void dispose(struct berth_supervisor *supervisor)
{
	GHashTableIter iter;
	void *watch;

	g_hash_table_iter_init(&iter, supervisor->watches);
	while (g_hash_table_iter_next(&iter, &watch, NULL))
		watch_free(watch);
	g_hash_table_unref(supervisor->watches);
	berth_fd_clear(&supervisor->epoll);
	berth_fd_clear(&supervisor->stop);
	pthread_mutex_destroy(&supervisor->lock);
	g_free(supervisor);
}

struct berth_supervisor *berth_supervisor_new(struct berth_engine *engine, GError **error)
{
	struct berth_supervisor *supervisor = g_new0(struct berth_supervisor, 1);

	supervisor->engine = engine;
	supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
	supervisor->stop = eventfd(0, EFD_CLOEXEC);
	supervisor->watches = g_hash_table_new(NULL, NULL);
	pthread_mutex_init(&supervisor->lock, NULL);
	if (start_thread(supervisor, error))
		return supervisor;
	dispose(supervisor);
	return NULL;
}

void berth_supervisor_stop(struct berth_supervisor *supervisor)
{
	if (!supervisor)
		return;
	eventfd_write(supervisor->stop, 1);
	pthread_join(supervisor->thread, NULL);
}

void berth_supervisor_free(struct berth_supervisor *supervisor)
{
	if (supervisor)
		dispose(supervisor);
}

bool berth_supervisor_add(struct berth_supervisor *supervisor, struct berth_engine_container *container,
			  struct berth_monitor *monitor, GError **error)
{
	struct watch *watch = g_new0(struct watch, 1);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	*watch = (struct watch){
		.engine = supervisor->engine,
		.container = berth_engine__container_ref(container),
		.monitor = monitor,
		.run = container->run,
	};
	if (!berth_monitor_watch(monitor, NULL)) { // it has gone in between
		watch->end.type = BERTH_MONITOR_GONE;
		berth_workers_add(supervisor->engine->workers, handle_end, watch, 0);
		return true;
	}
	pthread_mutex_lock(&supervisor->lock);
	g_hash_table_add(supervisor->watches, watch);
	pthread_mutex_unlock(&supervisor->lock);
	if (epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, berth_monitor_fd(monitor), &event) == 0)
		return true;
	berth_error_set_errno(error, errno, "watching the monitor of container %s", container->id);
	pthread_mutex_lock(&supervisor->lock);
	g_hash_table_remove(supervisor->watches, watch);
	pthread_mutex_unlock(&supervisor->lock);
	watch_free(watch);
	return false;
}
