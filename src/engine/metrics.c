// SPDX-License-Identifier: Apache-2.0
// What Prometheus asks for, under dockerd's names where it has one for the same thing.
#include "engine/internal.h"

#include "base/fd.h"
#include "spec/api-system.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define STAT_LIMIT 4096
#define STAT_START_TIME 22 // fields of proc(5)'s stat
#define STAT_VIRTUAL 23
#define STAT_RESIDENT 24

static const double bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

// One name of a metric, and what its label tells apart.
struct family {
	const char *name, *help, *label;
};
static const struct family containers = {"engine_daemon_container_actions_seconds",
					 "The number of seconds it takes to process each container action", "action"},
			   networks = {"engine_daemon_network_actions_seconds",
				       "The number of seconds it takes to process each network action", "action"},
			   host = {"engine_daemon_host_info_functions_seconds",
				   "The number of seconds it takes to call functions gathering info about the host",
				   "function"};
static const struct action {
	const struct family *family; // those of one stand together
	const char *name;
} actions[] = {
	[BERTH_ACTION_CHANGES] = {&containers, "changes"},
	[BERTH_ACTION_COMMIT] = {&containers, "commit"},
	[BERTH_ACTION_CREATE] = {&containers, "create"},
	[BERTH_ACTION_DELETE] = {&containers, "delete"},
	[BERTH_ACTION_START] = {&containers, "start"},
	[BERTH_ACTION_NETWORK_ALLOCATE] = {&networks, "allocate"},
	[BERTH_ACTION_NETWORK_CONNECT] = {&networks, "connect"},
	[BERTH_ACTION_NETWORK_RELEASE] = {&networks, "release"},
	[BERTH_ACTION_OPERATING_SYSTEM] = {&host, "operating_system"},
	[BERTH_ACTION_OS_VERSION] = {&host, "os_version"},
	[BERTH_ACTION_SYSTEM_INFO] = {&host, "system_info"},
	[BERTH_ACTION_SYSTEM_VERSION] = {&host, "system_version"},
};

struct histogram {
	uint64_t buckets[G_N_ELEMENTS(bounds)]; // how many lasted no longer than the bound
	uint64_t count;
	double sum; // seconds
};

struct berth_metrics {
	pthread_mutex_t lock;
	struct histogram actions[BERTH_ACTIONS];
	uint64_t health_checks, health_failures;
};

struct berth_metrics *berth_metrics_new(void)
{
	struct berth_metrics *metrics = g_new0(struct berth_metrics, 1);

	pthread_mutex_init(&metrics->lock, NULL);
	return metrics;
}

void berth_metrics_free(struct berth_metrics *metrics)
{
	pthread_mutex_destroy(&metrics->lock);
	g_free(metrics);
}

void berth_engine__count_action(struct berth_engine *engine, enum berth_action action, int64_t began)
{
	double seconds = (double) (g_get_monotonic_time() - began) / G_USEC_PER_SEC;
	struct histogram *histogram = &engine->metrics->actions[action];

	pthread_mutex_lock(&engine->metrics->lock);
	for (size_t i = 0; i < G_N_ELEMENTS(bounds); i++)
		histogram->buckets[i] += seconds <= bounds[i];
	histogram->count++;
	histogram->sum += seconds;
	pthread_mutex_unlock(&engine->metrics->lock);
}

void berth_engine__count_health(struct berth_engine *engine, bool failed)
{
	pthread_mutex_lock(&engine->metrics->lock);
	engine->metrics->health_checks++;
	engine->metrics->health_failures += failed;
	pthread_mutex_unlock(&engine->metrics->lock);
}

// The text format

static void describe(GString *out, const char *name, const char *type, const char *help)
{
	g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_number(GString *out, double number)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append(out, g_ascii_dtostr(text, sizeof text, number));
}

static void print_one(GString *out, const char *name, const char *type, const char *help, double number)
{
	describe(out, name, type, help);
	g_string_append_printf(out, "%s ", name);
	print_number(out, number);
	g_string_append_c(out, '\n');
}

// A label's value, escaped.
static void print_label(GString *out, const char *name, const char *value, bool last)
{
	g_string_append_printf(out, "%s=\"", name);
	for (; value && *value; value++) {
		if (*value == '\n')
			g_string_append(out, "\\n");
		else {
			if (*value == '"' || *value == '\\')
				g_string_append_c(out, '\\');
			g_string_append_c(out, *value);
		}
	}
	g_string_append(out, last ? "\"" : "\",");
}

static void print_histogram(const struct histogram *histogram, const struct action *action, GString *out)
{
	const char *name = action->family->name, *label = action->family->label;
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	for (size_t i = 0; i < G_N_ELEMENTS(bounds); i++)
		g_string_append_printf(out, "%s_bucket{%s=\"%s\",le=\"%s\"} %" PRIu64 "\n", name, label, action->name,
				       g_ascii_formatd(text, sizeof text, "%g", bounds[i]), histogram->buckets[i]);
	g_string_append_printf(out, "%s_bucket{%s=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, label, action->name,
			       histogram->count);
	g_string_append_printf(out, "%s_sum{%s=\"%s\"} %s\n", name, label, action->name,
			       g_ascii_dtostr(text, sizeof text, histogram->sum));
	g_string_append_printf(out, "%s_count{%s=\"%s\"} %" PRIu64 "\n", name, label, action->name, histogram->count);
}

static void print_actions(struct berth_engine *engine, GString *out)
{
	for (size_t i = 0; i < BERTH_ACTIONS; i++) {
		if (i == 0 || actions[i].family != actions[i - 1].family)
			describe(out, actions[i].family->name, "histogram", actions[i].family->help);
		print_histogram(&engine->metrics->actions[i], &actions[i], out);
	}
}

static void print_info(const struct api_info *info, GString *out)
{
	static const char states[] = "engine_daemon_container_states_containers";

	describe(out, states, "gauge", "The count of containers in various states");
	g_string_append_printf(out,
			       "%s{state=\"paused\"} %" PRId64 "\n%s{state=\"running\"} %" PRId64
			       "\n%s{state=\"stopped\"} %" PRId64 "\n",
			       states, info->containers_paused, states, info->containers_running, states,
			       info->containers_stopped);
	describe(out, "engine_daemon_engine_info", "gauge",
		 "The information related to the engine and the OS it is running on");
	g_string_append(out, "engine_daemon_engine_info{");
	print_label(out, "architecture", info->architecture, false);
	print_label(out, "commit", "", false);
	print_label(out, "daemon_id", info->id, false);
	print_label(out, "graphdriver", info->driver, false);
	print_label(out, "kernel", info->kernel_version, false);
	print_label(out, "os", info->operating_system, false);
	print_label(out, "os_type", info->os_type, false);
	print_label(out, "os_version", info->os_version, false);
	print_label(out, "version", info->server_version, true);
	g_string_append(out, "} 1\n");
	print_one(out, "engine_daemon_engine_cpus_cpus", "gauge",
		  "The number of cpus that the host system of the engine has", (double) info->ncpu);
	print_one(out, "engine_daemon_engine_memory_bytes", "gauge",
		  "The number of bytes of memory that the host system of the engine has", (double) info->mem_total);
	print_one(out, "engine_daemon_events_subscribers_total", "gauge", "The number of current subscribers to events",
		  (double) info->n_events_listener);
	print_one(out, "process_open_fds", "gauge", "Number of open file descriptors.", (double) info->n_fd);
}

// A field of /proc/self/stat; the second may have blanks and ends with the last parenthesis.
static double stat_field(const char *stat, int wanted)
{
	const char *at = stat ? strrchr(stat, ')') : NULL;

	for (int field = 2; at && field < wanted; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? g_ascii_strtod(at, NULL) : 0;
}

static double boot_time(void)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, "/proc/stat", 16 << 20, NULL, NULL);
	const char *line = text ? strstr(text, "\nbtime ") : NULL;

	return line ? g_ascii_strtod(line + strlen("\nbtime "), NULL) : 0;
}

static void print_process(GString *out)
{
	g_autofree char *stat = berth_read_file_at(AT_FDCWD, "/proc/self/stat", STAT_LIMIT, NULL, NULL);
	struct rusage usage;
	struct rlimit files;

	getrusage(RUSAGE_SELF, &usage);
	getrlimit(RLIMIT_NOFILE, &files);
	print_one(out, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
		  (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			  (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	print_one(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.", (double) files.rlim_cur);
	print_one(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
		  stat_field(stat, STAT_RESIDENT) * (double) sysconf(_SC_PAGESIZE));
	print_one(out, "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
		  boot_time() + stat_field(stat, STAT_START_TIME) / (double) sysconf(_SC_CLK_TCK));
	print_one(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
		  stat_field(stat, STAT_VIRTUAL));
}

void berth_engine_metrics(struct berth_engine *engine, GString *out)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(api_info) info = berth_engine_info(engine, &error);

	pthread_mutex_lock(&engine->metrics->lock);
	print_actions(engine, out);
	uint64_t checks = engine->metrics->health_checks, failures = engine->metrics->health_failures;
	pthread_mutex_unlock(&engine->metrics->lock);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, NULL);
	print_one(out, "engine_daemon_events_total", "counter", "The number of events logged",
		  transaction ? (double) berth_events_put(transaction) : 0);
	g_clear_pointer(&transaction, berth_transaction_free);
	print_one(out, "engine_daemon_health_checks_failed_total", "counter",
		  "The total number of failed health checks", (double) failures);
	print_one(out, "engine_daemon_health_checks_total", "counter", "The total number of health checks",
		  (double) checks);
	if (info)
		print_info(info, out);
	else
		g_warning("metrics: %s", error->message);
	print_process(out);
}
