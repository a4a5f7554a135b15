// SPDX-License-Identifier: Apache-2.0
// linux.resources.cpu: shares and bandwidth, and the set of processors and memory nodes.
#include "runtime/resources-internal.h"

#include "base/error.h"

#define DEFAULT_PERIOD "100000" // microseconds; the kernel's

// v2: quota and period are one file. What is not given stays as it is.
static bool set_bandwidth_v2(const struct berth_resources_context *context, int64_t quota, int64_t period,
			     GError **error)
{
	if (quota == BERTH_UNSET && period == BERTH_UNSET)
		return true;
	g_autofree char *now = berth_cgroup_read(context->cgroup, "cpu", "cpu.max", NULL);
	g_auto(GStrv) words = g_strsplit(now ? now : "", " ", 2);
	g_autofree char *first = quota != BERTH_UNSET    ? berth_limit_minus_is_max(quota)
				 : words[0] && *words[0] ? g_strdup(words[0])
							 : g_strdup("max");
	g_autofree char *second = period != BERTH_UNSET  ? berth_limit_plain(period)
				  : words[0] && words[1] ? g_strdup(words[1])
							 : g_strdup(DEFAULT_PERIOD);
	g_autofree char *text = g_strconcat(first, " ", second, NULL);
	if (period == BERTH_UNSET && berth_limit_is_unlimited(first) && !berth_cgroup_has(context->cgroup, "cpu"))
		return true;
	return berth_limit_write(context, BERTH_CPU_QUOTA, text, error);
}

// A new period or burst may not fit the old quota (EINVAL): it is then written once more after the quota.
static bool set_before_quota(const struct berth_resources_context *context, enum berth_limit limit, int64_t *value,
			     bool quota_follows, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (berth_limit_set_value(context, limit, *value, &local)) {
		*value = BERTH_UNSET;
		return true;
	}
	if (quota_follows && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_INVALID))
		return true;
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

static bool set_bandwidth(const struct berth_resources_context *context, const struct oci_resources *resources,
			  GError **error)
{
	int64_t quota = berth_limit_get(resources, BERTH_CPU_QUOTA);
	int64_t period = berth_limit_get(resources, BERTH_CPU_PERIOD);
	int64_t burst = berth_limit_get(resources, BERTH_CPU_BURST);
	bool bounded = quota != BERTH_UNSET;

	if (context->v2)
		return set_before_quota(context, BERTH_CPU_BURST, &burst, bounded, error) &&
		       set_bandwidth_v2(context, quota, period, error) &&
		       berth_limit_set_value(context, BERTH_CPU_BURST, burst, error);
	return set_before_quota(context, BERTH_CPU_PERIOD, &period, bounded, error) &&
	       set_before_quota(context, BERTH_CPU_BURST, &burst, bounded, error) &&
	       berth_limit_set_value(context, BERTH_CPU_QUOTA, quota, error) &&
	       berth_limit_set_value(context, BERTH_CPU_PERIOD, period, error) &&
	       berth_limit_set_value(context, BERTH_CPU_BURST, burst, error);
}

static bool set_cpuset(const struct berth_resources_context *context, const char *name, const char *value,
		       GError **error)
{
	g_autofree char *file = g_strconcat("cpuset.", name, NULL);

	if (!value || !*value)
		return true;
	if (berth_cgroup_write(context->cgroup, "cpuset", file, value, error))
		return true;
	g_prefix_error(error, "resources: cpu.%s: ", name);
	return false;
}

bool berth_resources_set_cpu(const struct berth_resources_context *context, const struct oci_resources *resources,
			     GError **error)
{
	// The kernel refuses a weight for an idle group.
	bool idle_first = berth_limit_get(resources, BERTH_CPU_IDLE) == 0;

	return (!idle_first || berth_limit_set(context, resources, BERTH_CPU_IDLE, error)) &&
	       berth_limit_set(context, resources, BERTH_CPU_SHARES, error) &&
	       (idle_first || berth_limit_set(context, resources, BERTH_CPU_IDLE, error)) &&
	       set_bandwidth(context, resources, error) &&
	       berth_limit_set(context, resources, BERTH_CPU_REALTIME_PERIOD, error) &&
	       berth_limit_set(context, resources, BERTH_CPU_REALTIME_RUNTIME, error) &&
	       set_cpuset(context, "cpus", resources->cpu->cpus, error) &&
	       set_cpuset(context, "mems", resources->cpu->mems, error);
}
