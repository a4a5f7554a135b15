// SPDX-License-Identifier: Apache-2.0
// update: limits of a running container, from JSON or from flags. What is not given stays as it is.
#include "programs/runtime-program.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>

enum value {
	BLKIO_WEIGHT,
	CPU_BURST,
	CPU_IDLE,
	CPU_PERIOD,
	CPU_QUOTA,
	CPU_RT_PERIOD,
	CPU_RT_RUNTIME,
	CPU_SHARE,
	CPUSET_CPUS,
	CPUSET_MEMS,
	KERNEL_MEMORY,
	KERNEL_MEMORY_TCP,
	MEMORY,
	MEMORY_RESERVATION,
	MEMORY_SWAP,
	PIDS_LIMIT,
	VALUES,
};

struct options {
	char *resources, *l3_cache_schema, *mem_bw_schema;
	char *values[VALUES];
};

#define VALUE(name, index, argument, help)                                                                             \
	{                                                                                                              \
		name, 0, BERTH_FLAG_TEXT, offsetof(struct options, values) + (index) * sizeof(char *), argument, help  \
	}

static const struct berth_flag flags[] = {
	{"resources", 'r', BERTH_FLAG_TEXT, offsetof(struct options, resources), "path|-",
	 "JSON of linux.resources; - is standard input; other flags are ignored then"},
	VALUE("blkio-weight", BLKIO_WEIGHT, "weight", "Weight for block devices, 10 to 1000"),
	VALUE("cpu-burst", CPU_BURST, "microseconds", "Time beyond the quota that unused periods save up"),
	VALUE("cpu-idle", CPU_IDLE, "0|1", "Run only when no other group wants the processor"),
	VALUE("cpu-period", CPU_PERIOD, "microseconds", "Period of the quota"),
	VALUE("cpu-quota", CPU_QUOTA, "microseconds", "Processor time in a period; -1: unlimited"),
	VALUE("cpu-rt-period", CPU_RT_PERIOD, "microseconds", "Period of real-time processes"),
	VALUE("cpu-rt-runtime", CPU_RT_RUNTIME, "microseconds", "Time of real-time processes in a period"),
	VALUE("cpu-share", CPU_SHARE, "shares", "Weight among other groups"),
	VALUE("cpuset-cpus", CPUSET_CPUS, "list", "Processors (0-3,5)"),
	VALUE("cpuset-mems", CPUSET_MEMS, "list", "Memory nodes"),
	VALUE("kernel-memory", KERNEL_MEMORY, "bytes", "Accepted for old callers; Linux has no such limit any more"),
	VALUE("kernel-memory-tcp", KERNEL_MEMORY_TCP, "bytes", "Accepted for old callers, as --kernel-memory"),
	VALUE("memory", MEMORY, "bytes", "Memory; -1: unlimited"),
	VALUE("memory-reservation", MEMORY_RESERVATION, "bytes", "Memory that is kept when it gets scarce"),
	VALUE("memory-swap", MEMORY_SWAP, "bytes", "Memory and swap together; -1: unlimited"),
	VALUE("pids-limit", PIDS_LIMIT, "n", "Processes; -1: unlimited"),
	{"l3-cache-schema", 0, BERTH_FLAG_TEXT, offsetof(struct options, l3_cache_schema), "schema",
	 "Intel RDT: share of the L3 cache"},
	{"mem-bw-schema", 0, BERTH_FLAG_TEXT, offsetof(struct options, mem_bw_schema), "schema",
	 "Intel RDT: share of the memory bandwidth"},
	{0},
};

// Where each value belongs in the document, and how it is written.
static const struct place {
	const char *flag, *section, *name;
	enum { NUMBER, BYTES, TEXT } kind;
} places[VALUES] = {
	[BLKIO_WEIGHT] = {"blkio-weight", "blockIO", "weight", NUMBER},
	[CPU_BURST] = {"cpu-burst", "cpu", "burst", NUMBER},
	[CPU_IDLE] = {"cpu-idle", "cpu", "idle", NUMBER},
	[CPU_PERIOD] = {"cpu-period", "cpu", "period", NUMBER},
	[CPU_QUOTA] = {"cpu-quota", "cpu", "quota", NUMBER},
	[CPU_RT_PERIOD] = {"cpu-rt-period", "cpu", "realtimePeriod", NUMBER},
	[CPU_RT_RUNTIME] = {"cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER},
	[CPU_SHARE] = {"cpu-share", "cpu", "shares", NUMBER},
	[CPUSET_CPUS] = {"cpuset-cpus", "cpu", "cpus", TEXT},
	[CPUSET_MEMS] = {"cpuset-mems", "cpu", "mems", TEXT},
	[KERNEL_MEMORY] = {"kernel-memory", "memory", "kernel", BYTES},
	[KERNEL_MEMORY_TCP] = {"kernel-memory-tcp", "memory", "kernelTCP", BYTES},
	[MEMORY] = {"memory", "memory", "limit", BYTES},
	[MEMORY_RESERVATION] = {"memory-reservation", "memory", "reservation", BYTES},
	[MEMORY_SWAP] = {"memory-swap", "memory", "swap", BYTES},
	[PIDS_LIMIT] = {"pids-limit", "pids", "limit", NUMBER},
};

static json_t *convert(const struct place *place, const char *text, GError **error)
{
	int64_t number;

	if (place->kind == TEXT)
		return json_string(text);
	if (place->kind == BYTES && !g_str_equal(text, "-1")
		    ? berth_bytes_parse(text, &number, NULL)
		    : g_ascii_string_to_signed(text, 10, G_MININT64 + 1, G_MAXINT64, &number, NULL))
		return json_integer(number);
	berth_error_set(error, BERTH_ERROR_INVALID, "invalid argument \"%s\" for \"--%s\" flag: is not a number%s",
			text, place->flag, place->kind == BYTES ? " of bytes" : "");
	return NULL;
}

// NULL without an error: no flag was given.
static json_t *from_flags(const struct options *options, GError **error)
{
	json_t *all = NULL;

	for (size_t i = 0; i < VALUES; i++) {
		if (!options->values[i])
			continue;
		json_t *value = convert(&places[i], options->values[i], error);
		if (!value) {
			json_decref(all);
			return NULL;
		}
		if (!all)
			all = json_object();
		if (!json_object_get(all, places[i].section))
			json_object_set_new(all, places[i].section, json_object());
		json_object_set_new(json_object_get(all, places[i].section), places[i].name, value);
	}
	return all;
}

static struct oci_resources *from_file(const char *path, GError **error)
{
	size_t length;
	g_autofree char *text = g_str_equal(path, "-")
					? berth_read_fd(0, BERTH_LIMIT_JSON, &length, "standard input", error)
					: berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_JSON, &length, error);

	return text ? berth_document_parse_text(&oci_resources_document, text, length, "resources", error) : NULL;
}

// *ret stays NULL without an error where flags of another kind are given alone.
static bool read_resources(const struct options *options, bool others, struct oci_resources **ret, GError **error)
{
	g_autoptr(GError) problem = NULL;

	if (options->resources) {
		*ret = from_file(options->resources, error);
		return *ret != NULL;
	}
	BERTH_AUTO_JSON json_t *json = from_flags(options, &problem);
	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (!json && others)
		return true;
	*ret = json ? berth_document_parse(&oci_resources_document, json, error) : from_file("-", error);
	return *ret != NULL;
}

static int update(struct runtime_program *program, const void *data, char *const *arguments, GError **error)
{
	const struct options *options = data;
	struct oci_intel_rdt rdt = {.l3_cache_schema = options->l3_cache_schema,
				    .mem_bw_schema = options->mem_bw_schema};
	bool has_rdt = !options->resources && (rdt.l3_cache_schema || rdt.mem_bw_schema);
	g_autoptr(oci_resources) resources = NULL;

	if (!read_resources(options, has_rdt, &resources, error))
		return -1;
	g_autoptr(berth_container) container = runtime_load(program, arguments[0], error);
	if (!container || (resources && !berth_container_update(container, resources, error)))
		return -1;
	return !has_rdt || berth_container_update_rdt(container, &rdt, error) ? 0 : -1;
}

const struct runtime_command runtime_command_update = {
	"update", "ID", "Change a container's limits", flags, sizeof(struct options), 1, 1, update};
