// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/container-options.h"

#include <stdio.h>
#include <string.h>

struct options {
	char **add, **remove, **read_bps, **read_iops, **write_bps, **write_iops, **weight_devices;
	char *cpuset_cpus, *cpuset_mems, *restart;
	int64_t blkio_weight, cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime, cpu_shares, kernel_memory, memory,
		memory_reservation, memory_swap, pids_limit;
	bool pids_limit_given;
	double cpus;
};

#define AT(member) offsetof(struct options, member)
#define INTEGER BERTH_FLAG_INTEGER
#define BYTES BERTH_FLAG_BYTES
#define LIST BERTH_FLAG_LIST
#define TEXT BERTH_FLAG_TEXT
#define NEGATIVE .flags = BERTH_FLAG_NEGATIVE_OK
// clang-format off: one flag, one line or two
static const struct berth_flag flags[] = {
	{"blkio-weight", 0, INTEGER, AT(blkio_weight), "uint16",
	 "Block IO (relative weight), between 10 and 1000, or 0 to disable"},
	{"blkio-weight-device", 0, LIST, AT(weight_devices), NULL, "Block IO weight (relative device weight)"},
	{"cpu-period", 0, INTEGER, AT(cpu_period), NULL, "Limit CPU CFS (Completely Fair Scheduler) period"},
	{"cpu-quota", 0, INTEGER, AT(cpu_quota), NULL, "Limit CPU CFS (Completely Fair Scheduler) quota", NEGATIVE},
	{"cpu-rt-period", 0, INTEGER, AT(cpu_rt_period), NULL, "Limit the CPU real-time period in microseconds"},
	{"cpu-rt-runtime", 0, INTEGER, AT(cpu_rt_runtime), NULL, "Limit the CPU real-time runtime in microseconds"},
	{"cpu-shares", 'c', INTEGER, AT(cpu_shares), NULL, "CPU shares (relative weight)"},
	{"cpus", 0, BERTH_FLAG_DECIMAL, AT(cpus), NULL, "Number of CPUs"},
	{"cpuset-cpus", 0, TEXT, AT(cpuset_cpus), NULL, "CPUs in which to allow execution (0-3, 0,1)"},
	{"cpuset-mems", 0, TEXT, AT(cpuset_mems), NULL, "MEMs in which to allow execution (0-3, 0,1)"},
	{"device-read-bps", 0, LIST, AT(read_bps), NULL, "Limit read rate (bytes per second) from a device"},
	{"device-read-iops", 0, LIST, AT(read_iops), NULL, "Limit read rate (IO per second) from a device"},
	{"device-write-bps", 0, LIST, AT(write_bps), NULL, "Limit write rate (bytes per second) to a device"},
	{"device-write-iops", 0, LIST, AT(write_iops), NULL, "Limit write rate (IO per second) to a device"},
	{"kernel-memory", 0, BYTES, AT(kernel_memory), NULL, "Kernel memory limit (Linux no longer has it)",
	 .flags = BERTH_FLAG_HIDDEN},
	{"memory", 'm', BYTES, AT(memory), NULL, "Memory limit"},
	{"memory-reservation", 0, BYTES, AT(memory_reservation), NULL, "Memory soft limit"},
	{"memory-swap", 0, BYTES, AT(memory_swap), NULL,
	 "Swap limit equal to memory plus swap: -1 to enable unlimited swap", NEGATIVE},
	{"pids-limit", 0, INTEGER, AT(pids_limit), NULL, "Tune container pids limit (set -1 for unlimited)", NEGATIVE,
	 .given_offset = AT(pids_limit_given)},
	{"publish-add", 0, LIST, AT(add), NULL,
	 "Publish a further port, of a running container at once ([ADDRESS:][HOST-PORTS:]PORTS[/PROTOCOL])"},
	{"publish-rm", 0, LIST, AT(remove), NULL,
	 "Withdraw published ports (PORTS[/PROTOCOL]: all of the container's port; as with -p: that one)"},
	{"restart", 0, TEXT, AT(restart), NULL, "Restart policy to apply when a container exits"},
	{0},
};
// clang-format on
#undef AT

// {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
static bool set_ports(json_t *request, const char *name, char *const *values, GError **error)
{
	g_auto(GStrv) exposed = NULL;
	g_autoptr(api_host_config) host = berth_document_new(&api_host_config_document);

	if (!berth_parse_ports(values, NULL, &exposed, &host->port_bindings, error))
		return false;
	BERTH_AUTO_JSON json_t *printed = berth_document_print(&api_host_config_document, host, 0);
	json_object_set(request, name, json_object_get(printed, "PortBindings"));
	return true;
}

// The fields of HostConfig that are set; what is not there stays as it is.
static bool fill_limits(const struct options *options, struct api_host_config *host, GError **error)
{
	if (options->kernel_memory)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "--kernel-memory: the kernel has no such limit any more; use --memory");
	if (options->cpus < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--cpus must not be negative");
	host->blkio_weight = options->blkio_weight;
	host->cpu_period = options->cpu_period;
	host->cpu_quota = options->cpu_quota;
	host->cpu_realtime_period = options->cpu_rt_period;
	host->cpu_realtime_runtime = options->cpu_rt_runtime;
	host->cpu_shares = options->cpu_shares;
	host->nano_cpus =
		(int64_t) (options->cpus * 1e9 + (options->cpus < 0 ? -0.5 : 0.5)); // libm is not loaded for this
	host->memory = options->memory;
	host->memory_reservation = options->memory_reservation;
	host->memory_swap = options->memory_swap;
	host->cpuset_cpus = g_strdup(options->cpuset_cpus);
	host->cpuset_mems = g_strdup(options->cpuset_mems);
	if (options->pids_limit_given)
		host->pids_limit = options->pids_limit;
	return (!options->restart || berth_parse_restart(options->restart, &host->restart_policy, error)) &&
	       berth_parse_throttles(options->read_bps, true, &host->blkio_device_read_bps, error) &&
	       berth_parse_throttles(options->write_bps, true, &host->blkio_device_write_bps, error) &&
	       berth_parse_throttles(options->read_iops, false, &host->blkio_device_read_iops, error) &&
	       berth_parse_throttles(options->write_iops, false, &host->blkio_device_write_iops, error) &&
	       berth_parse_weights(options->weight_devices, &host->blkio_weight_device, error);
}

// An empty document prints as the same as one that was not set.
static bool set_limits(json_t *request, const struct options *options, GError **error)
{
	g_autoptr(api_host_config) host = berth_document_new(&api_host_config_document);

	if (!fill_limits(options, host, error))
		return false;
	g_autoptr(api_host_config) none = berth_document_new(&api_host_config_document);
	BERTH_AUTO_JSON json_t *printed = berth_document_print(&api_host_config_document, host, 0);
	BERTH_AUTO_JSON json_t *empty = berth_document_print(&api_host_config_document, none, 0);
	const char *name;
	json_t *value;
	json_object_foreach(printed, name, value) if (!json_equal(value, json_object_get(empty, name)))
		json_object_set(request, name, value);
	return true;
}

static bool update_one(struct berth_cli *cli, const void *data, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/update", container, false);
	const char *const *body = data;
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "POST", path->str, *body, error);
	const json_t *warning;
	size_t i;

	if (!answer)
		return false;
	json_array_foreach(json_object_get(answer, "Warnings"), i, warning)
		fprintf(stderr, "%s\n", json_string_value(warning));
	puts(container);
	return true;
}

static int update_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *request = json_object();

	if (!set_limits(request, options, error))
		return 1;
	if (json_object_size(request) == 0 && !options->add && !options->remove) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"you must provide one or more flags when using this command");
		return 1;
	}
	if ((options->add && !set_ports(request, "PublishAdd", options->add, error)) ||
	    (options->remove && !set_ports(request, "PublishRm", options->remove, error)))
		return 1;
	g_autofree char *body = berth_json_text(request);
	return berth_cli_for_each(cli, &body, arguments, update_one);
}

const struct berth_command berth_command_update = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Update configuration of one or more containers",
	.description =
		"Limits of a running container change at once, in the kernel; what is not given stays as it is. "
		"Published "
		"ports are added to and taken from it while it runs: what is connected through other ports stays so.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.main = update_main,
};
