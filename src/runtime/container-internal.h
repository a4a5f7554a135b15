// SPDX-License-Identifier: Apache-2.0
// The handle of a container, shared by container.c, which makes one, and container-operate.c, which works on it.
#pragma once

#include "runtime/container.h"
#include "runtime/state.h"
#include "sys/cgroup.h"

#define BERTH_CONTAINER_END_WAIT 10000 // milliseconds that killed processes have to be gone

struct berth_exec_record; // exec-record.h

struct berth_container {
	const struct berth_runtime *runtime;
	int folder; // beneath the state root
	struct berth_record *record;
	int pidfd; // of init; -1: it is gone
	int starter; // to the process that waits to be started by this handle; -1: others can start it, or it was
	int network; // while it is made: its network namespace, if interfaces were moved into it; else -1
	struct berth_cgroup *cgroup; // NULL: none, or not opened yet
	struct berth_exec_record *exec; // NULL: not read yet
};

struct berth_container *berth_container_new(const struct berth_runtime *runtime, int folder);

// The group; NULL without an error when the container has none or it is gone. Owned by the container.
struct berth_cgroup *berth_container_find_cgroup(struct berth_container *container, GError **error);
// What exec.json says, borrowed.
const struct berth_exec_record *berth_container_exec_record(struct berth_container *container, GError **error);
// creating, created, running, paused or stopped.
const char *berth_container_status(struct berth_container *container);

// net-devices.c. _record notes what is wanted; _take moves it in, when the process exists; _return gives back what can
// be, with warnings of what cannot.
void berth_net_devices_record(const struct oci_linux_section *section, struct berth_record *record);
bool berth_net_devices_take(struct berth_container *container, unsigned private_namespaces, GError **error);
void berth_net_devices_return(struct berth_container *container);

// notify.c: sends the listener of process `pid` to who answers the container's system calls, and tells the process.
bool berth_notify_deliver(struct berth_container *container, pid_t pid, int listener, int child, GError **error);

// descendants.c: pids of a container without a cgroup, a new GArray of pid_t. BERTH_ERROR_UNAVAILABLE: it has no pid
// namespace of its own either.
GArray *berth_container_descendants(const struct berth_container *container, GError **error);

// Kills what is left of it and removes its cgroup; what is not there is no error.
bool berth_container_clear_processes(struct berth_container *container, GError **error);
