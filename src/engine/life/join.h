// SPDX-License-Identifier: Apache-2.0
// What a container shares with another one that runs: its namespaces, and the shared memory that belongs to its IPC.
#pragma once

#include "engine/internal.h"

// Open while the container is made: the paths lead to the descriptors, so whatever happens to the other container
// meanwhile, and whoever gets its process's number, it is its namespace that is joined.
struct berth_engine_joined {
	int pid_fd, ipc_fd;
	char *pid, *ipc; // NULL: none is joined
	char *secrets; // folder with the container's (secrets.h); NULL: it has none
	char *shm; // folder of shared memory that several containers may have; NULL: /dev/shm is the container's alone
};

// The containers that the record's modes name, by their ids from here on.
bool berth_engine__joins_bind(struct berth_engine *engine, struct berth_container_record *record, GError **error);

// Opens what the container joins; makes the shared memory of one that others may join. `operation` is held.
bool berth_engine__join(struct berth_engine *engine, const struct berth_container_record *record,
			struct berth_engine_joined *ret, GError **error);
void berth_engine__joined_clear(struct berth_engine_joined *joined);

// The namespace ("net", "pid", "ipc", "user") of another container, which has to run. `what` names it in messages
// ("network"). -1 on failure.
int berth_engine__join_namespace(struct berth_engine *engine, const char *id, const char *file, const char *what,
				 GError **error);
// A path by which the monitor reaches a descriptor of this process.
char *berth_engine__path_of(int fd);

// Of a run's end: what berth_engine__join() has mounted. Nothing there is fine.
void berth_engine__shm_unmount(const struct berth_engine *engine, const char *id);
