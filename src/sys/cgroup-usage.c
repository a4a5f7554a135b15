// SPDX-License-Identifier: Apache-2.0
// What a group uses, in the same units on every layout.
#include "sys/cgroup-internal.h"

#include <string.h>

// v1 shows "no limit" as the largest number of whole pages.
#define V1_UNLIMITED ((uint64_t) INT64_MAX - 65535)

uint64_t berth_cgroup_number(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return g_ascii_strtoull(line + length + 1, NULL, 10);
	}
	return 0;
}

static uint64_t read_number(const struct berth_cgroup *cgroup, const char *controller, const char *file)
{
	g_autofree char *text = berth_cgroup_peek(cgroup, controller, file);
	if (text && g_str_equal(text, "max"))
		return UINT64_MAX;
	return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static uint64_t read_keyed(const struct berth_cgroup *cgroup, const char *controller, const char *file, const char *key)
{
	g_autofree char *text = berth_cgroup_peek(cgroup, controller, file);
	return text ? berth_cgroup_number(text, key) : 0;
}

static void usage_v1(const struct berth_cgroup *cgroup, struct berth_cgroup_usage *ret)
{
	ret->memory_bytes = read_number(cgroup, "memory", "memory.usage_in_bytes");
	ret->memory_peak_bytes = read_number(cgroup, "memory", "memory.max_usage_in_bytes");
	ret->memory_limit_bytes = read_number(cgroup, "memory", "memory.limit_in_bytes");
	if (ret->memory_limit_bytes >= V1_UNLIMITED)
		ret->memory_limit_bytes = UINT64_MAX;
	ret->memory_inactive_file_bytes = read_keyed(cgroup, "memory", "memory.stat", "total_inactive_file");
	ret->oom_kills = read_keyed(cgroup, "memory", "memory.oom_control", "oom_kill");
	ret->cpu_nanoseconds = read_number(cgroup, "cpuacct", "cpuacct.usage");
	ret->cpu_user_nanoseconds = read_number(cgroup, "cpuacct", "cpuacct.usage_user");
	ret->cpu_system_nanoseconds = read_number(cgroup, "cpuacct", "cpuacct.usage_sys");
}

static void usage_v2(const struct berth_cgroup *cgroup, struct berth_cgroup_usage *ret)
{
	ret->memory_bytes = read_number(cgroup, "memory", "memory.current");
	ret->memory_peak_bytes = read_number(cgroup, "memory", "memory.peak");
	ret->memory_limit_bytes = read_number(cgroup, "memory", "memory.max");
	ret->memory_inactive_file_bytes = read_keyed(cgroup, "memory", "memory.stat", "inactive_file");
	ret->oom_kills = read_keyed(cgroup, "memory", "memory.events", "oom_kill");

	g_autofree char *cpu = berth_cgroup_peek(cgroup, "cpu", "cpu.stat");
	if (cpu) {
		ret->cpu_nanoseconds = berth_cgroup_number(cpu, "usage_usec") * 1000;
		ret->cpu_user_nanoseconds = berth_cgroup_number(cpu, "user_usec") * 1000;
		ret->cpu_system_nanoseconds = berth_cgroup_number(cpu, "system_usec") * 1000;
	}
}

void berth_cgroup_usage(const struct berth_cgroup *cgroup, struct berth_cgroup_usage *ret)
{
	memset(ret, 0, sizeof *ret);
	if (cgroup->kind == BERTH_CGROUP_V2)
		usage_v2(cgroup, ret);
	else
		usage_v1(cgroup, ret);
	ret->pids = read_number(cgroup, "pids", "pids.current");
}
