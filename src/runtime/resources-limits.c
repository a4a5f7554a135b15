// SPDX-License-Identifier: Apache-2.0
// The limits that are numbers: one table says for each its file on v1, its file on v2, and how the number converts.
#include "runtime/resources-internal.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

// Conversions of a number to the kernel's text.

char *berth_limit_plain(int64_t value)
{
	return g_strdup_printf("%" G_GINT64_FORMAT, value);
}

char *berth_limit_minus_is_max(int64_t value)
{
	return value < 0 ? g_strdup("max") : berth_limit_plain(value);
}

// Nobody could be born into a group of 0 processes; the container's one process is what such a limit leaves.
static char *at_least_one(int64_t value)
{
	return berth_limit_minus_is_max(value == 0 ? 1 : value);
}

// v1's shares 2 … 262144 (1024 by default) to v2's weight 1 … 10000 (100 by default): quadratic in the logarithm, so
// that both ends and both defaults meet, as runc 1.3 and crun 1.23 do.
int64_t berth_resources_cpu_weight(int64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log2((double) shares);
	return (int64_t) ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

static char *shares_to_weight(int64_t shares)
{
	return berth_limit_plain(berth_resources_cpu_weight(shares));
}

struct file {
	const char *controller, *name;
	char *(*convert)(int64_t value);
};

// One number of linux.resources. A file without a name: that version has no such limit.
static const struct row {
	const char *name; // as messages have it
	size_t section, member;
	bool zero; // 0 is a value, not an absent one
	bool optional; // a kernel without the file is worth a warning only
	struct file v1, v2;
} rows[] = {
#define OF(section_, type, member_)                                                                                    \
	.section = offsetof(struct oci_resources, section_), .member = offsetof(struct type, member_)
	[BERTH_MEMORY_LIMIT] = {"memory.limit", OF(memory, oci_memory, limit),
				.v1 = {"memory", "memory.limit_in_bytes", berth_limit_plain},
				.v2 = {"memory", "memory.max", berth_limit_minus_is_max}},
	[BERTH_MEMORY_RESERVATION] = {"memory.reservation", OF(memory, oci_memory, reservation),
				      .v1 = {"memory", "memory.soft_limit_in_bytes", berth_limit_plain},
				      .v2 = {"memory", "memory.low", berth_limit_minus_is_max}},
	[BERTH_MEMORY_SWAP] = {"memory.swap", OF(memory, oci_memory, swap), .optional = true,
			       .v1 = {"memory", "memory.memsw.limit_in_bytes", berth_limit_plain},
			       .v2 = {"memory", "memory.swap.max", berth_limit_minus_is_max}}, // of swap alone
	[BERTH_MEMORY_SWAPPINESS] = {"memory.swappiness", OF(memory, oci_memory, swappiness), .zero = true,
				     .optional = true, .v1 = {"memory", "memory.swappiness", berth_limit_plain}},
	[BERTH_CPU_SHARES] = {"cpu.shares", OF(cpu, oci_cpu, shares), .v1 = {"cpu", "cpu.shares", berth_limit_plain},
			      .v2 = {"cpu", "cpu.weight", shares_to_weight}},
	[BERTH_CPU_PERIOD] = {"cpu.period", OF(cpu, oci_cpu, period),
			      .v1 = {"cpu", "cpu.cfs_period_us", berth_limit_plain},
			      .v2 = {"cpu", "cpu.max", berth_limit_plain}}, // the second word
	[BERTH_CPU_QUOTA] = {"cpu.quota", OF(cpu, oci_cpu, quota), .v1 = {"cpu", "cpu.cfs_quota_us", berth_limit_plain},
			     .v2 = {"cpu", "cpu.max", berth_limit_minus_is_max}}, // the first word
	[BERTH_CPU_BURST] = {"cpu.burst", OF(cpu, oci_cpu, burst), .v1 = {"cpu", "cpu.cfs_burst_us", berth_limit_plain},
			     .v2 = {"cpu", "cpu.max.burst", berth_limit_plain}},
	[BERTH_CPU_REALTIME_PERIOD] = {"cpu.realtimePeriod", OF(cpu, oci_cpu, realtime_period),
				       .v1 = {"cpu", "cpu.rt_period_us", berth_limit_plain}},
	[BERTH_CPU_REALTIME_RUNTIME] = {"cpu.realtimeRuntime", OF(cpu, oci_cpu, realtime_runtime),
					.v1 = {"cpu", "cpu.rt_runtime_us", berth_limit_plain}},
	[BERTH_CPU_IDLE] = {"cpu.idle", OF(cpu, oci_cpu, idle), .zero = true,
			    .v1 = {"cpu", "cpu.idle", berth_limit_plain}, .v2 = {"cpu", "cpu.idle", berth_limit_plain}},
	[BERTH_PIDS_LIMIT] = {"pids.limit", OF(pids, oci_pids, limit), .zero = true,
			      .v1 = {"pids", "pids.max", at_least_one}, .v2 = {"pids", "pids.max", at_least_one}},
	[BERTH_NETWORK_CLASS] = {"network.classID", OF(network, oci_network, class_id), .zero = true,
				 .v1 = {"net_cls", "net_cls.classid", berth_limit_plain}},
#undef OF
};

int64_t berth_limit_get(const struct oci_resources *resources, enum berth_limit limit)
{
	const struct row *row = &rows[limit];
	const char *section = *(char *const *) ((const char *) resources + row->section);
	int64_t value = BERTH_UNSET;

	if (section)
		memcpy(&value, section + row->member, sizeof value);
	if (value == 0 && !row->zero)
		return BERTH_UNSET;
	if (value < 0 && value != BERTH_UNSET &&
	    (limit == BERTH_CPU_SHARES || limit == BERTH_CPU_PERIOD || limit == BERTH_CPU_BURST ||
	     limit == BERTH_CPU_REALTIME_PERIOD))
		return INT64_MAX;
	return value;
}

bool berth_limit_is_unlimited(const char *text)
{
	return g_str_equal(text, "max") || g_str_equal(text, "-1");
}

bool berth_limit_write(const struct berth_resources_context *context, enum berth_limit limit, const char *text,
		       GError **error)
{
	const struct row *row = &rows[limit];
	const struct file *file = context->v2 ? &row->v2 : &row->v1;
	g_autoptr(GError) local = NULL;

	if (!file->name && row->optional) {
		berth_resources_warn(context, "resources: %s: cgroup v2 has no such limit; ignored", row->name);
		return true;
	}
	if (!file->name)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "resources: %s: cgroup v2 has no such limit",
				       row->name);
	if (!berth_cgroup_has(context->cgroup, file->controller))
		return berth_limit_is_unlimited(text) ||
		       berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "resources: %s: the cgroup controller %s is not available", row->name,
				       file->controller);
	if (berth_cgroup_write(context->cgroup, file->controller, file->name, text, &local))
		return true;
	if (row->optional && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		if (!berth_limit_is_unlimited(text))
			berth_resources_warn(context, "resources: %s: this kernel has no %s; ignored", row->name,
					     file->name);
		return true;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: %s: ", row->name);
	return false;
}

bool berth_limit_set_value(const struct berth_resources_context *context, enum berth_limit limit, int64_t value,
			   GError **error)
{
	const struct row *row = &rows[limit];

	if (value == BERTH_UNSET)
		return true;
	const struct file *file = context->v2 ? &row->v2 : &row->v1;
	g_autofree char *text = file->convert ? file->convert(value) : berth_limit_plain(value);
	return berth_limit_write(context, limit, text, error);
}

bool berth_limit_set(const struct berth_resources_context *context, const struct oci_resources *resources,
		     enum berth_limit limit, GError **error)
{
	return berth_limit_set_value(context, limit, berth_limit_get(resources, limit), error);
}

int64_t berth_limit_now(const struct berth_resources_context *context, const char *controller, const char *file,
			int64_t otherwise)
{
	g_autofree char *text = berth_cgroup_read(context->cgroup, controller, file, NULL);
	return text && g_ascii_isdigit(*text) ? g_ascii_strtoll(text, NULL, 10) : otherwise;
}
