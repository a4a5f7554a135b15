// SPDX-License-Identifier: Apache-2.0
// A process that takes a container's output from the monitor and may wait for whoever it gives it to: a server, or a
// slow disk. Between the two is a queue of a bounded size. When it is full, the container is made to wait, or, where it
// must not be, output is left out: whole lines, which are counted and told of in the log when there is room again.
//
// The process goes on for a while after the monitor's end, until all is delivered.
#pragma once

#include "monitor/client.h"
#include "monitor/loop.h"

struct berth_log_process;
struct berth_log_process_setup {
	const struct berth_monitor_settings *settings; // borrowed
	bool file; // it writes the log's files
	bool target; // it sends to settings->log_target
	int64_t limit; // bytes in the queue
	int64_t limit_lines; // 0: none
	bool never_waits; // what does not fit is left out
	void (*has_room)(void *data); // again, after berth_log_process_has_room() was false
	void (*warn)(void *data, const char *message);
	void (*ended)(void *data); // after berth_log_process_end(): all is written, or given up
	void *data;
};
// Returns when the target is connected or the files are open. The process must be started while the caller has one
// thread.
struct berth_log_process *berth_log_process_start(struct berth_loop *loop, const struct berth_log_process_setup *setup,
						  GError **error);
bool berth_log_process_has_room(const struct berth_log_process *process);
void berth_log_process_add(struct berth_log_process *process, int stream, const void *data, size_t length,
			   int64_t time);
// No more comes. A target's process is left what it has not taken yet: `ended` is called at once. With files it is when
// all is written, at the latest after `patience` milliseconds.
void berth_log_process_end(struct berth_log_process *process, unsigned patience);
uint64_t berth_log_process_lost(const struct berth_log_process *process); // lines
void berth_log_process_free(struct berth_log_process *process);

// log-worker.c: what the process does, with its end of the socket; never returns.
//
// What it is sent: a struct berth_log_packet and `length` bytes, and so on; after the end of the socket it goes on in
// `rest`, a file in memory, which is all written by then. What it says: lines of text, of which the first is
// empty or says why it could not begin (the kind of error, a blank, the message) and all others are warnings.
struct berth_log_packet {
	uint32_t length;
	uint32_t stream; // 1, 2
	int64_t time;
	uint64_t lost; // lines that were left out before this
};
G_NORETURN void berth_log_worker_run(int socket, int rest, const struct berth_log_process_setup *setup);
