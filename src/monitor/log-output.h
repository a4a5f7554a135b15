// SPDX-License-Identifier: Apache-2.0
// What becomes of a container's output, besides those who are attached: it is written to the log's files, and sent to
// the log's target. Both are optional. Files are written by the monitor itself, so that what was taken is in them;
// a target, and files for which the container must never wait, have a process of their own each (log-process.h).
#pragma once

#include "monitor/client.h"
#include "monitor/log.h"
#include "monitor/loop.h"

struct berth_log_output;
struct berth_log_output_setup {
	void (*has_room)(void *data); // again
	void (*warn)(void *data, const char *message);
	void (*ended)(void *data); // after berth_log_output_end(): all that can be logged is
	void *data;
};
// Fails where the log's driver cannot work.
struct berth_log_output *berth_log_output_new(struct berth_loop *loop, const struct berth_monitor_settings *settings,
					      const struct berth_log_output_setup *setup, GError **error);
// Whether output may be taken from the container.
bool berth_log_output_has_room(const struct berth_log_output *output);
void berth_log_output_add(struct berth_log_output *output, int stream, const void *data, size_t length);
// No more comes: calls `ended`, maybe before it returns.
void berth_log_output_end(struct berth_log_output *output);
uint64_t berth_log_output_lost(const struct berth_log_output *output); // lines

// Reads all that is logged, for a client that wants it before what comes. NULL without *error: what was taken is not in
// files that this process writes.
struct berth_log_reader *berth_log_output_read(const struct berth_log_output *output, bool out, bool err,
					       GError **error);
// What of a stream is in no file yet, the beginning of a line.
const uint8_t *berth_log_output_pending(const struct berth_log_output *output, int stream, size_t *ret_length);
void berth_log_output_free(struct berth_log_output *output);

// The log's files, by the settings.
struct berth_log_writer *berth_log_settings_open(const struct berth_monitor_settings *settings, GError **error);
