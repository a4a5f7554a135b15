// SPDX-License-Identifier: Apache-2.0
// What containers use, sample by sample. Nothing is read for a container that nobody asks about, and nothing is kept
// between samples but the processors' times of the one before.
#include "engine/show/stats.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"
#include "engine/internal.h"

#include <fcntl.h>
#include <string.h>

#define PROC_LIMIT (4 << 20) // of one file of /proc
#define INTERVAL G_USEC_PER_SEC

// One who asks.
struct reader {
	struct berth_engine *engine;
	struct berth_engine_container *container;
	struct berth_cgroup_mounts *mounts;
	struct api_stats_cpu *previous; // NULL: there is no sample of this run yet
	int64_t previous_read; // nanoseconds since 1970
	int64_t run; // when the run of `previous` began
};

// What the record says, as of one moment.
struct subject {
	char *name, *cgroup;
	int64_t pid, started_at;
	bool up, own_network;
};

static struct subject subject_of(const struct reader *reader)
{
	struct berth_engine *engine = reader->engine;
	const struct berth_engine_container *container = reader->container;
	struct subject subject = {0};

	pthread_mutex_lock(&engine->lock);
	const struct berth_container_record *record = container->record;
	g_autofree char *parent = berth_engine__cgroup_path(engine, record->host_config);
	subject.name = g_strconcat("/", record->name, NULL);
	subject.cgroup = g_build_filename(parent, container->id, NULL);
	subject.pid = record->state->pid;
	subject.started_at = record->state->started_at;
	subject.up = berth_engine__is_up(container);
	subject.own_network = g_strcmp0(record->network, "host") != 0;
	pthread_mutex_unlock(&engine->lock);
	return subject;
}

static void subject_clear(struct subject *subject)
{
	g_free(subject->name);
	g_free(subject->cgroup);
}
typedef struct subject stats_subject;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(stats_subject, subject_clear)

static void read_machine(struct api_stats_cpu *cpu)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/proc/stat", PROC_LIMIT, NULL, NULL);

	if (text)
		berth_stats_parse_processors(text, &cpu->system, &cpu->online);
}

static GHashTable *read_interfaces(int64_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%" G_GINT64_FORMAT "/net/dev", pid);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, PROC_LIMIT, NULL, NULL);

	return text ? berth_stats_parse_interfaces(text) : NULL;
}

// False: its group is gone, so it has just ended.
static bool read_running(struct reader *reader, const struct subject *subject, struct api_stats *stats)
{
	g_autoptr(berth_cgroup) cgroup = NULL;

	if (!berth_cgroup_open_in(reader->mounts, subject->cgroup, &cgroup, NULL) &&
	    reader->mounts->kind != BERTH_CGROUP_NONE)
		return false;
	if (cgroup)
		berth_stats_read_group(cgroup, stats);
	read_machine(stats->cpu);
	if (subject->own_network && subject->pid > 0)
		stats->networks = read_interfaces(subject->pid);
	// Its pid may be somebody else's already.
	g_auto(stats_subject) after = subject_of(reader);
	return after.up && after.pid == subject->pid && after.started_at == subject->started_at;
}

// One sample. *ret_running: it is of a container that runs.
static struct api_stats *take(struct reader *reader, bool *ret_running)
{
	g_auto(stats_subject) subject = subject_of(reader);
	struct api_stats *stats = berth_stats_new();
	int64_t now = berth_moment_now();

	*ret_running = subject.up && read_running(reader, &subject, stats);
	if (!*ret_running) {
		berth_document_free(&api_stats_document, stats);
		stats = berth_stats_new();
		now = 0;
	}
	if (reader->previous && (!*ret_running || reader->run != subject.started_at))
		g_clear_pointer(&reader->previous, api_stats_cpu_free);
	stats->name = g_steal_pointer(&subject.name);
	stats->id = g_strdup(reader->container->id);
	stats->read = berth_moment_string(now);
	stats->preread = berth_moment_string(reader->previous ? reader->previous_read : 0);
	if (reader->previous) {
		berth_document_free(&api_stats_cpu_document, stats->previous_cpu);
		stats->previous_cpu = g_steal_pointer(&reader->previous);
	}
	if (*ret_running)
		reader->previous = berth_document_copy(&api_stats_cpu_document, stats->cpu);
	reader->previous_read = now;
	reader->run = subject.started_at;
	return stats;
}

// False: it was removed, or the engine closes. With `while_up`, returns earlier when the container's state changes.
static bool pause_until(const struct reader *reader, int64_t moment, bool while_up)
{
	struct berth_engine *engine = reader->engine;
	struct berth_engine_container *container = reader->container;

	pthread_mutex_lock(&engine->lock);
	while (!container->removed && !engine->closing && !(while_up && !berth_engine__is_up(container)) &&
	       berth_engine__cond_wait(&container->changed, &engine->lock, moment))
		;
	bool there = !container->removed && !engine->closing;
	pthread_mutex_unlock(&engine->lock);
	return there;
}

static void stream(struct reader *reader, berth_stats_fn *each, void *data)
{
	int64_t moment = g_get_monotonic_time();
	bool running;

	for (;;) {
		g_autoptr(api_stats) stats = take(reader, &running);
		if (!each(data, stats))
			return;
		moment = MAX(moment + INTERVAL, g_get_monotonic_time());
		if (!pause_until(reader, moment, false))
			return;
	}
}

bool berth_engine_container_stats(struct berth_engine *engine, const char *text, enum berth_stats_mode mode,
				  berth_stats_fn *each, void *data, GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__find(engine, text, error);
	bool running;

	if (!container)
		return false;
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();
	struct reader reader = {.engine = engine, .container = container, .mounts = mounts};
	if (mode == BERTH_STATS_STREAM) {
		stream(&reader, each, data);
	} else {
		g_autoptr(api_stats) stats = take(&reader, &running);
		if (running && mode == BERTH_STATS_TWO) {
			pause_until(&reader, g_get_monotonic_time() + INTERVAL, true);
			api_stats_free(stats);
			stats = take(&reader, &running);
		}
		each(data, stats);
	}
	g_clear_pointer(&reader.previous, api_stats_cpu_free);
	return true;
}
