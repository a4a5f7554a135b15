// SPDX-License-Identifier: Apache-2.0
#include "engine/show/stats.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define NANOSECONDS UINT64_C(1000000000)
#define PROCESSOR_TIMES 7 // user nice system idle iowait irq softirq; what follows is in these, or other machines'

static bool is_v2(const struct berth_cgroup *cgroup)
{
	return berth_cgroup_kind(cgroup) == BERTH_CGROUP_V2;
}

// "max" and what is not there are 0.
static uint64_t number(const struct berth_cgroup *cgroup, const char *controller, const char *file)
{
	g_autofree char *text = berth_cgroup_peek(cgroup, controller, file);

	return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

struct api_stats *berth_stats_new(void)
{
	struct api_stats *stats = berth_document_new(&api_stats_document);

	stats->pids = berth_document_new(&api_stats_pids_document);
	stats->block = berth_document_new(&api_stats_block_document);
	stats->storage = berth_document_new(&api_stats_storage_document);
	stats->memory = berth_document_new(&api_stats_memory_document);
	stats->cpu = berth_document_new(&api_stats_cpu_document);
	stats->cpu->usage = berth_document_new(&api_stats_cpu_usage_document);
	stats->cpu->throttling = berth_document_new(&api_stats_throttling_document);
	stats->previous_cpu = berth_document_copy(&api_stats_cpu_document, stats->cpu);
	return stats;
}

// cpuacct.usage_percpu lists all processors that there could be: those beyond the online ones are 0.
static json_t *per_processor(const char *text)
{
	json_t *list = text && *text ? json_array() : NULL;
	char *end;

	while (list && *text) {
		uint64_t value = g_ascii_strtoull(text, &end, 10);
		if (end == text)
			break;
		json_array_append_new(list, json_integer((json_int_t) value));
		text = end + strspn(end, " ");
	}
	return list;
}

static void read_cpu(const struct berth_cgroup *cgroup, struct api_stats_cpu *cpu)
{
	g_autofree char *stat = berth_cgroup_peek(cgroup, "cpu", "cpu.stat");

	cpu->throttling->periods = berth_cgroup_number(stat, "nr_periods");
	cpu->throttling->throttled_periods = berth_cgroup_number(stat, "nr_throttled");
	if (is_v2(cgroup)) {
		cpu->usage->total = berth_cgroup_number(stat, "usage_usec") * 1000;
		cpu->usage->user = berth_cgroup_number(stat, "user_usec") * 1000;
		cpu->usage->kernel = berth_cgroup_number(stat, "system_usec") * 1000;
		cpu->throttling->throttled_time = berth_cgroup_number(stat, "throttled_usec") * 1000;
		return;
	}
	g_autofree char *each = berth_cgroup_peek(cgroup, "cpuacct", "cpuacct.usage_percpu");
	cpu->usage->total = number(cgroup, "cpuacct", "cpuacct.usage");
	cpu->usage->user = number(cgroup, "cpuacct", "cpuacct.usage_user");
	cpu->usage->kernel = number(cgroup, "cpuacct", "cpuacct.usage_sys");
	cpu->usage->per_cpu = per_processor(each);
	cpu->throttling->throttled_time = berth_cgroup_number(stat, "throttled_time");
}

static json_t *keyed(const char *text)
{
	json_t *object = text && *text ? json_object() : NULL;
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; object && *line; line++) {
		char *value = strchr(*line, ' ');
		if (!value)
			continue;
		*value = '\0';
		json_object_set_new(object, *line, json_integer(g_ascii_strtoll(value + 1, NULL, 10)));
	}
	return object;
}

// Without a limit of its own, what the machine has is the limit.
static void read_memory(const struct berth_cgroup *cgroup, struct api_stats_memory *memory)
{
	g_autofree char *stat = berth_cgroup_peek(cgroup, "memory", "memory.stat");
	struct sysinfo machine;

	memory->stats = keyed(stat);
	if (is_v2(cgroup)) {
		memory->usage = number(cgroup, "memory", "memory.current");
		memory->limit = number(cgroup, "memory", "memory.max");
	} else {
		memory->usage = number(cgroup, "memory", "memory.usage_in_bytes");
		memory->max_usage = number(cgroup, "memory", "memory.max_usage_in_bytes");
		memory->fail_count = number(cgroup, "memory", "memory.failcnt");
		memory->limit = number(cgroup, "memory", "memory.limit_in_bytes");
	}
	sysinfo(&machine);
	uint64_t total = (uint64_t) machine.totalram * machine.mem_unit;
	if (memory->limit == 0 || memory->limit > total)
		memory->limit = total;
}

struct blocks {
	struct api_stats_block *block;
	bool v2; // Docker tells of reading and writing alone there
};

static void add_block(void *data, const struct berth_cgroup_block *found)
{
	struct blocks *blocks = data;

	if (blocks->v2 && g_str_equal(found->op, "Discard"))
		return;
	struct api_stats_block_entry *entry = berth_document_new(&api_stats_block_entry_document);
	entry->major = found->major;
	entry->minor = found->minor;
	entry->op = g_ascii_strdown(found->op, -1);
	entry->value = found->value;
	g_ptr_array_add(found->bytes ? blocks->block->service_bytes : blocks->block->serviced, entry);
}

static void read_block(const struct berth_cgroup *cgroup, struct api_stats_block *block)
{
	struct blocks blocks = {block, is_v2(cgroup)};

	block->service_bytes = berth_objects_new();
	block->serviced = berth_objects_new();
	berth_cgroup_block_each(cgroup, add_block, &blocks);
}

void berth_stats_read_group(const struct berth_cgroup *cgroup, struct api_stats *stats)
{
	read_cpu(cgroup, stats->cpu);
	read_memory(cgroup, stats->memory);
	stats->pids->current = number(cgroup, "pids", "pids.current");
	stats->pids->limit = number(cgroup, "pids", "pids.max");
	read_block(cgroup, stats->block);
}

void berth_stats_parse_processors(const char *text, uint64_t *ret_nanoseconds, uint64_t *ret_online)
{
	uint64_t ticks = 0;

	*ret_nanoseconds = *ret_online = 0;
	if (!g_str_has_prefix(text, "cpu "))
		return;
	char *at = (char *) text + strlen("cpu ");
	for (int i = 0; i < PROCESSOR_TIMES; i++)
		ticks += g_ascii_strtoull(at, &at, 10);
	*ret_nanoseconds = ticks * (NANOSECONDS / (uint64_t) sysconf(_SC_CLK_TCK));
	for (const char *line = text; (line = strchr(line, '\n')) && g_str_has_prefix(line + 1, "cpu"); line++)
		++*ret_online;
}

GHashTable *berth_stats_parse_interfaces(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GHashTable *interfaces = NULL;

	for (char **line = lines; *line; line++) {
		struct api_stats_network network = {0};
		char *colon = strchr(*line, ':');
		if (!colon)
			continue; // a heading
		*colon = '\0';
		const char *name = g_strstrip(*line);
		uint64_t *const counters[] = {&network.rx_bytes,
					      &network.rx_packets,
					      &network.rx_errors,
					      &network.rx_dropped,
					      NULL,
					      NULL,
					      NULL,
					      NULL,
					      &network.tx_bytes,
					      &network.tx_packets,
					      &network.tx_errors,
					      &network.tx_dropped};
		char *at = colon + 1;
		for (size_t i = 0; i < G_N_ELEMENTS(counters); i++) {
			uint64_t value = g_ascii_strtoull(at, &at, 10);
			if (counters[i])
				*counters[i] = value;
		}
		if (strcmp(name, "lo") == 0)
			continue;
		if (!interfaces)
			interfaces = berth_map_object_new(&api_stats_network_document);
		g_hash_table_insert(interfaces, g_strdup(name),
				    berth_document_copy(&api_stats_network_document, &network));
	}
	return interfaces;
}
