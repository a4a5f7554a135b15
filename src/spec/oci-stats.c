// SPDX-License-Identifier: Apache-2.0
#include "spec/oci-stats.h"

#define DOCUMENT(name_, label)                                                                                         \
	const struct berth_document name_##_document = {label, sizeof(struct name_), name_##_fields}

static const struct berth_field oci_stats_cpu_usage_fields[] = {
	BERTH_UINT64(struct oci_stats_cpu_usage, total, "total", 0),
	BERTH_JSON(struct oci_stats_cpu_usage, per_cpu, "percpu", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_cpu_usage, kernel, "kernel", 0),
	BERTH_UINT64(struct oci_stats_cpu_usage, user, "user", 0),
	{0},
};
DOCUMENT(oci_stats_cpu_usage, "cpu usage");

static const struct berth_field oci_stats_throttling_fields[] = {
	BERTH_UINT64(struct oci_stats_throttling, periods, "periods", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_throttling, throttled_periods, "throttledPeriods", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_throttling, throttled_time, "throttledTime", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_stats_throttling, "throttling");

static const struct berth_field oci_stats_cpu_fields[] = {
	BERTH_OBJECT(struct oci_stats_cpu, usage, "usage", &oci_stats_cpu_usage_document, 0),
	BERTH_OBJECT(struct oci_stats_cpu, throttling, "throttling", &oci_stats_throttling_document, 0),
	BERTH_JSON(struct oci_stats_cpu, psi, "psi", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_stats_cpu, "cpu");

static const struct berth_field oci_stats_cpuset_fields[] = {
	BERTH_JSON(struct oci_stats_cpuset, cpus, "cpus", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct oci_stats_cpuset, mems, "mems", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_stats_cpuset, "cpuset");

static const struct berth_field oci_stats_memory_entry_fields[] = {
	BERTH_UINT64(struct oci_stats_memory_entry, limit, "limit", 0),
	BERTH_UINT64(struct oci_stats_memory_entry, usage, "usage", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_memory_entry, max, "max", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_memory_entry, fail_count, "failcnt", 0),
	{0},
};
DOCUMENT(oci_stats_memory_entry, "memory entry");

static const struct berth_field oci_stats_memory_fields[] = {
	BERTH_UINT64(struct oci_stats_memory, cache, "cache", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_stats_memory, usage, "usage", &oci_stats_memory_entry_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_stats_memory, swap, "swap", &oci_stats_memory_entry_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_stats_memory, kernel, "kernel", &oci_stats_memory_entry_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_stats_memory, kernel_tcp, "kernelTCP", &oci_stats_memory_entry_document,
		     BERTH_OMIT_EMPTY),
	BERTH_JSON(struct oci_stats_memory, raw, "raw", BERTH_OMIT_EMPTY),
	BERTH_JSON(struct oci_stats_memory, psi, "psi", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_stats_memory, "memory");

static const struct berth_field oci_stats_pids_fields[] = {
	BERTH_UINT64(struct oci_stats_pids, current, "current", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_pids, limit, "limit", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_stats_pids, "pids");

static const struct berth_field oci_stats_block_entry_fields[] = {
	BERTH_INT64(struct oci_stats_block_entry, major, "major", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_stats_block_entry, minor, "minor", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_stats_block_entry, op, "op", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_block_entry, value, "value", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_stats_block_entry, "block device entry");

static const struct berth_field oci_stats_block_io_fields[] = {
	BERTH_OBJECTS(struct oci_stats_block_io, service_bytes, "ioServiceBytesRecursive",
		      &oci_stats_block_entry_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_stats_block_io, serviced, "ioServicedRecursive", &oci_stats_block_entry_document,
		      BERTH_OMIT_EMPTY),
	BERTH_JSON(struct oci_stats_block_io, psi, "psi", BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_stats_block_io, "blkio");

static const struct berth_field oci_stats_huge_pages_fields[] = {
	BERTH_UINT64(struct oci_stats_huge_pages, usage, "usage", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_huge_pages, max, "max", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct oci_stats_huge_pages, fail_count, "failcnt", 0),
	{0},
};
DOCUMENT(oci_stats_huge_pages, "hugetlb");

static const struct berth_field oci_stats_fields[] = {
	BERTH_OBJECT(struct oci_stats, cpu, "cpu", &oci_stats_cpu_document, 0),
	BERTH_OBJECT(struct oci_stats, cpuset, "cpuset", &oci_stats_cpuset_document, 0),
	BERTH_OBJECT(struct oci_stats, memory, "memory", &oci_stats_memory_document, 0),
	BERTH_OBJECT(struct oci_stats, pids, "pids", &oci_stats_pids_document, 0),
	BERTH_OBJECT(struct oci_stats, block_io, "blkio", &oci_stats_block_io_document, 0),
	BERTH_MAP_OBJECT(struct oci_stats, huge_pages, "hugetlb", &oci_stats_huge_pages_document, 0),
	{0},
};
DOCUMENT(oci_stats, "stats");

static const struct berth_field oci_event_fields[] = {
	BERTH_STRING(struct oci_event, type, "type", 0),
	BERTH_STRING(struct oci_event, id, "id", 0),
	BERTH_OBJECT(struct oci_event, data, "data", &oci_stats_document, BERTH_OMIT_EMPTY),
	{0},
};
DOCUMENT(oci_event, "event");
