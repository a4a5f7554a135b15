// SPDX-License-Identifier: Apache-2.0
// The standard streams of a container, or of a further process in one (exec.h), and who listens to them: output goes to
// the log and to the attached clients, their input to the container.
//
// - A client that reads slowly makes the container wait once BERTH_LIMIT_ATTACH_QUEUE bytes wait for it; one that is
//   gone does not. After the container's end nothing waits: what is left in the pipes is taken at once.
// - Input is taken from the clients only as fast as the container reads it.
// - A client's end of input (its sending side closed) leaves its output open. With stdin_once the end of the first
//   client that attached stdin closes the container's stdin.
// - What a process leaves behind may hold its output open and write on: with `survivors` that goes nowhere after the
//   end, and nothing of it is waited for. What the process itself wrote reaches a slow client all the same.
// - At its end a client gets what is left for it, then the end of the stream; its socket is closed when it has closed
//   its own side, so that unread input cannot cost it the rest of the output.
#pragma once

#include "monitor/log-output.h"
#include "monitor/loop.h"
#include "monitor/protocol.h"

#define BERTH_STREAMS_BUFFER (64 << 10) // bytes of output, read at once

struct berth_streams;

struct berth_streams_setup {
	// The container's stdin to write, its stdout and stderr to read, or the terminal's master for all; -1: none.
	// Taken over: made non-blocking, and closed at the end.
	int in, out, err, console;
	bool stdin_once;
	bool survivors;
	size_t queue; // bytes that may wait for one client; 0: BERTH_LIMIT_ATTACH_QUEUE
	char *buffer; // of BERTH_STREAMS_BUFFER bytes, borrowed; all streams of a loop can have the same
	struct berth_log_output *log; // borrowed; NULL: no log
	void (*output)(void *data, const char *text, size_t length); // what was read; NULL: nobody is told
	void (*drained)(void *data); // after berth_streams_drain(): all output was taken
	void (*detached)(void *data); // a client left by its keys
	void (*idle)(void *data); // all output is closed and no client left: they can be freed, though not here. NULL
	void *data;
};

struct berth_streams *berth_streams_new(struct berth_loop *loop, const struct berth_streams_setup *setup);

// Takes the socket over, on failure too. With `log` the client gets all that was logged first, if that can be read.
// BERTH_ERROR_RESOURCE_EXHAUSTED beyond BERTH_LIMIT_ATTACHED clients.
bool berth_streams_attach(struct berth_streams *streams, int socket, const struct berth_monitor_request *request,
			  bool log, GError **error);

// Takes output again where there is room: the log may have some.
void berth_streams_resume(struct berth_streams *streams);

// BERTH_ERROR_INVALID without a terminal.
bool berth_streams_resize(struct berth_streams *streams, unsigned width, unsigned height, GError **error);

unsigned berth_streams_attached(const struct berth_streams *streams);

// The container has ended: takes what is left in its pipes, then calls `drained`. A process that was left alive and
// holds a pipe open is given `grace` milliseconds. With `survivors` the pipe stays open then, and what comes by it goes
// nowhere.
void berth_streams_drain(struct berth_streams *streams, unsigned grace);

// Lets all clients go, now and whoever attaches from now on.
void berth_streams_let_go(struct berth_streams *streams);

// Clients that have not gone yet, those that are being let go included.
unsigned berth_streams_clients(const struct berth_streams *streams);

void berth_streams_free(struct berth_streams *streams);
