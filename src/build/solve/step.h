// SPDX-License-Identifier: Apache-2.0
// One step: looked for in the cache, else done.
#pragma once

#include "build/context/copy.h"
#include "build/solve/key.h"
#include "build/solve/layer.h"

// this->layer is set.
bool berth_building_step_run(struct berth_building_step *this, GError **error);
struct berth_build_layer *berth_building_layer_of(const struct berth_plan_step *step);

// step-run.c
bool berth_step_run_key(struct berth_building_step *this, struct berth_build_key *key, GError **error);
bool berth_step_run(struct berth_building_step *this, const char *snapshot, GError **error);
// The same with another process: `wanted` says which, and on what streams.
bool berth_step_enter(struct berth_building_step *this, struct berth_build_step *wanted, berth_canceled_fn *canceled,
		      void *data, int *ret_exit_code, GError **error);
const char *berth_step_network(const struct berth_building_step *this);

// step-copy.c. `copied` is found once, for the key and for the doing.
bool berth_step_copy_find(struct berth_building_step *this, struct berth_build_copied **ret, GError **error);
void berth_step_copy_key(struct berth_building_step *this, struct berth_build_copied *copied,
			 struct berth_build_key *key);
bool berth_step_copy(struct berth_building_step *this, struct berth_build_copied *copied, const char *snapshot,
		     GError **error);
// What stands for the key of a COPY from a stage or an image, made of the chain ids of both sides: layers that are the
// same have the same files, so that these need not be hashed again. NULL: it has none.
char *berth_step_copy_alias(struct berth_building_step *this);
bool berth_step_is_link(const struct berth_plan_step *step);

// step-folder.c: WORKDIR.
bool berth_step_folder(struct berth_building_step *this, const char *snapshot, GError **error);

// debug.c: takes the failed step's snapshot over, if the build wants it kept and none is yet.
bool berth_step_keep(struct berth_building_step *this, const char *snapshot);
