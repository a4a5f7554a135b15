// SPDX-License-Identifier: Apache-2.0
// A step of a build runs as a container that nobody knows of: it is in no table and no record, its snapshot is the
// builder's, and no event tells of it. What a crash leaves of it is a run folder of no container, which the next engine
// clears, its process and networks with it.
#pragma once

#include "engine/internal.h"
#include "engine/network/networks.h"
#include "spec/build-step.h"

struct berth_engine_step {
	struct berth_engine *engine;
	const struct berth_build_step *wanted;
	struct berth_engine_step_network *network; // that steps hand on; NULL: its own, as any container's
	const struct berth_container_users *users; // ids that are its own and not the network's: the record's; NULL
	int root; // the snapshot's, mounted as the step has it; -1 until it is made
	GPtrArray *stubs; // paths of mount points that the root does not have, parents first
};

// Mounts what the step asked for and notes what of the root is only there to be mounted upon. `sources` is by the
// record's mounts. Nothing to do for what is no step.
bool berth_engine__step_mount(struct berth_engine *engine, struct berth_engine_container *container, int root,
			      GArray *sources, GError **error);
// Adds the step's mounts to the record.
bool berth_engine__step_plan_mounts(const struct berth_build_step *step, struct berth_container_record *record,
				    GError **error);
// Removes from the root what was only made to be mounted upon, if it is still as it was: empty.
void berth_engine__step_tidy(struct berth_engine_step *step);

// step-users.c
// Whether the step's user namespace, where its record has one of its own so far, can be that.
bool berth_engine__step_users_choose(struct berth_engine *engine, const struct berth_build_step *step,
				     struct berth_container_record *record, GError **error);
// Gives the step the ids that its record asks for: those of the step before if it has that one's network.
bool berth_engine__step_users_take(struct berth_engine *engine, struct berth_engine_container *container,
				   GError **error);
void berth_engine__step_users_let_go(struct berth_engine *engine, const struct berth_container_users *users);

// steps.c. A network namespace as one step of a build leaves it to the next, with the user namespace that it belongs
// to.
struct berth_engine_step_network {
	struct berth_engine *engine;
	char *asked; // what the step says of its network and its users
	struct berth_container_users *users; // NULL: the host's user namespace
	int user_namespace; // -1
	struct berth_run_network *run; // NULL: not made yet, or a container has it now
	int namespace, udp, tcp; // and the resolver's sockets in it; -1: not made yet
};

// One that waits, or a new one to be filled at the start; the step's from then on. NULL: this step shares nothing.
// `users`: its userns mode.
struct berth_engine_step_network *berth_engine__steps_take(struct berth_engine_steps *steps,
							   const struct berth_build_step *step, const char *users);
// The container's step has ended: what it had of networks waits for the next one, or is given back.
void berth_engine__steps_give(struct berth_engine_steps *steps, struct berth_engine_container *container);
// Clears the run folder and what goes with it, on a worker.
void berth_engine__steps_clear_later(struct berth_engine_steps *steps, const char *id, const char *cgroup);
