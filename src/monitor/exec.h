// SPDX-License-Identifier: Apache-2.0
// Further processes in the monitor's container: it is their parent, holds their streams, and tells of their end. What
// they are and how they ended is known for a while after it.
#pragma once

#include "monitor/loop.h"
#include "monitor/protocol.h"
#include "runtime/container.h"

struct berth_execs;

struct berth_execs_setup {
	struct berth_loop *loop; // borrowed, as are the two below
	struct berth_container *container;
	char *buffer; // of BERTH_STREAMS_BUFFER bytes
	void (*ended)(void *data, const struct berth_monitor_exec *exec);
	void (*detached)(void *data, const struct berth_monitor_exec *exec);
	void *data;
};
struct berth_execs *berth_execs_new(const struct berth_execs_setup *setup);

// Carries the requests out (protocol.h). `fds` as for a handler of server.h: the process document, the client's socket.
bool berth_execs_start(struct berth_execs *execs, const struct berth_monitor_request *request, int *fds, pid_t *ret_pid,
		       GError **error);
bool berth_execs_resize(struct berth_execs *execs, const struct berth_monitor_request *request, GError **error);
// Borrowed. BERTH_ERROR_NOT_FOUND.
const struct berth_monitor_exec *berth_execs_stat(struct berth_execs *execs, const char *id, GError **error);
// A new file with all of them. -1 on failure.
int berth_execs_list(struct berth_execs *execs, GError **error);

// Frees what is done with; to be called between two turns of the loop.
void berth_execs_sweep(struct berth_execs *execs);

// The container has ended: so have they, one way or another, and are told of.
void berth_execs_end(struct berth_execs *execs);

// Clients that have something to come.
unsigned berth_execs_clients(const struct berth_execs *execs);

void berth_execs_free(struct berth_execs *execs);
