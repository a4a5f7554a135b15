// SPDX-License-Identifier: Apache-2.0
// The limits that differ between two host configurations, for a container that runs: what does not differ is left as
// it is, and what was limited and is no longer gets the kernel's default.
#include "engine/spec/spec-internal.h"

#include "base/error.h"
#include "sys/cgroup.h"

#include <string.h>

#define PERIOD 100000 // microseconds: the kernel's default
#define SHARES 1024
#define REALTIME_PERIOD 1000000
#define WEIGHT_V1 100
#define WEIGHT_V2 20 // becomes the default of v2
#define SWAPPINESS 60

static bool same_text(const char *text, const char *other)
{
	return g_str_equal(text ? text : "", other ? other : "");
}

static void set_memory(const struct api_host_config *before, const struct api_host_config *now,
		       struct oci_resources *resources)
{
	bool v2 = berth_cgroup_layout() == BERTH_CGROUP_V2;
	struct oci_memory *memory = berth_document_new(&oci_memory_document);

	resources->memory = memory;
	// Each of the two depends on the other: they are written together.
	if (before->memory != now->memory || before->memory_swap != now->memory_swap) {
		memory->limit = now->memory > 0 ? now->memory : -1;
		memory->swap = now->memory_swap != 0 ? now->memory_swap : -1;
	}
	if (before->memory_reservation != now->memory_reservation)
		memory->reservation = now->memory_reservation > 0 ? now->memory_reservation : v2 ? 0 : -1;
	if (before->memory_swappiness != now->memory_swappiness)
		memory->swappiness = now->memory_swappiness != BERTH_UNSET ? now->memory_swappiness : SWAPPINESS;
	// The kernel wants no smaller limit than what is in use: that is to be an error, not the end of the container.
	memory->check_before_update = true;
}

static void bandwidth(const struct api_host_config *host, int64_t *ret_period, int64_t *ret_quota)
{
	*ret_period = host->nano_cpus > 0 || host->cpu_period <= 0 ? PERIOD : host->cpu_period;
	*ret_quota = host->nano_cpus > 0    ? host->nano_cpus / (1000000000 / PERIOD)
		     : host->cpu_quota != 0 ? host->cpu_quota
					    : -1;
}

static void set_cpu(const struct api_host_config *before, const struct api_host_config *now,
		    const struct berth_abilities *abilities, struct oci_resources *resources)
{
	struct oci_cpu *cpu = berth_document_new(&oci_cpu_document);
	int64_t old_period, old_quota, period, quota;

	resources->cpu = cpu;
	if (before->cpu_shares != now->cpu_shares)
		cpu->shares = (uint64_t) (now->cpu_shares > 0 ? now->cpu_shares : SHARES);
	bandwidth(before, &old_period, &old_quota);
	bandwidth(now, &period, &quota);
	if (old_period != period || old_quota != quota) {
		cpu->period = (uint64_t) period;
		cpu->quota = quota;
	}
	if (before->cpu_realtime_period != now->cpu_realtime_period)
		cpu->realtime_period =
			(uint64_t) (now->cpu_realtime_period ? now->cpu_realtime_period : REALTIME_PERIOD);
	if (before->cpu_realtime_runtime != now->cpu_realtime_runtime)
		cpu->realtime_runtime = now->cpu_realtime_runtime;
	if (!same_text(before->cpuset_cpus, now->cpuset_cpus))
		cpu->cpus = g_strdup(now->cpuset_cpus && *now->cpuset_cpus ? now->cpuset_cpus : abilities->cpuset_cpus);
	if (!same_text(before->cpuset_mems, now->cpuset_mems))
		cpu->mems = g_strdup(now->cpuset_mems && *now->cpuset_mems ? now->cpuset_mems : abilities->cpuset_mems);
}

static bool has_throttle(const GPtrArray *list, int64_t major, int64_t minor)
{
	for (guint i = 0; list && i < list->len; i++) {
		const struct oci_throttle_device *device = list->pdata[i];
		if (device->major == major && device->minor == minor)
			return true;
	}
	return false;
}

// Devices that are limited no longer are told so; a device that is gone needs no telling.
static bool set_throttles(const GPtrArray *before, const GPtrArray *now, GPtrArray **ret, GError **error)
{
	if (!berth_spec_throttles(now, ret, error))
		return false;
	for (guint i = 0; before && i < before->len; i++) {
		const struct api_throttle_device *old = before->pdata[i];
		int64_t major, minor;
		if (!berth_spec_block_device(old->path, &major, &minor, NULL) || has_throttle(*ret, major, minor))
			continue;
		struct oci_throttle_device *device = berth_document_new(&oci_throttle_device_document);
		device->major = major;
		device->minor = minor;
		device->rate = 0;
		if (!*ret)
			*ret = berth_objects_new();
		g_ptr_array_add(*ret, device);
	}
	return true;
}

static bool set_block(const struct api_host_config *before, const struct api_host_config *now,
		      struct oci_resources *resources, GError **error)
{
	struct oci_block_io *block = berth_document_new(&oci_block_io_document);

	resources->block_io = block;
	if (before->blkio_weight != now->blkio_weight)
		block->weight = now->blkio_weight > 0                      ? now->blkio_weight
				: berth_cgroup_layout() == BERTH_CGROUP_V2 ? WEIGHT_V2
									   : WEIGHT_V1;
	return berth_spec_weights(now->blkio_weight_device, &block->weight_device, error) &&
	       set_throttles(before->blkio_device_read_bps, now->blkio_device_read_bps,
			     &block->throttle_read_bps_device, error) &&
	       set_throttles(before->blkio_device_write_bps, now->blkio_device_write_bps,
			     &block->throttle_write_bps_device, error) &&
	       set_throttles(before->blkio_device_read_iops, now->blkio_device_read_iops,
			     &block->throttle_read_iops_device, error) &&
	       set_throttles(before->blkio_device_write_iops, now->blkio_device_write_iops,
			     &block->throttle_write_iops_device, error);
}

struct oci_resources *berth_spec_update(const struct api_host_config *before, const struct api_host_config *now,
					const struct berth_abilities *abilities, GError **error)
{
	g_autoptr(oci_resources) resources = berth_document_new(&oci_resources_document);

	set_memory(before, now, resources);
	set_cpu(before, now, abilities, resources);
	if (before->pids_limit != now->pids_limit) {
		resources->pids = berth_document_new(&oci_pids_document);
		resources->pids->limit = now->pids_limit != BERTH_UNSET ? now->pids_limit : -1;
	}
	return set_block(before, now, resources, error) ? g_steal_pointer(&resources) : NULL;
}
