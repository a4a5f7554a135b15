// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources.h"

#include "base/error.h"
#include "runtime/groups.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PERIOD "100000" // microseconds; the kernel's

struct context {
	const struct berth_cgroup *cgroup;
	bool v2;
	void (*warn)(void *data, const char *message);
	void *data;
	bool update;
};

static void warn(const struct context *context, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(const struct context *context, const char *format, ...)
{
	if (!context->warn)
		return;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	context->warn(context->data, message);
}

// Conversions of a number to the kernel's text.

static char *plain(int64_t value)
{
	return g_strdup_printf("%" G_GINT64_FORMAT, value);
}

static char *minus_is_max(int64_t value)
{
	return value < 0 ? g_strdup("max") : plain(value);
}

// Nobody could be born into a group of 0 processes; the container's one process is what such a limit leaves.
static char *at_least_one(int64_t value)
{
	return minus_is_max(value == 0 ? 1 : value);
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
	return plain(berth_resources_cpu_weight(shares));
}

// v1's weight 10 … 1000 to io.weight 1 … 10000.
int64_t berth_resources_io_weight(int64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

enum limit {
	MEMORY_LIMIT,
	MEMORY_RESERVATION,
	MEMORY_SWAP,
	MEMORY_SWAPPINESS,
	CPU_SHARES,
	CPU_PERIOD,
	CPU_QUOTA,
	CPU_BURST,
	CPU_REALTIME_PERIOD,
	CPU_REALTIME_RUNTIME,
	CPU_IDLE,
	PIDS_LIMIT,
	NETWORK_CLASS,
};

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
	[MEMORY_LIMIT] = {"memory.limit", OF(memory, oci_memory, limit),
			  .v1 = {"memory", "memory.limit_in_bytes", plain},
			  .v2 = {"memory", "memory.max", minus_is_max}},
	[MEMORY_RESERVATION] = {"memory.reservation", OF(memory, oci_memory, reservation),
				.v1 = {"memory", "memory.soft_limit_in_bytes", plain},
				.v2 = {"memory", "memory.low", minus_is_max}},
	[MEMORY_SWAP] = {"memory.swap", OF(memory, oci_memory, swap), .optional = true,
			 .v1 = {"memory", "memory.memsw.limit_in_bytes", plain},
			 .v2 = {"memory", "memory.swap.max", minus_is_max}}, // of swap alone
	[MEMORY_SWAPPINESS] = {"memory.swappiness", OF(memory, oci_memory, swappiness), .zero = true, .optional = true,
			       .v1 = {"memory", "memory.swappiness", plain}},
	[CPU_SHARES] = {"cpu.shares", OF(cpu, oci_cpu, shares), .v1 = {"cpu", "cpu.shares", plain},
			.v2 = {"cpu", "cpu.weight", shares_to_weight}},
	[CPU_PERIOD] = {"cpu.period", OF(cpu, oci_cpu, period), .v1 = {"cpu", "cpu.cfs_period_us", plain},
			.v2 = {"cpu", "cpu.max", plain}}, // the second word
	[CPU_QUOTA] = {"cpu.quota", OF(cpu, oci_cpu, quota), .v1 = {"cpu", "cpu.cfs_quota_us", plain},
		       .v2 = {"cpu", "cpu.max", minus_is_max}}, // the first word
	[CPU_BURST] = {"cpu.burst", OF(cpu, oci_cpu, burst), .v1 = {"cpu", "cpu.cfs_burst_us", plain},
		       .v2 = {"cpu", "cpu.max.burst", plain}},
	[CPU_REALTIME_PERIOD] = {"cpu.realtimePeriod", OF(cpu, oci_cpu, realtime_period),
				 .v1 = {"cpu", "cpu.rt_period_us", plain}},
	[CPU_REALTIME_RUNTIME] = {"cpu.realtimeRuntime", OF(cpu, oci_cpu, realtime_runtime),
				  .v1 = {"cpu", "cpu.rt_runtime_us", plain}},
	[CPU_IDLE] = {"cpu.idle", OF(cpu, oci_cpu, idle), .zero = true, .v1 = {"cpu", "cpu.idle", plain},
		      .v2 = {"cpu", "cpu.idle", plain}},
	[PIDS_LIMIT] = {"pids.limit", OF(pids, oci_pids, limit), .zero = true, .v1 = {"pids", "pids.max", at_least_one},
			.v2 = {"pids", "pids.max", at_least_one}},
	[NETWORK_CLASS] = {"network.classID", OF(network, oci_network, class_id), .zero = true,
			   .v1 = {"net_cls", "net_cls.classid", plain}},
#undef OF
};

// The limit's number, or BERTH_UNSET. Unsigned members saturate, which no limit tells from "very much".
static int64_t get(const struct oci_resources *resources, enum limit limit)
{
	const struct row *row = &rows[limit];
	const char *section = *(char *const *) ((const char *) resources + row->section);
	int64_t value = BERTH_UNSET;

	if (section)
		memcpy(&value, section + row->member, sizeof value);
	if (value == 0 && !row->zero)
		return BERTH_UNSET;
	if (value < 0 && value != BERTH_UNSET &&
	    (limit == CPU_SHARES || limit == CPU_PERIOD || limit == CPU_BURST || limit == CPU_REALTIME_PERIOD))
		return INT64_MAX;
	return value;
}

static bool is_unlimited(const char *text)
{
	return g_str_equal(text, "max") || g_str_equal(text, "-1");
}

static bool write_text(const struct context *context, enum limit limit, const char *text, GError **error)
{
	const struct row *row = &rows[limit];
	const struct file *file = context->v2 ? &row->v2 : &row->v1;
	g_autoptr(GError) local = NULL;

	if (!file->name && row->optional) {
		warn(context, "resources: %s: cgroup v2 has no such limit; ignored", row->name);
		return true;
	}
	if (!file->name)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "resources: %s: cgroup v2 has no such limit",
				       row->name);
	if (!berth_cgroup_has(context->cgroup, file->controller))
		return is_unlimited(text) || berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
							     "resources: %s: the cgroup controller %s is not available",
							     row->name, file->controller);
	if (berth_cgroup_write(context->cgroup, file->controller, file->name, text, &local))
		return true;
	if (row->optional && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		if (!is_unlimited(text))
			warn(context, "resources: %s: this kernel has no %s; ignored", row->name, file->name);
		return true;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: %s: ", row->name);
	return false;
}

static bool set_value(const struct context *context, enum limit limit, int64_t value, GError **error)
{
	const struct row *row = &rows[limit];

	if (value == BERTH_UNSET)
		return true;
	const struct file *file = context->v2 ? &row->v2 : &row->v1;
	g_autofree char *text = file->convert ? file->convert(value) : plain(value);
	return write_text(context, limit, text, error);
}

static bool set(const struct context *context, const struct oci_resources *resources, enum limit limit, GError **error)
{
	return set_value(context, limit, get(resources, limit), error);
}

// What a file has now as a number; `otherwise` for "max" and when there is none.
static int64_t read_now(const struct context *context, const char *controller, const char *file, int64_t otherwise)
{
	g_autofree char *text = berth_cgroup_read(context->cgroup, controller, file, NULL);
	return text && g_ascii_isdigit(*text) ? g_ascii_strtoll(text, NULL, 10) : otherwise;
}

static bool set_memory_limit(const struct context *context, int64_t limit, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (set_value(context, MEMORY_LIMIT, limit, &local))
		return true;
	// v1: the kernel could not reclaim enough.
	if (g_error_matches(local, BERTH_ERROR, BERTH_ERROR_CONFLICT))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "resources: memory.limit: %" G_GINT64_FORMAT
				       " bytes are not enough: %" G_GINT64_FORMAT " are in use",
				       limit, read_now(context, "memory", "memory.usage_in_bytes", 0));
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

// v1: memory alone may never be more than memory and swap, so the order of writing depends on which way they move.
static bool set_memory_v1(const struct context *context, int64_t limit, int64_t swap, GError **error)
{
	bool swap_first = limit != BERTH_UNSET && swap != BERTH_UNSET &&
			  (swap < 0 || swap > read_now(context, "memory", "memory.limit_in_bytes", INT64_MAX));

	return (!swap_first || set_value(context, MEMORY_SWAP, swap, error)) &&
	       set_memory_limit(context, limit, error) && (swap_first || set_value(context, MEMORY_SWAP, swap, error));
}

// v2 limits swap alone: OCI's number less the memory.
static bool set_memory_v2(const struct context *context, const struct oci_memory *memory, int64_t limit, int64_t swap,
			  GError **error)
{
	if (swap > 0) {
		int64_t base = limit != BERTH_UNSET ? limit : read_now(context, "memory", "memory.max", -1);
		if (base < 0)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: memory.swap: needs a memory limit beside it");
		if (swap < base)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: memory.swap: %" G_GINT64_FORMAT
					       " is less than the memory limit %" G_GINT64_FORMAT
					       " that it should contain",
					       swap, base);
		swap -= base;
	}
	int64_t used = memory->check_before_update ? read_now(context, "memory", "memory.current", 0) : 0;
	if (limit > 0 && limit < used)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "resources: memory.limit: %" G_GINT64_FORMAT
				       " bytes are not enough: %" G_GINT64_FORMAT " are in use",
				       limit, used);
	return set_value(context, MEMORY_SWAP, swap, error) && set_memory_limit(context, limit, error);
}

// v1 before Linux 5.11, where limits did not hold for groups below unless asked for.
static bool set_hierarchy(const struct context *context, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (context->v2 || berth_cgroup_write(context->cgroup, "memory", "memory.use_hierarchy", "1", &local) ||
	    g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: memory.useHierarchy: ");
	return false;
}

static bool set_memory(const struct context *context, const struct oci_resources *resources, GError **error)
{
	const struct oci_memory *memory = resources->memory;
	int64_t limit = get(resources, MEMORY_LIMIT);
	int64_t swap = get(resources, MEMORY_SWAP);
	int64_t swappiness = get(resources, MEMORY_SWAPPINESS);

	if (limit == -1 && swap == BERTH_UNSET)
		swap = -1;
	if (memory->use_hierarchy && !set_hierarchy(context, error))
		return false;
	if (!(context->v2 ? set_memory_v2(context, memory, limit, swap, error)
			  : set_memory_v1(context, limit, swap, error)))
		return false;
	if (!set(context, resources, MEMORY_RESERVATION, error))
		return false;
	if (swappiness > 100)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "resources: memory.swappiness: %" G_GINT64_FORMAT " is not between 0 and 100",
				       swappiness);
	if (swappiness >= 0 && !set(context, resources, MEMORY_SWAPPINESS, error))
		return false;
	if ((memory->kernel != BERTH_UNSET && memory->kernel > 0) ||
	    (memory->kernel_tcp != BERTH_UNSET && memory->kernel_tcp > 0))
		warn(context, "resources: memory.kernel: Linux no longer limits it by itself; ignored");
	if (!memory->disable_oom_killer)
		return true;
	if (context->v2) {
		warn(context, "resources: memory.disableOOMKiller: cgroup v2 has no such switch; ignored");
		return true;
	}
	return berth_cgroup_write(context->cgroup, "memory", "memory.oom_control", "1", error);
}

// v2: quota and period are one file. What is not given stays as it is.
static bool set_bandwidth_v2(const struct context *context, int64_t quota, int64_t period, GError **error)
{
	if (quota == BERTH_UNSET && period == BERTH_UNSET)
		return true;
	g_autofree char *now = berth_cgroup_read(context->cgroup, "cpu", "cpu.max", NULL);
	g_auto(GStrv) words = g_strsplit(now ? now : "", " ", 2);
	g_autofree char *first = quota != BERTH_UNSET    ? minus_is_max(quota)
				 : words[0] && *words[0] ? g_strdup(words[0])
							 : g_strdup("max");
	g_autofree char *second = period != BERTH_UNSET  ? plain(period)
				  : words[0] && words[1] ? g_strdup(words[1])
							 : g_strdup(DEFAULT_PERIOD);
	g_autofree char *text = g_strconcat(first, " ", second, NULL);
	if (period == BERTH_UNSET && is_unlimited(first) && !berth_cgroup_has(context->cgroup, "cpu"))
		return true;
	return write_text(context, CPU_QUOTA, text, error);
}

// A new period or burst may not fit the old quota (EINVAL): it is then written once more after the quota.
static bool set_before_quota(const struct context *context, enum limit limit, int64_t *value, bool quota_follows,
			     GError **error)
{
	g_autoptr(GError) local = NULL;

	if (set_value(context, limit, *value, &local)) {
		*value = BERTH_UNSET;
		return true;
	}
	if (quota_follows && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_INVALID))
		return true;
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

static bool set_bandwidth(const struct context *context, const struct oci_resources *resources, GError **error)
{
	int64_t quota = get(resources, CPU_QUOTA);
	int64_t period = get(resources, CPU_PERIOD);
	int64_t burst = get(resources, CPU_BURST);
	bool bounded = quota != BERTH_UNSET;

	if (context->v2)
		return set_before_quota(context, CPU_BURST, &burst, bounded, error) &&
		       set_bandwidth_v2(context, quota, period, error) && set_value(context, CPU_BURST, burst, error);
	return set_before_quota(context, CPU_PERIOD, &period, bounded, error) &&
	       set_before_quota(context, CPU_BURST, &burst, bounded, error) &&
	       set_value(context, CPU_QUOTA, quota, error) && set_value(context, CPU_PERIOD, period, error) &&
	       set_value(context, CPU_BURST, burst, error);
}

static bool set_cpuset(const struct context *context, const char *name, const char *value, GError **error)
{
	g_autofree char *file = g_strconcat("cpuset.", name, NULL);

	if (!value || !*value)
		return true;
	if (berth_cgroup_write(context->cgroup, "cpuset", file, value, error))
		return true;
	g_prefix_error(error, "resources: cpu.%s: ", name);
	return false;
}

static bool set_cpu(const struct context *context, const struct oci_resources *resources, GError **error)
{
	// The kernel refuses a weight for an idle group.
	bool idle_first = get(resources, CPU_IDLE) == 0;

	return (!idle_first || set(context, resources, CPU_IDLE, error)) &&
	       set(context, resources, CPU_SHARES, error) && (idle_first || set(context, resources, CPU_IDLE, error)) &&
	       set_bandwidth(context, resources, error) && set(context, resources, CPU_REALTIME_PERIOD, error) &&
	       set(context, resources, CPU_REALTIME_RUNTIME, error) &&
	       set_cpuset(context, "cpus", resources->cpu->cpus, error) &&
	       set_cpuset(context, "mems", resources->cpu->mems, error);
}

// Weights are known to the BFQ scheduler or, on v2, to io.cost; without them nothing can be weighed, and it is said.
// `device` is "" or "major:minor ".
static bool set_weight(const struct context *context, const char *name, const char *device, int64_t weight,
		       GError **error)
{
	const char *v1_file = *device ? "blkio.bfq.weight_device" : "blkio.bfq.weight";
	const char *v1_old = *device ? "blkio.weight_device" : "blkio.weight";
	const char *const files[] = {context->v2 ? "io.bfq.weight" : v1_file, context->v2 ? "io.weight" : v1_old};

	if (weight == BERTH_UNSET || weight == 0)
		return true;
	if (weight < 10 || weight > 1000)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "resources: blockIO.%s: %" G_GINT64_FORMAT " is not between 10 and 1000", name,
				       weight);
	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		int64_t value = context->v2 && i == 1 ? berth_resources_io_weight(weight) : weight;
		g_autofree char *text = g_strdup_printf("%s%" G_GINT64_FORMAT, device, value);
		g_autoptr(GError) local = NULL;
		if (berth_cgroup_write(context->cgroup, "blkio", files[i], text, &local))
			return true;
		if (!g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: blockIO.%s: ", name);
			return false;
		}
	}
	warn(context, "resources: blockIO.%s: this kernel has no weights for block devices; ignored", name);
	return true;
}

static bool check_device(const char *name, int64_t major, int64_t minor, GError **error)
{
	if (major >= 0 && minor >= 0)
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "resources: blockIO.%s: %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " is no device", name,
			       major, minor);
}

static const struct throttle {
	const char *name;
	size_t member;
	const char *v1_file, *v2_key;
} throttles[] = {
	{"throttleReadBpsDevice", offsetof(struct oci_block_io, throttle_read_bps_device),
	 "blkio.throttle.read_bps_device", "rbps"},
	{"throttleWriteBpsDevice", offsetof(struct oci_block_io, throttle_write_bps_device),
	 "blkio.throttle.write_bps_device", "wbps"},
	{"throttleReadIOPSDevice", offsetof(struct oci_block_io, throttle_read_iops_device),
	 "blkio.throttle.read_iops_device", "riops"},
	{"throttleWriteIOPSDevice", offsetof(struct oci_block_io, throttle_write_iops_device),
	 "blkio.throttle.write_iops_device", "wiops"},
};

static bool set_throttle(const struct context *context, const struct throttle *throttle, const GPtrArray *devices,
			 GError **error)
{
	for (unsigned i = 0; devices && i < devices->len; i++) {
		const struct oci_throttle_device *device = g_ptr_array_index(devices, i);
		g_autofree char *number =
			g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " ", device->major, device->minor);
		g_autofree char *rate = context->v2 && device->rate == 0
						? g_strdup("max")
						: g_strdup_printf("%" G_GUINT64_FORMAT, device->rate);
		g_autofree char *text =
			g_strconcat(number, context->v2 ? throttle->v2_key : "", context->v2 ? "=" : "", rate, NULL);
		if (!check_device(throttle->name, device->major, device->minor, error))
			return false;
		if (!berth_cgroup_write(context->cgroup, "blkio", context->v2 ? "io.max" : throttle->v1_file, text,
					error)) {
			g_prefix_error(error, "resources: blockIO.%s: ", throttle->name);
			return false;
		}
	}
	return true;
}

static bool set_pids(const struct context *context, const struct oci_resources *resources, GError **error)
{
	return set(context, resources, PIDS_LIMIT, error);
}

// Only CFQ knew them: v1 before Linux 5.0.
static bool set_leaf_weights(const struct context *context, const struct oci_block_io *block_io, GError **error)
{
	const GPtrArray *devices = block_io->weight_device;
	g_autoptr(GError) local = NULL;
	bool good = true;

	if (block_io->leaf_weight != BERTH_UNSET && block_io->leaf_weight != 0) {
		g_autofree char *text = plain(block_io->leaf_weight);
		good = berth_cgroup_write(context->cgroup, "blkio", "blkio.leaf_weight", text, &local);
	}
	for (unsigned i = 0; good && devices && i < devices->len; i++) {
		const struct oci_weight_device *device = g_ptr_array_index(devices, i);
		g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
							device->major, device->minor, device->leaf_weight);
		if (device->leaf_weight != BERTH_UNSET && device->leaf_weight != 0)
			good = berth_cgroup_write(context->cgroup, "blkio", "blkio.leaf_weight_device", text, &local);
	}
	if (!good && g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		warn(context, "resources: blockIO.leafWeight: Linux has no leaf weights since 5.0; ignored");
		return true;
	}
	if (!good)
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: blockIO.leafWeight: ");
	return good;
}

static bool set_block_io(const struct context *context, const struct oci_resources *resources, GError **error)
{
	const struct oci_block_io *block_io = resources->block_io;
	const GPtrArray *weights = block_io->weight_device;
	bool leaf = block_io->leaf_weight != BERTH_UNSET && block_io->leaf_weight != 0;

	if (!set_weight(context, "weight", "", block_io->weight, error))
		return false;
	for (unsigned i = 0; weights && i < weights->len; i++) {
		const struct oci_weight_device *device = g_ptr_array_index(weights, i);
		g_autofree char *number =
			g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " ", device->major, device->minor);
		if (!check_device("weightDevice", device->major, device->minor, error) ||
		    !set_weight(context, "weightDevice", number, device->weight, error))
			return false;
		leaf = leaf || (device->leaf_weight != 0 && device->leaf_weight != BERTH_UNSET);
	}
	if (leaf && !set_leaf_weights(context, block_io, error))
		return false;
	for (unsigned i = 0; i < G_N_ELEMENTS(throttles); i++) {
		const char *member = (const char *) block_io + throttles[i].member;
		if (!set_throttle(context, &throttles[i], *(GPtrArray *const *) member, error))
			return false;
	}
	return true;
}

// "2MB", "1GB": it becomes part of a file's name.
static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;

	return digits > 0 && *text != '0' &&
	       (g_str_equal(unit, "KB") || g_str_equal(unit, "MB") || g_str_equal(unit, "GB"));
}

static bool set_huge_pages(const struct context *context, const struct oci_resources *resources, GError **error)
{
	const GPtrArray *limits = resources->hugepage_limits;

	for (unsigned i = 0; limits && i < limits->len; i++) {
		const struct oci_hugepage_limit *limit = g_ptr_array_index(limits, i);
		const char *end = context->v2 ? "max" : "limit_in_bytes";
		if (!is_page_size(limit->page_size))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: hugepageLimits: page size '%s' is not like 2MB",
					       limit->page_size);
		g_autofree char *file = g_strdup_printf("hugetlb.%s.%s", limit->page_size, end);
		g_autofree char *reserved = g_strdup_printf("hugetlb.%s.rsvd.%s", limit->page_size, end);
		g_autofree char *value = limit->limit > INT64_MAX ? g_strdup(context->v2 ? "max" : "-1")
								  : g_strdup_printf("%" G_GUINT64_FORMAT, limit->limit);
		if (!berth_cgroup_write(context->cgroup, "hugetlb", file, value, error)) {
			g_prefix_error(error, "resources: hugepageLimits: ");
			return false;
		}
		// Reservations fail at mmap, in place of a signal at the first touch; kernels before 5.7 lack it.
		g_autoptr(GError) local = NULL;
		if (!berth_cgroup_write(context->cgroup, "hugetlb", reserved, value, &local) &&
		    !g_error_matches(local, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: hugepageLimits: ");
			return false;
		}
	}
	return true;
}

static bool set_network(const struct context *context, const struct oci_resources *resources, GError **error)
{
	const GPtrArray *priorities = resources->network->priorities;

	if (!set(context, resources, NETWORK_CLASS, error))
		return false;
	for (unsigned i = 0; priorities && i < priorities->len; i++) {
		const struct oci_interface_priority *priority = g_ptr_array_index(priorities, i);
		g_autofree char *text = g_strdup_printf("%s %" G_GUINT64_FORMAT, priority->name, priority->priority);
		if (context->v2)
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "resources: network.priorities: cgroup v2 has no such limit");
		if (!berth_cgroup_write(context->cgroup, "net_prio", "net_prio.ifpriomap", text, error)) {
			g_prefix_error(error, "resources: network.priorities: ");
			return false;
		}
	}
	return true;
}

static bool set_rdma(const struct context *context, const struct oci_resources *resources, GError **error)
{
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, resources->rdma);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		const struct oci_rdma *rdma = value;
		g_autoptr(GString) text = g_string_new(name);
		if (rdma->hca_handles != BERTH_UNSET)
			g_string_append_printf(text, " hca_handle=%" G_GINT64_FORMAT, rdma->hca_handles);
		if (rdma->hca_objects != BERTH_UNSET)
			g_string_append_printf(text, " hca_object=%" G_GINT64_FORMAT, rdma->hca_objects);
		if (!berth_cgroup_write(context->cgroup, "rdma", "rdma.max", text->str, error)) {
			g_prefix_error(error, "resources: rdma: ");
			return false;
		}
	}
	return true;
}

// Files of v2 as they are, a line at a time as the kernel takes them. The last word: written after all others.
static bool set_unified(const struct context *context, const struct oci_resources *resources, GError **error)
{
	GHashTableIter iter;
	void *key, *value;

	if (!context->v2 && g_hash_table_size(resources->unified) > 0)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "resources: unified: needs cgroup v2");
	g_hash_table_iter_init(&iter, resources->unified);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const char *file = key;
		const char *dot = strchr(file, '.');
		if (strchr(file, '/') || strstr(file, "..") || !dot || dot == file)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "resources: unified: '%s' is not the name of a cgroup file", file);
		g_autofree char *controller = g_strndup(file, (size_t) (dot - file));
		g_auto(GStrv) lines = g_strsplit(value, "\n", -1);
		for (char **line = lines; *line; line++) {
			if (!**line || berth_cgroup_write(context->cgroup, controller, file, *line, error))
				continue;
			g_prefix_error(error, "resources: unified: ");
			return false;
		}
	}
	return true;
}

static bool convert_rule(const struct oci_device_rule *rule, unsigned index, struct berth_device_rule *ret,
			 GError **error)
{
	const char *access = rule->access && *rule->access ? rule->access : "rwm";
	const char *type = rule->type && *rule->type ? rule->type : "a";

	if (type[1] || !strchr("abc", type[0]))
		return berth_error_set(error, BERTH_ERROR_INVALID, "resources: devices[%u]: type '%s' is not a, b or c",
				       index, type);
	if (access[strspn(access, "rwm")])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "resources: devices[%u]: access '%s' is not of r, w and m", index, access);
	*ret = (struct berth_device_rule){
		.allow = rule->allow,
		.type = type[0],
		.major = rule->major < 0 ? -1 : rule->major,
		.minor = rule->minor < 0 ? -1 : rule->minor,
		.read = strchr(access, 'r'),
		.write = strchr(access, 'w'),
		.mknod = strchr(access, 'm'),
	};
	return true;
}

// Whether the rules end in allowing everything: then they take nothing from what the parent group allows.
static bool allows_all(const struct berth_device_rule *rules, unsigned count)
{
	const struct berth_device_rule *last = count > 0 ? &rules[count - 1] : NULL;
	return last && last->allow && last->type == 'a' && last->major < 0 && last->minor < 0 && last->read &&
	       last->write && last->mknod;
}

// What every container may use, whatever its rules say: the specification's default devices, terminals, and the making
// of nodes (which gives no access to what they stand for).
static const struct berth_device_rule default_rules[] = {
	{true, 'c', -1, -1, .mknod = true},     {true, 'b', -1, -1, .mknod = true},
	{true, 'c', 1, 3, true, true, true},    {true, 'c', 1, 5, true, true, true},
	{true, 'c', 1, 7, true, true, true},    {true, 'c', 1, 8, true, true, true},
	{true, 'c', 1, 9, true, true, true},    {true, 'c', 5, 0, true, true, true},
	{true, 'c', 5, 1, true, true, true},    {true, 'c', 5, 2, true, true, true},
	{true, 'c', 136, -1, true, true, true},
};

GArray *berth_resources_device_rules(const struct oci_resources *resources, bool *ret_all, GError **error)
{
	g_autoptr(GArray) rules = g_array_new(FALSE, FALSE, sizeof(struct berth_device_rule));
	const GPtrArray *devices = resources->devices;

	for (unsigned i = 0; devices && i < devices->len; i++) {
		struct berth_device_rule rule;
		if (!convert_rule(g_ptr_array_index(devices, i), i, &rule, error))
			return NULL;
		g_array_append_val(rules, rule);
	}
	*ret_all = allows_all((const struct berth_device_rule *) rules->data, rules->len);
	if (!*ret_all)
		g_array_append_vals(rules, default_rules, G_N_ELEMENTS(default_rules));
	return g_steal_pointer(&rules);
}

static bool set_devices(const struct context *context, const struct oci_resources *resources, GError **error)
{
	bool asked = resources->devices && resources->devices->len > 0;
	g_autoptr(GError) local = NULL;
	bool all;
	g_autoptr(GArray) rules = berth_resources_device_rules(resources, &all, error);

	if (!rules)
		return false;
	// A new group begins with what its parent allows. So where no rule is given, the default ones are all.
	if (!asked && context->update)
		return true;
	if (berth_cgroup_set_devices(context->cgroup, (const struct berth_device_rule *) rules->data, rules->len,
				     &local))
		return true;
	bool refused = g_error_matches(local, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) ||
		       g_error_matches(local, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	if (refused && all) {
		warn(context, "resources: devices: %s; all devices that the parent group allows are allowed",
		     local->message);
		return true;
	}
	// Nodes of devices cannot be made in its user namespace, and those that are mounted are opened by its rights.
	if (refused && (!asked || berth_groups_ordinary_user())) {
		if (asked || !berth_groups_ordinary_user())
			warn(context, "resources: devices: %s; the container may open what its user may",
			     local->message);
		return true;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "resources: devices: ");
	return false;
}

// The sections in the order in which they are written.
static const struct section {
	size_t member;
	bool (*set)(const struct context *context, const struct oci_resources *resources, GError **error);
} sections[] = {
	{offsetof(struct oci_resources, devices), set_devices},
	{offsetof(struct oci_resources, memory), set_memory},
	{offsetof(struct oci_resources, cpu), set_cpu},
	{offsetof(struct oci_resources, pids), set_pids},
	{offsetof(struct oci_resources, block_io), set_block_io},
	{offsetof(struct oci_resources, hugepage_limits), set_huge_pages},
	{offsetof(struct oci_resources, network), set_network},
	{offsetof(struct oci_resources, rdma), set_rdma},
	{offsetof(struct oci_resources, unified), set_unified},
};

bool berth_resources_apply(const struct oci_resources *resources, const struct berth_cgroup *cgroup, bool update,
			   void (*warn_with)(void *data, const char *message), void *data, GError **error)
{
	static const struct oci_resources none = {0};
	struct context context = {cgroup, berth_cgroup_fd(cgroup) >= 0, warn_with, data, update};

	if (!resources) {
		if (update)
			return true;
		resources = &none;
	}
	if (berth_cgroup_kind(cgroup) == BERTH_CGROUP_NONE) {
		if (resources == &none)
			return true;
		warn(&context, "resources: no cgroup file system is mounted: the container has no limits");
		return true;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++) {
		const struct section *section = &sections[i];
		// What is absent is not written, and stays; but for the devices of a new container.
		bool always = section->set == set_devices && !update;
		if ((always || *(void *const *) ((const char *) resources + section->member)) &&
		    !section->set(&context, resources, error))
			return false;
	}
	return true;
}

static bool is_limit(int64_t value)
{
	return value != BERTH_UNSET && value > 0;
}

// cgroup.* are files of every group.
static void add_unified(GHashTable *unified, GHashTable *names)
{
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, unified);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		char *name = g_strndup(key, strcspn(key, "."));
		if (*name && !g_str_equal(name, "cgroup"))
			g_hash_table_add(names, name);
		else
			g_free(name);
	}
}

char **berth_resources_controllers(const struct oci_resources *resources)
{
	static const enum limit memory[] = {MEMORY_LIMIT, MEMORY_RESERVATION, MEMORY_SWAP};
	static const enum limit cpu[] = {CPU_SHARES, CPU_PERIOD,          CPU_QUOTA,           CPU_BURST,
					 CPU_IDLE,   CPU_REALTIME_PERIOD, CPU_REALTIME_RUNTIME};
	static const struct {
		const char *name;
		const enum limit *limits;
		size_t count;
	} table[] = {{"memory", memory, G_N_ELEMENTS(memory)}, {"cpu", cpu, G_N_ELEMENTS(cpu)}};
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (size_t i = 0; resources && i < G_N_ELEMENTS(table); i++)
		for (size_t j = 0; j < table[i].count; j++)
			if (is_limit(get(resources, table[i].limits[j])))
				g_hash_table_add(names, g_strdup(table[i].name));
	if (resources && (is_limit(get(resources, PIDS_LIMIT)) || get(resources, PIDS_LIMIT) == 0))
		g_hash_table_add(names, g_strdup("pids"));
	if (resources && resources->cpu &&
	    ((resources->cpu->cpus && *resources->cpu->cpus) || (resources->cpu->mems && *resources->cpu->mems)))
		g_hash_table_add(names, g_strdup("cpuset"));
	if (resources && resources->block_io)
		g_hash_table_add(names, g_strdup("io"));
	if (resources && resources->hugepage_limits && resources->hugepage_limits->len)
		g_hash_table_add(names, g_strdup("hugetlb"));
	if (resources && resources->rdma && g_hash_table_size(resources->rdma))
		g_hash_table_add(names, g_strdup("rdma"));
	if (resources && resources->unified)
		add_unified(resources->unified, names);

	g_autofree char **keys = (char **) g_hash_table_get_keys_as_array(names, NULL);
	return g_strdupv(keys);
}
