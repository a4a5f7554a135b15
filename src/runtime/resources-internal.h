// SPDX-License-Identifier: Apache-2.0
// What the files of resources.c share: the table of the limits that are numbers, and where they are written.
#pragma once

#include "runtime/resources.h"

struct berth_resources_context {
	const struct berth_cgroup *cgroup;
	bool v2;
	void (*warn)(void *data, const char *message);
	void *data;
	bool update;
};

void berth_resources_warn(const struct berth_resources_context *context, const char *format, ...) G_GNUC_PRINTF(2, 3);

// resources-limits.c
enum berth_limit {
	BERTH_MEMORY_LIMIT,
	BERTH_MEMORY_RESERVATION,
	BERTH_MEMORY_SWAP,
	BERTH_MEMORY_SWAPPINESS,
	BERTH_CPU_SHARES,
	BERTH_CPU_PERIOD,
	BERTH_CPU_QUOTA,
	BERTH_CPU_BURST,
	BERTH_CPU_REALTIME_PERIOD,
	BERTH_CPU_REALTIME_RUNTIME,
	BERTH_CPU_IDLE,
	BERTH_PIDS_LIMIT,
	BERTH_NETWORK_CLASS,
};

char *berth_limit_plain(int64_t value);
char *berth_limit_minus_is_max(int64_t value); // "max" below 0
bool berth_limit_is_unlimited(const char *text);
// The limit's number, or BERTH_UNSET. Unsigned members saturate, which no limit tells from "very much".
int64_t berth_limit_get(const struct oci_resources *resources, enum berth_limit limit);
// Writes it into its file; BERTH_UNSET is not written.
bool berth_limit_set(const struct berth_resources_context *context, const struct oci_resources *resources,
		     enum berth_limit limit, GError **error);
bool berth_limit_set_value(const struct berth_resources_context *context, enum berth_limit limit, int64_t value,
			   GError **error);
bool berth_limit_write(const struct berth_resources_context *context, enum berth_limit limit, const char *text,
		       GError **error);
// What a file has now as a number; `otherwise` for "max" and when there is none.
int64_t berth_limit_now(const struct berth_resources_context *context, const char *controller, const char *file,
			int64_t otherwise);

// One section of linux.resources each, which is there.
bool berth_resources_set_memory(const struct berth_resources_context *context, const struct oci_resources *resources,
				GError **error);
bool berth_resources_set_cpu(const struct berth_resources_context *context, const struct oci_resources *resources,
			     GError **error);
bool berth_resources_set_block_io(const struct berth_resources_context *context, const struct oci_resources *resources,
				  GError **error);
bool berth_resources_set_devices(const struct berth_resources_context *context, const struct oci_resources *resources,
				 GError **error);
