// SPDX-License-Identifier: Apache-2.0
// Log drivers and their options, as HostConfig.LogConfig has them.
#pragma once

#include "engine/record.h"

struct berth_log_driver;

// What the options come to. All text is borrowed from the LogConfig.
struct berth_log_plan {
	const struct berth_log_driver *driver;
	// Files, which can be read: the driver's own, or what is kept of what is sent elsewhere.
	const char *format; // json-file, local; NULL: there are none
	const char *file; // name in the container's folder; % stands for the container's id
	int64_t max_size, max_file; // bytes, -1: unlimited
	bool compress;
	bool never_waits; // mode non-blocking
	int64_t buffer; // bytes
	const char *target; // driver of the monitor that sends what is logged; NULL: nothing is sent
	bool tag_in_attributes;
	const char *tag; // template; NULL: the driver's default
	const char *labels, *labels_regex, *env, *env_regex;
	const char *address; // NULL: the driver's default
	int64_t facility;
	const char *syslog_format; // ""
	bool async, sub_second, request_ack;
	int64_t buffer_limit, retry_wait, max_retries;
};

// Checked by berth_plan_make(). Errors are Docker's words: BERTH_ERROR_INVALID ("unknown log opt 'x' for json-file log
// driver"), BERTH_ERROR_NOT_IMPLEMENTED for drivers and options that are not here.
bool berth_log_plan_make(const struct api_log_config *config, struct berth_log_plan *ret, GError **error);
// The log drivers there are: names, ended by NULL.
extern const char *const berth_log_driver_names[];

// A tag by its template ({{.Name}}-{{.ID}}). The caller frees it.
char *berth_log_tag(const char *pattern, const struct berth_container_record *record, GError **error);
// What labels and variables of the container a plan asks for: name -> value.
GHashTable *berth_log_attributes(const struct berth_log_plan *plan, const struct berth_container_record *record);
