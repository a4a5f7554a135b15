// SPDX-License-Identifier: Apache-2.0
// What a build tells of: its vertices, their progress, their ends.
#pragma once

#include "build/solve/building.h"

// One event at a time, in the order of the calls. Its `at` is set here; the listener may read it during the call only.
void berth_building_tell(struct berth_building *building, struct berth_build_event *event);
void berth_building_tell_step(struct berth_building_step *this, enum berth_build_event_kind kind, const char *text);
void berth_building_plan_step(struct berth_building_step *this);
// A vertex that is no step of the plan ("exporting to image"); its number.
unsigned berth_building_begin(struct berth_building *building, const char *name);
void berth_building_end(struct berth_building *building, unsigned vertex, const GError *failure);
// The instructions of the plan's stages, also those that are no steps.
void berth_building_tell_instructions(struct berth_building *building, const struct berth_plan *plan);
bool berth_building_canceled(void *building);
bool berth_building_check(struct berth_building *building, GError **error); // CANCELED
