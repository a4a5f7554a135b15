// SPDX-License-Identifier: Apache-2.0
// What spawn.c needs of client.c.
#pragma once

#include "monitor/protocol.h"

// `descriptors` by their number in the monitor, up to `end`, all numbers of their own (berth_monitor__copy); -1: closed
// there. The monitor is a child of nobody here.
bool berth_monitor__execute(const char *program, char *const *arguments, const int *descriptors, int end,
			    GError **error);
// Copies the descriptor clear of the numbers that it may get in a monitor. -1 on failure.
int berth_monitor__copy(int fd, GError **error);

// Gives the container to the monitor that waits, if there is one. The descriptors are copied. Returns the socket by
// which it was told, -1: none waits.
int berth_monitor__spare_take(struct berth_monitor_spare *spare, const char *id, const char *run_folder,
			      const int descriptors[BERTH_MONITOR_FD_END]);
// Of one that ended: whether it did before it had read the order (unix(7): ECONNRESET), so nothing was done.
bool berth_monitor__spare_died(int order);

// Makes a connection of a socket, which it takes over, and takes the hello; a monitor that was just spawned is waited
// for as long as it takes (`patient`).
struct berth_monitor *berth_monitor__open(int socket, bool patient, GError **error);

// What the answer to `create` said.
void berth_monitor__set_pid(struct berth_monitor *monitor, pid_t pid);

// Waits for the answer to the request of that name; the error is the monitor's if it answers one.
struct berth_monitor_reply *berth_monitor__answer(struct berth_monitor *monitor, const char *name, GError **error);
