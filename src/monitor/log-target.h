// SPDX-License-Identifier: Apache-2.0
// Where lines of output are sent to: one row of the table for each driver. A target's functions may wait for whoever
// takes the lines; they run in a process of their own (log-process.h), so nothing else waits with them. Only the log's
// own files include this.
#pragma once

#include "monitor/client.h"
#include "monitor/log-record.h"

// While the container runs a target may be waited for for ever; when it has ended, for a moment only.
struct berth_log_patience {
	int alive; // the socket whose other side is the monitor
	int64_t deadline; // monotonic microseconds, later with everything that is taken; 0: the container runs
};
// Waits for events of a socket (-1: none), at most `timeout` milliseconds (-1: for ever). False: they did not come, or
// there is no more patience.
bool berth_log_wait(struct berth_log_patience *patience, int socket, short events, int64_t timeout);

struct berth_log_target_kind {
	const char *name;
	// Connects, with an error if that cannot be done now and is not to be tried later.
	void *(*open)(const struct berth_monitor_log_target *settings, struct berth_log_patience *patience,
		      GError **error);
	// Takes one line or piece of one; it may keep it until flush.
	bool (*add)(void *target, const struct berth_log_piece *piece, GError **error);
	// Sends what is kept.
	bool (*flush)(void *target, GError **error);
	void (*free)(void *target);
};
extern const struct berth_log_target_kind berth_log_syslog, berth_log_journald, berth_log_fluentd;
// NULL with *error if there is no such driver here.
const struct berth_log_target_kind *berth_log_target_find(const char *name, GError **error);

#define BERTH_LOG_CONNECT_TIMEOUT 10000 // milliseconds
#define BERTH_LOG_LAST_PATIENCE 10000 // with a target that takes nothing when the container has ended
// Connects to "unix:PATH", "unixgram:PATH", "tcp:ADDRESS:PORT" or "udp:ADDRESS:PORT" ([::1] for IPv6). -1 with *error.
int berth_log_connect(const char *address, GError **error);
bool berth_log_is_stream(const char *address);
// Sends all.
bool berth_log_send(int socket, const void *data, size_t length, struct berth_log_patience *patience, GError **error);
