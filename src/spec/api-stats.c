// SPDX-License-Identifier: Apache-2.0
#include "spec/api-stats.h"

#define DOCUMENT(name_, label)                                                                                         \
	const struct berth_document name_##_document = {label, sizeof(struct name_), name_##_fields}

#define USAGE struct api_stats_cpu_usage
static const struct berth_field api_stats_cpu_usage_fields[] = {
	BERTH_UINT64(USAGE, total, "total_usage", 0),
	BERTH_JSON(USAGE, per_cpu, "percpu_usage", BERTH_OMIT_EMPTY),
	BERTH_UINT64(USAGE, kernel, "usage_in_kernelmode", 0),
	BERTH_UINT64(USAGE, user, "usage_in_usermode", 0),
	{0},
};
DOCUMENT(api_stats_cpu_usage, "cpu usage");

static const struct berth_field api_stats_throttling_fields[] = {
	BERTH_UINT64(struct api_stats_throttling, periods, "periods", 0),
	BERTH_UINT64(struct api_stats_throttling, throttled_periods, "throttled_periods", 0),
	BERTH_UINT64(struct api_stats_throttling, throttled_time, "throttled_time", 0),
	{0},
};
DOCUMENT(api_stats_throttling, "throttling data");

static const struct berth_field api_stats_cpu_fields[] = {
	BERTH_OBJECT(struct api_stats_cpu, usage, "cpu_usage", &api_stats_cpu_usage_document, 0),
	BERTH_UINT64(struct api_stats_cpu, system, "system_cpu_usage", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct api_stats_cpu, online, "online_cpus", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct api_stats_cpu, throttling, "throttling_data", &api_stats_throttling_document, 0),
	{0},
};
DOCUMENT(api_stats_cpu, "cpu stats");

static const struct berth_field api_stats_memory_fields[] = {
	BERTH_UINT64(struct api_stats_memory, usage, "usage", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct api_stats_memory, max_usage, "max_usage", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct api_stats_memory, stats, "stats", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct api_stats_memory, fail_count, "failcnt", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct api_stats_memory, limit, "limit", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(api_stats_memory, "memory stats");

static const struct berth_field api_stats_pids_fields[] = {
	BERTH_UINT64(struct api_stats_pids, current, "current", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct api_stats_pids, limit, "limit", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(api_stats_pids, "pids stats");

static const struct berth_field api_stats_block_entry_fields[] = {
	BERTH_UINT64(struct api_stats_block_entry, major, "major", 0),
	BERTH_UINT64(struct api_stats_block_entry, minor, "minor", 0),
	BERTH_STRING(struct api_stats_block_entry, op, "op", 0),
	BERTH_UINT64(struct api_stats_block_entry, value, "value", 0),
	{0},
};
DOCUMENT(api_stats_block_entry, "block device entry");

#define ENTRIES(member, json)                                                                                          \
	BERTH_OBJECTS(struct api_stats_block, member, json, &api_stats_block_entry_document, BERTH_NULL_EMPTY)
static const struct berth_field api_stats_block_fields[] = {
	ENTRIES(service_bytes, "io_service_bytes_recursive"),
	ENTRIES(serviced, "io_serviced_recursive"),
	ENTRIES(queued, "io_queue_recursive"),
	ENTRIES(service_time, "io_service_time_recursive"),
	ENTRIES(wait_time, "io_wait_time_recursive"),
	ENTRIES(merged, "io_merged_recursive"),
	ENTRIES(time, "io_time_recursive"),
	ENTRIES(sectors, "sectors_recursive"),
	{0},
};
DOCUMENT(api_stats_block, "blkio stats");

#define NETWORK struct api_stats_network
static const struct berth_field api_stats_network_fields[] = {
	BERTH_UINT64(NETWORK, rx_bytes, "rx_bytes", 0),
	BERTH_UINT64(NETWORK, rx_packets, "rx_packets", 0),
	BERTH_UINT64(NETWORK, rx_errors, "rx_errors", 0),
	BERTH_UINT64(NETWORK, rx_dropped, "rx_dropped", 0),
	BERTH_UINT64(NETWORK, tx_bytes, "tx_bytes", 0),
	BERTH_UINT64(NETWORK, tx_packets, "tx_packets", 0),
	BERTH_UINT64(NETWORK, tx_errors, "tx_errors", 0),
	BERTH_UINT64(NETWORK, tx_dropped, "tx_dropped", 0),
	{0},
};
DOCUMENT(api_stats_network, "network stats");

static const struct berth_field api_stats_storage_fields[] = {{0}};
DOCUMENT(api_stats_storage, "storage stats");

static const struct berth_field api_stats_fields[] = {
	BERTH_STRING(struct api_stats, name, "name", 0),
	BERTH_STRING(struct api_stats, id, "id", 0),
	BERTH_STRING(struct api_stats, read, "read", 0),
	BERTH_STRING(struct api_stats, preread, "preread", 0),
	BERTH_OBJECT(struct api_stats, pids, "pids_stats", &api_stats_pids_document, 0),
	BERTH_OBJECT(struct api_stats, block, "blkio_stats", &api_stats_block_document, 0),
	BERTH_INT64(struct api_stats, processes, "num_procs", 0),
	BERTH_OBJECT(struct api_stats, storage, "storage_stats", &api_stats_storage_document, 0),
	BERTH_OBJECT(struct api_stats, cpu, "cpu_stats", &api_stats_cpu_document, 0),
	BERTH_OBJECT(struct api_stats, previous_cpu, "precpu_stats", &api_stats_cpu_document, 0),
	BERTH_OBJECT(struct api_stats, memory, "memory_stats", &api_stats_memory_document, 0),
	BERTH_MAP_OBJECT(struct api_stats, networks, "networks", &api_stats_network_document, BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(api_stats, "stats");
