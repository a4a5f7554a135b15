// SPDX-License-Identifier: Apache-2.0
// What a container uses, as the Engine API's stats tell it. Fields that the layout of the control groups does not have
// are left out, as Docker leaves them out; of a container that does not run all is 0.
#pragma once

#include "base/document.h"

struct api_stats_cpu_usage {
	uint64_t total; // nanoseconds
	json_t *per_cpu; // v1: array of nanoseconds by processor
	uint64_t kernel, user; // nanoseconds
};
extern const struct berth_document api_stats_cpu_usage_document;

struct api_stats_throttling {
	uint64_t periods, throttled_periods;
	uint64_t throttled_time; // nanoseconds
};
extern const struct berth_document api_stats_throttling_document;

struct api_stats_cpu {
	struct api_stats_cpu_usage *usage;
	uint64_t system; // nanoseconds that all processors together have been there
	uint64_t online;
	struct api_stats_throttling *throttling;
};
extern const struct berth_document api_stats_cpu_document;

struct api_stats_memory {
	uint64_t usage, max_usage; // bytes; max_usage v1 only
	json_t *stats; // memory.stat by its keys
	uint64_t fail_count; // v1 only
	uint64_t limit; // bytes; the machine's memory without one
};
extern const struct berth_document api_stats_memory_document;

struct api_stats_pids {
	uint64_t current;
	uint64_t limit; // 0: none
};
extern const struct berth_document api_stats_pids_document;

struct api_stats_block_entry {
	uint64_t major, minor;
	char *op; // "read", "write", …
	uint64_t value;
};
extern const struct berth_document api_stats_block_entry_document;

// Arrays of struct api_stats_block_entry. What the kernel does not tell any more is null.
struct api_stats_block {
	GPtrArray *service_bytes, *serviced, *queued, *service_time, *wait_time, *merged, *time, *sectors;
};
extern const struct berth_document api_stats_block_document;

struct api_stats_network {
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped;
};
extern const struct berth_document api_stats_network_document;

// Of Windows' containers; always empty.
struct api_stats_storage {
	char unused;
};
extern const struct berth_document api_stats_storage_document;

struct api_stats {
	char *name; // with its slash
	char *id;
	char *read, *preread; // when this and the sample before it were taken
	struct api_stats_pids *pids;
	struct api_stats_block *block;
	int64_t processes; // of Windows' containers
	struct api_stats_storage *storage;
	struct api_stats_cpu *cpu, *previous_cpu;
	struct api_stats_memory *memory;
	GHashTable *networks; // of struct api_stats_network by interface; NULL: none of its own
};
extern const struct berth_document api_stats_document;

BERTH_DOCUMENT_AUTOPTR(api_stats, api_stats_document)
BERTH_DOCUMENT_AUTOPTR(api_stats_cpu, api_stats_cpu_document)
