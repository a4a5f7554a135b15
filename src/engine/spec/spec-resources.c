// SPDX-License-Identifier: Apache-2.0
// linux.resources but for devices, and process.rlimits.
#include "engine/spec/spec-internal.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PERIOD 100000 // microseconds; for --cpus

static bool is_text(const char *text)
{
	return text && *text;
}

static void set_memory(const struct api_host_config *host, struct oci_resources *resources)
{
	struct oci_memory *memory = berth_document_new(&oci_memory_document);

	resources->memory = memory;
	if (host->memory > 0)
		memory->limit = host->memory;
	if (host->memory_reservation > 0)
		memory->reservation = host->memory_reservation;
	if (host->memory_swap != 0)
		memory->swap = host->memory_swap;
	memory->swappiness = host->memory_swappiness;
	memory->disable_oom_killer = host->oom_kill_disable == 1;
}

static void set_cpu(const struct api_host_config *host, struct oci_resources *resources)
{
	struct oci_cpu *cpu = berth_document_new(&oci_cpu_document);

	resources->cpu = cpu;
	cpu->shares = (uint64_t) host->cpu_shares;
	if (host->nano_cpus > 0) {
		cpu->period = PERIOD;
		cpu->quota = host->nano_cpus / (1000000000 / PERIOD);
	} else {
		cpu->period = (uint64_t) host->cpu_period;
		if (host->cpu_quota != 0)
			cpu->quota = host->cpu_quota;
	}
	cpu->realtime_period = (uint64_t) host->cpu_realtime_period;
	if (host->cpu_realtime_runtime)
		cpu->realtime_runtime = host->cpu_realtime_runtime;
	if (is_text(host->cpuset_cpus))
		cpu->cpus = g_strdup(host->cpuset_cpus);
	if (is_text(host->cpuset_mems))
		cpu->mems = g_strdup(host->cpuset_mems);
}

bool berth_spec_block_device(const char *path, int64_t *ret_major, int64_t *ret_minor, GError **error)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return berth_error_set_errno(error, errno, "device %s", path);
	if (!S_ISBLK(status.st_mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "device %s: is no block device", path);
	*ret_major = major(status.st_rdev);
	*ret_minor = minor(status.st_rdev);
	return true;
}

bool berth_spec_throttles(const GPtrArray *list, GPtrArray **ret, GError **error)
{
	*ret = list && list->len ? berth_objects_new() : NULL;
	for (guint i = 0; list && i < list->len; i++) {
		const struct api_throttle_device *wanted = list->pdata[i];
		struct oci_throttle_device *device = berth_document_new(&oci_throttle_device_document);
		g_ptr_array_add(*ret, device);
		device->rate = (uint64_t) wanted->rate;
		if (!berth_spec_block_device(wanted->path, &device->major, &device->minor, error))
			return false;
	}
	return true;
}

bool berth_spec_weights(const GPtrArray *list, GPtrArray **ret, GError **error)
{
	*ret = list && list->len ? berth_objects_new() : NULL;
	for (guint i = 0; list && i < list->len; i++) {
		const struct api_weight_device *wanted = list->pdata[i];
		struct oci_weight_device *device = berth_document_new(&oci_weight_device_document);
		g_ptr_array_add(*ret, device);
		device->weight = wanted->weight;
		if (!berth_spec_block_device(wanted->path, &device->major, &device->minor, error))
			return false;
	}
	return true;
}

static bool set_block(const struct api_host_config *host, struct oci_resources *resources, GError **error)
{
	struct oci_block_io *block = berth_document_new(&oci_block_io_document);

	resources->block_io = block;
	if (host->blkio_weight > 0)
		block->weight = host->blkio_weight;
	return berth_spec_weights(host->blkio_weight_device, &block->weight_device, error) &&
	       berth_spec_throttles(host->blkio_device_read_bps, &block->throttle_read_bps_device, error) &&
	       berth_spec_throttles(host->blkio_device_write_bps, &block->throttle_write_bps_device, error) &&
	       berth_spec_throttles(host->blkio_device_read_iops, &block->throttle_read_iops_device, error) &&
	       berth_spec_throttles(host->blkio_device_write_iops, &block->throttle_write_iops_device, error);
}

// -1 is unlimited, which OCI writes as the largest number.
static void add_rlimits(const struct api_host_config *host, struct oci_process *process)
{
	process->rlimits = berth_objects_new();
	for (guint i = 0; host->ulimits && i < host->ulimits->len; i++) {
		const struct api_ulimit *wanted = host->ulimits->pdata[i];
		struct oci_rlimit *limit = berth_document_new(&oci_rlimit_document);
		g_autofree char *name = g_ascii_strup(wanted->name, -1);
		limit->type = g_strconcat("RLIMIT_", name, NULL);
		limit->soft = (uint64_t) wanted->soft;
		limit->hard = (uint64_t) wanted->hard;
		g_ptr_array_add(process->rlimits, limit);
	}
}

bool berth_spec_resources(struct berth_spec *spec, GError **error)
{
	const struct api_host_config *host = spec->host;
	struct oci_resources *resources = spec->config->os_linux->resources;

	set_memory(host, resources);
	set_cpu(host, resources);
	if (host->pids_limit != BERTH_UNSET) {
		resources->pids = berth_document_new(&oci_pids_document);
		resources->pids->limit = host->pids_limit;
	}
	add_rlimits(host, spec->config->process);
	return set_block(host, resources, error);
}
