// SPDX-License-Identifier: Apache-2.0
// A container's ids of the host, and its user namespace.
#pragma once

#include "engine/internal.h"

// Gives the container its ids, if its host configuration asks for some: those of no other container that there is. They
// are its own as long as it is in the table. engine->lock is held, the container is not in the table yet.
bool berth_engine__users_take(struct berth_engine *engine, struct berth_engine_container *container, GError **error);
// A new user namespace with these ids; -1 on failure.
int berth_engine__users_make(const struct berth_container_users *users, GError **error);
// Makes the next one's namespaces beforehand, on a worker, in a tenth of a second, so that a start need not wait for
// them. They go with the engine.
void berth_engine__users_spare_want(struct berth_engine *engine);
void berth_engine__users_spare_free(struct berth_engine *engine);
void berth_engine__users_ready_clear(struct berth_users_ready *ready);
// Closes a detached mount in a while: who closes one waits for a grace period of the kernel's.
void berth_engine__close_late(struct berth_engine *engine, int mount);

// The user namespace of a run.
struct berth_engine_users {
	struct berth_engine *engine;
	int fd; // -1: the host's
	char *path; // by which the monitor reaches it
	int network_fd; // of a network namespace that belongs to it; -1: it is made with the container
	char *network_path;
	struct berth_snapshot_owner owner; // of what is mounted for it; its `folders` are for the root
	bool files; // what lies in the run folder can be mapped, too
};
#define BERTH_ENGINE_USERS_NONE ((struct berth_engine_users){.fd = -1, .network_fd = -1, .owner.folders = -1})
bool berth_engine__users_open(struct berth_engine *engine, struct berth_engine_container *container, int run_folder,
			      struct berth_engine_users *ret, GError **error);
void berth_engine__users_clear(struct berth_engine_users *users);
