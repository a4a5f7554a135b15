// SPDX-License-Identifier: Apache-2.0
// process.execCPUAffinity: on which processors a further process runs before and after it enters the container's group.
#include "runtime/setup.h"

#include "base/error.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

bool berth_affinity_parse(const char *list, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (const char *at = list;;) {
		char *end;
		if (!g_ascii_isdigit(*at))
			return false;
		uint64_t first = g_ascii_strtoull(at, &end, 10), last = first;
		if (*end == '-') {
			at = end + 1;
			if (!g_ascii_isdigit(*at))
				return false;
			last = g_ascii_strtoull(at, &end, 10);
		}
		if (first > last || last >= CPU_SETSIZE)
			return false;
		for (uint64_t cpu = first; cpu <= last; cpu++)
			CPU_SET(cpu, ret);
		if (!*end)
			return true;
		if (*end != ',')
			return false;
		at = end + 1;
	}
}

bool berth_affinity_check(const struct oci_cpu_affinity *affinity, GError **error)
{
	const char *const lists[] = {affinity ? affinity->initial : NULL, affinity ? affinity->final : NULL};
	cpu_set_t cpus;

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		if (lists[i] && *lists[i] && !berth_affinity_parse(lists[i], &cpus))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "process.execCPUAffinity: \"%s\" is no list of processors like 0-3,7",
					       lists[i]);
	return true;
}

bool berth_affinity_set(const char *list, GError **error)
{
	cpu_set_t cpus;

	if (!list || !*list)
		return true;
	if (!berth_affinity_parse(list, &cpus) || sched_setaffinity(0, sizeof cpus, &cpus) < 0)
		return berth_error_set_errno(error, errno, "process.execCPUAffinity: processors %s", list);
	return true;
}
