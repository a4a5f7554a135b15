// SPDX-License-Identifier: Apache-2.0
// Limits. What the kernel cannot limit is taken out with a warning, in Docker's words; what makes no sense is refused.
#include "engine/plan/plan-internal.h"

#include "base/error.h"

#include <stddef.h>
#include <string.h>

#define MEMORY_MIN (6 << 20)
#define SHM_SIZE (64 << 20)
#define CPU_NUMBERS 8192 // as many as a set may name
#define ABLE(name) offsetof(struct berth_abilities, name)

static bool invalid(GError **error, const char *text)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s", text);
}

// `able` is the place of the ability in struct berth_abilities.
static void discard(struct berth_plan *plan, size_t able, int64_t *value, int64_t none, const char *warning)
{
	if (*value == none || *(const bool *) ((const char *) berth_plan_abilities(plan) + able))
		return;
	berth_plan_warn(plan, "%s", warning);
	*value = none;
}

static void discard_memory(struct berth_plan *plan)
{
	struct api_host_config *host = plan->host;

	discard(plan, ABLE(memory), &host->memory, 0,
		"Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation "
		"discarded.");
	discard(plan, ABLE(memory), &host->memory_reservation, 0,
		"Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation "
		"discarded.");
	if (host->memory > 0 && host->memory_swap != -1 && !berth_plan_abilities(plan)->swap) {
		berth_plan_warn(plan, "Your kernel does not support swap limit capabilities or the cgroup is not "
				      "mounted. Memory limited without swap.");
		host->memory_swap = -1;
	}
	if (host->memory_swappiness == -1)
		host->memory_swappiness = BERTH_UNSET;
	discard(plan, ABLE(swappiness), &host->memory_swappiness, BERTH_UNSET,
		"Your kernel does not support memory swappiness capabilities, or the cgroup is not mounted. Memory "
		"swappiness discarded.");
	if (host->oom_kill_disable == 1 && !berth_plan_abilities(plan)->oom_kill_disable) {
		berth_plan_warn(plan, "Your kernel does not support OomKillDisable. OomKillDisable discarded.");
		host->oom_kill_disable = -1;
	}
	if (host->oom_kill_disable == 1 && host->memory == 0)
		berth_plan_warn(plan, "OOM killer is disabled for the container, but no memory limit is set, this can "
				      "result in the system running out of resources.");
}

static bool decide_memory(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;

	if (host->memory < 0 || (host->memory > 0 && host->memory < MEMORY_MIN))
		return invalid(error, "Minimum memory limit allowed is 6MB");
	if (host->memory_swap < -1)
		return invalid(error, "Invalid value for memory swap: -1 is unlimited");
	if (host->memory > 0 && host->memory_swap > 0 && host->memory_swap < host->memory)
		return invalid(error, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (host->memory == 0 && host->memory_swap > 0)
		return invalid(error, "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (host->memory_swappiness != BERTH_UNSET && (host->memory_swappiness < -1 || host->memory_swappiness > 100))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Invalid value: %" G_GINT64_FORMAT ", valid memory swappiness range is 0-100",
				       host->memory_swappiness);
	if (host->memory_reservation < 0 || (host->memory_reservation > 0 && host->memory_reservation < MEMORY_MIN))
		return invalid(error, "Minimum memory reservation allowed is 6MB");
	if (host->memory > 0 && host->memory_reservation > host->memory)
		return invalid(error, "Minimum memory limit can not be less than memory reservation limit, see usage");
	discard_memory(plan);
	if (host->memory > 0 && host->memory_swap == 0)
		host->memory_swap = host->memory > INT64_MAX / 2 ? -1 : host->memory * 2;
	return true;
}

static bool check_cpus(struct berth_plan *plan, GError **error)
{
	const struct api_host_config *host = plan->host;

	if (host->nano_cpus && host->cpu_period)
		return invalid(error, "Conflicting options: Nano CPUs and CPU Period cannot both be set.");
	if (host->nano_cpus && host->cpu_quota)
		return invalid(error, "Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
	if (host->nano_cpus && !berth_plan_abilities(plan)->cpu_quota)
		return invalid(error, "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or "
				      "the cgroup is not mounted");
	if (host->nano_cpus < 0 || (host->nano_cpus > 0 && host->nano_cpus < 10000000) ||
	    (host->nano_cpus && host->nano_cpus > berth_plan_abilities(plan)->cpus * INT64_C(1000000000)))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available",
				       berth_plan_abilities(plan)->cpus, berth_plan_abilities(plan)->cpus);
	if (host->cpu_shares < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid CPU shares (%" G_GINT64_FORMAT "): value must be a positive integer",
				       host->cpu_shares);
	if (host->cpu_period != 0 && (host->cpu_period < 1000 || host->cpu_period > 1000000))
		return invalid(error, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. "
				      "1000000)");
	if (host->cpu_quota > 0 && host->cpu_quota < 1000)
		return invalid(error, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (host->cpu_realtime_period < 0 || host->cpu_realtime_runtime < 0)
		return invalid(error, "CPU real-time period and runtime can not be negative");
	if (host->cpu_realtime_period && host->cpu_realtime_runtime > host->cpu_realtime_period)
		return invalid(error, "cpu real-time runtime cannot be higher than cpu real-time period");
	if ((host->cpu_realtime_period || host->cpu_realtime_runtime) && !berth_plan_abilities(plan)->cpu_realtime)
		return invalid(error, "kernel does not support CPU real-time scheduler");
	return true;
}

// "0-3,8" into bits; false when it is no such list.
static bool parse_numbers(const char *text, bool *bits)
{
	g_auto(GStrv) ranges = g_strsplit(text, ",", 0);

	memset(bits, 0, CPU_NUMBERS * sizeof *bits);
	for (char **range = ranges; *range; range++) {
		char *dash = strchr(*range, '-');
		guint64 first, last;
		if (dash)
			*dash = '\0';
		if (!g_ascii_string_to_unsigned(*range, 10, 0, CPU_NUMBERS - 1, &first, NULL))
			return false;
		last = first;
		if (dash && !g_ascii_string_to_unsigned(dash + 1, 10, first, CPU_NUMBERS - 1, &last, NULL))
			return false;
		for (guint64 i = first; i <= last; i++)
			bits[i] = true;
	}
	return true;
}

static bool check_set(const char *wanted, const char *available, const char *what, const char *plural, GError **error)
{
	bool want[CPU_NUMBERS], have[CPU_NUMBERS];

	if (!wanted || !*wanted)
		return true;
	if (!parse_numbers(wanted, want))
		return berth_error_set(error, BERTH_ERROR_INVALID, "Invalid value %s for cpuset %s", wanted, what);
	if (!available || !parse_numbers(available, have))
		return true;
	for (int i = 0; i < CPU_NUMBERS; i++)
		if (want[i] && !have[i])
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "Requested %s are not available - requested %s, available: %s", plural,
					       wanted, available);
	return true;
}

static bool decide_cpu(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;

	bool cpus = host->cpuset_cpus && *host->cpuset_cpus, mems = host->cpuset_mems && *host->cpuset_mems;

	if (!check_cpus(plan, error))
		return false;
	if (cpus && !check_set(host->cpuset_cpus, berth_plan_abilities(plan)->cpuset_cpus, "cpus", "CPUs", error))
		return false;
	if (mems &&
	    !check_set(host->cpuset_mems, berth_plan_abilities(plan)->cpuset_mems, "mems", "memory nodes", error))
		return false;
	discard(plan, ABLE(cpu_shares), &host->cpu_shares, 0,
		"Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.");
	discard(plan, ABLE(cpu_quota), &host->cpu_period, 0,
		"Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.");
	discard(plan, ABLE(cpu_quota), &host->cpu_quota, 0,
		"Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.");
	if ((cpus || mems) && !berth_plan_abilities(plan)->cpuset) {
		berth_plan_warn(plan, "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset "
				      "discarded.");
		g_clear_pointer(&host->cpuset_cpus, g_free);
		g_clear_pointer(&host->cpuset_mems, g_free);
	}
	return true;
}

static bool check_weight(int64_t weight, GError **error)
{
	return weight == 0 || (weight >= 10 && weight <= 1000) ||
	       invalid(error, "Range of blkio weight is from 10 to 1000");
}

static bool check_device_path(const char *path, GError **error)
{
	return (path && *path == '/') || berth_error_set(error, BERTH_ERROR_INVALID,
							 "bad format for path of a block device: \"%s\": must be "
							 "absolute",
							 path ? path : "");
}

// The arrays do not own what is in them; their document does.
static void drop_all(GPtrArray *list, const struct berth_document *document)
{
	for (guint i = 0; i < list->len; i++)
		berth_document_free(document, list->pdata[i]);
	g_ptr_array_set_size(list, 0);
}

static bool decide_block(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;
	GPtrArray **throttles[] = {&host->blkio_device_read_bps, &host->blkio_device_write_bps,
				   &host->blkio_device_read_iops, &host->blkio_device_write_iops};
	const GPtrArray *weights = host->blkio_weight_device;

	if (!check_weight(host->blkio_weight, error))
		return false;
	for (guint i = 0; weights && i < weights->len; i++) {
		const struct api_weight_device *device = weights->pdata[i];
		if (!check_weight(device->weight, error) || !check_device_path(device->path, error))
			return false;
	}
	for (size_t k = 0; k < G_N_ELEMENTS(throttles); k++) {
		const GPtrArray *list = *throttles[k];
		for (guint i = 0; list && i < list->len; i++) {
			const struct api_throttle_device *device = list->pdata[i];
			if (!check_device_path(device->path, error))
				return false;
			if (device->rate < 0)
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "invalid rate for device: %s: must not be negative",
						       device->path);
		}
		if (list && list->len && !berth_plan_abilities(plan)->block_throttle) {
			berth_plan_warn(plan, "Your kernel does not support block I/O throttling or the cgroup is not "
					      "mounted. Limits discarded.");
			drop_all(*throttles[k], &api_throttle_device_document);
		}
	}
	discard(plan, ABLE(block_weight), &host->blkio_weight, 0,
		"Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.");
	if (weights && weights->len && !berth_plan_abilities(plan)->block_weight) {
		berth_plan_warn(plan, "Your kernel does not support Block I/O weight_device or the cgroup is not "
				      "mounted. Weight-device discarded.");
		drop_all(host->blkio_weight_device, &api_weight_device_document);
	}
	return true;
}

static bool check_ulimits(const GPtrArray *ulimits, GError **error)
{
	static const char *const names[] = {"core",     "cpu",        "data",   "fsize", "locks", "memlock",
					    "msgqueue", "nice",       "nofile", "nproc", "rss",   "rtprio",
					    "rttime",   "sigpending", "stack",  NULL};
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; ulimits && i < ulimits->len; i++) {
		const struct api_ulimit *limit = ulimits->pdata[i];
		if (!limit->name || !g_strv_contains(names, limit->name))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid ulimit type: %s",
					       limit->name ? limit->name : "");
		if (!g_hash_table_add(seen, limit->name))
			return berth_error_set(error, BERTH_ERROR_INVALID, "ulimit %s is given twice", limit->name);
		if (limit->soft < -1 || limit->hard < -1)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "invalid ulimit %s: a limit is a number, or -1 for none", limit->name);
		if (limit->hard != -1 && (limit->soft == -1 || limit->soft > limit->hard))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "ulimit soft limit must be less than or equal to hard limit: "
					       "%" G_GINT64_FORMAT " > %" G_GINT64_FORMAT,
					       limit->soft, limit->hard);
	}
	return true;
}

static bool decide_cgroup_parent(struct api_host_config *host, GError **error)
{
	const char *parent = host->cgroup_parent;

	if (!parent || !*parent)
		return true;
	g_auto(GStrv) parts = g_strsplit(parent, "/", 0);
	if (g_strv_contains((const char *const *) parts, "..") || !berth_plan_is_plain(parent))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid cgroup parent \"%s\": has .. in it",
				       parent);
	if (g_str_has_suffix(parent, ".slice") && !strchr(parent, '/'))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid cgroup parent \"%s\": is the name of a slice of systemd, which this "
				       "engine does not ask for groups; give a path, like /%s",
				       parent, parent);
	return true;
}

bool berth_plan_resources(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;

	if (!decide_memory(plan, error) || !decide_cpu(plan, error) || !decide_block(plan, error) ||
	    !check_ulimits(host->ulimits, error) || !decide_cgroup_parent(host, error))
		return false;
	if (host->pids_limit != BERTH_UNSET && host->pids_limit <= 0)
		host->pids_limit = BERTH_UNSET;
	discard(plan, ABLE(pids), &host->pids_limit, BERTH_UNSET,
		"Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit "
		"discarded.");
	if (host->oom_score_adj < -1000 || host->oom_score_adj > 1000)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Invalid value %" G_GINT64_FORMAT ", range for oom score adj is [-1000, 1000]",
				       host->oom_score_adj);
	if (host->shm_size < 0)
		return invalid(error, "SHM size can not be less than 0");
	if (host->shm_size == 0)
		host->shm_size = SHM_SIZE;
	return true;
}
