// SPDX-License-Identifier: Apache-2.0
// What a container uses, as runc's `events` prints it (its package types has the names). v2's numbers are given as v1's
// would be: swap contains memory, as everywhere in the runtime specification. No limit is OCI_STATS_UNLIMITED, as
// v1 has it: JSON's readers do not agree on larger integers.
#pragma once

#include "base/document.h"

#define OCI_STATS_UNLIMITED UINT64_C(9223372036854771712)

struct oci_stats_cpu_usage {
	uint64_t total, kernel, user; // nanoseconds
	json_t *per_cpu; // v1: array of nanoseconds by processor
};
extern const struct berth_document oci_stats_cpu_usage_document;

struct oci_stats_throttling {
	uint64_t periods, throttled_periods;
	uint64_t throttled_time; // nanoseconds
};
extern const struct berth_document oci_stats_throttling_document;

// Pressure stall information: {"some":{"avg10":…,"avg60":…,"avg300":…,"total":…},"full":{…}}, v2 only.

struct oci_stats_cpu {
	struct oci_stats_cpu_usage *usage;
	struct oci_stats_throttling *throttling;
	json_t *psi;
};
extern const struct berth_document oci_stats_cpu_document;

struct oci_stats_cpuset {
	json_t *cpus, *mems; // arrays of numbers
};
extern const struct berth_document oci_stats_cpuset_document;

struct oci_stats_memory_entry {
	uint64_t limit, usage, max; // bytes
	uint64_t fail_count;
};
extern const struct berth_document oci_stats_memory_entry_document;

struct oci_stats_memory {
	uint64_t cache;
	struct oci_stats_memory_entry *usage, *swap, *kernel, *kernel_tcp;
	json_t *raw; // memory.stat as it is, by its keys
	json_t *psi;
};
extern const struct berth_document oci_stats_memory_document;

struct oci_stats_pids {
	uint64_t current;
	uint64_t limit; // 0: none
};
extern const struct berth_document oci_stats_pids_document;

struct oci_stats_block_entry {
	int64_t major, minor;
	char *op; // Read, Write, Discard, …
	uint64_t value;
};
extern const struct berth_document oci_stats_block_entry_document;

struct oci_stats_block_io {
	GPtrArray *service_bytes, *serviced; // of struct oci_stats_block_entry
	json_t *psi;
};
extern const struct berth_document oci_stats_block_io_document;

struct oci_stats_huge_pages {
	uint64_t usage, max, fail_count;
};
extern const struct berth_document oci_stats_huge_pages_document;

struct oci_stats {
	struct oci_stats_cpu *cpu;
	struct oci_stats_cpuset *cpuset;
	struct oci_stats_memory *memory;
	struct oci_stats_pids *pids;
	struct oci_stats_block_io *block_io;
	GHashTable *huge_pages; // of struct oci_stats_huge_pages by page size
};
extern const struct berth_document oci_stats_document;
BERTH_DOCUMENT_AUTOPTR(oci_stats, oci_stats_document)

// One line of `events`.
struct oci_event {
	char *type; // stats or oom
	char *id;
	struct oci_stats *data; // of stats
};
extern const struct berth_document oci_event_document;
BERTH_DOCUMENT_AUTOPTR(oci_event, oci_event_document)
