// SPDX-License-Identifier: Apache-2.0
// The process of an exec: what it is made of, and its making. Requests and health checks share this.
#pragma once

#include "monitor/protocol.h"
#include "runtime/container.h"

// Between a process's ends (theirs) and ours; which is which by stream number. `console` is in place of all.
struct berth_exec_pipes {
	int ours[3], theirs[3];
	int console;
};
#define BERTH_EXEC_NO_PIPES                                                                                            \
	{                                                                                                              \
		{-1, -1, -1}, {-1, -1, -1}, -1                                                                         \
	}
// Makes those that are not -1 in `wanted`.
bool berth_exec_pipes_make(struct berth_exec_pipes *pipes, bool in, bool out, bool err, GError **error);
void berth_exec_pipes_clear(struct berth_exec_pipes *pipes);

// The container's own process with what `wanted` has in place: args, env, cwd, user, terminal. `privileged` gives it
// all capabilities. The caller frees the result.
struct oci_process *berth_exec_process_make(struct berth_container *container, const struct oci_process *wanted,
					    bool privileged, GError **error);
// The same from a file, a regular one of at most BERTH_LIMIT_JSON bytes.
struct oci_process *berth_exec_process_read(struct berth_container *container, int file, bool privileged,
					    GError **error);

// Makes the process, with those streams that `request` joins (NULL: none). The result is ours to reap.
bool berth_exec_spawn(struct berth_container *container, const struct oci_process *process,
		      const struct berth_monitor_request *request, struct berth_exec_pipes *pipes, pid_t *ret_pid,
		      int *ret_pidfd, GError **error);

// The exit code of a process that has ended: 128 + signal when a signal ended it.
int berth_exec_reap(int pidfd);
