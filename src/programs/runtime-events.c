// SPDX-License-Identifier: Apache-2.0
// events: a line of JSON for each measurement and each time that the container ran out of memory, as runc prints them,
// until the container has ended.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/moment.h"
#include "runtime/oom.h"
#include "spec/oci-stats.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

// Microseconds: how often the counter of kills is looked at after memory was short.
#define LOOK_AGAIN (20 * G_TIME_SPAN_MILLISECOND)

struct options {
	int64_t interval;
	bool stats;
};

static const struct berth_flag flags[] = {
	{"interval", 0, BERTH_FLAG_DURATION, offsetof(struct options, interval), "duration",
	 "Time between two measurements", "5s"},
	{"stats", 0, BERTH_FLAG_SWITCH, offsetof(struct options, stats), .help = "Print one measurement and end"},
	{0},
};

// False: nobody reads any more.
static bool print(const char *id, const char *type, struct oci_stats *data)
{
	struct oci_event event = {(char *) type, (char *) id, data};
	g_autofree char *text = berth_document_print_text(&oci_event_document, &event, 0);

	return puts(text) >= 0 && fflush(stdout) == 0;
}

static bool print_stats(struct berth_container *container, GError **error)
{
	g_autoptr(oci_stats) stats = berth_container_stats(container, error);

	return stats && (print(berth_container_id(container), "stats", stats) ||
			 berth_error_set_errno(error, errno, "write to standard output"));
}

// Tells the kills since the last time.
static bool print_oom(struct berth_container *container, struct berth_oom_watch *watch, bool ended, GError **error)
{
	for (uint64_t kills = berth_oom_watch_look(watch, ended); kills; kills--)
		if (!print(berth_container_id(container), "oom", NULL))
			return berth_error_set_errno(error, errno, "write to standard output");
	return true;
}

static bool follow_watched(struct berth_container *container, struct berth_oom_watch *watch, int64_t interval,
			   GError **error)
{
	int64_t next = g_get_monotonic_time() + interval / 1000;

	for (;;) {
		struct pollfd files[] = {{berth_container_pidfd(container), POLLIN, 0}, {watch->fd, POLLIN, 0}};
		int64_t left = watch->look_until ? LOOK_AGAIN : berth_monotonic_left(next);
		int ready = poll(files, G_N_ELEMENTS(files), (int) MIN((left + 999) / 1000, G_MAXINT));
		if (ready < 0 && errno != EINTR)
			return berth_error_set_errno(error, errno, "wait for events");
		bool ended = ready > 0 && files[0].revents;
		if (watch->fd >= 0 && (watch->look_until || ready > 0) && !print_oom(container, watch, ended, error))
			return false;
		if (ended)
			return true;
		if (g_get_monotonic_time() < next)
			continue;
		next += interval / 1000;
		if (!print_stats(container, error))
			return false;
	}
}

static bool follow(struct berth_container *container, int64_t interval, GError **error)
{
	struct berth_oom_watch watch = BERTH_OOM_WATCH_NONE;
	g_autoptr(GError) problem = NULL;

	berth_container_oom_watch(container, &watch, &problem); // there may be no memory controller
	bool done = follow_watched(container, &watch, interval, error);
	berth_oom_watch_close(&watch);
	return done;
}

static int events(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct options *options = data;

	if (options->interval <= 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "duration interval must be greater than 0"), -1;
	g_autoptr(berth_container) container = runtime_load(program, arguments[0], error);
	if (!container)
		return -1;
	if (!berth_container_pid(container))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container with id %s is not running",
				       arguments[0]),
		       -1;
	if (options->stats)
		return print_stats(container, error) ? 0 : -1;
	return follow(container, options->interval, error) ? 0 : -1;
}

const struct runtime_command runtime_command_events = {
	"events",
	"ID",
	"Print a container's use of resources, and when it runs out of memory",
	flags,
	sizeof(struct options),
	1,
	1,
	events};
