// SPDX-License-Identifier: Apache-2.0
// A step of a build runs as a container that nobody knows of: it is in no table and no record, its snapshot is the
// builder's, and no event tells of it. What a crash leaves of it is a run folder of no container, which the next engine
// clears, its process and networks with it.
#pragma once

#include "engine/internal.h"
#include "spec/build-step.h"

struct berth_engine_step {
	const struct berth_build_step *wanted;
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
