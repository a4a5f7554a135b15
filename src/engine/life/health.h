// SPDX-License-Identifier: Apache-2.0
// Health: the engine's side of what monitors find out (monitor/health.h). In memory, and in the database as of the last
// change of the container's state; a new engine asks the monitor.
#pragma once

#include "engine/internal.h"

// A container is about to be recorded as started, or its end to be: what it had before is over.
void berth_engine__health_begin(struct berth_engine *engine, struct berth_engine_container *container);
void berth_engine__health_end(struct berth_engine *engine, struct berth_engine_container *container);

// What the monitor of that run of the container told: BERTH_MONITOR_PROBE or BERTH_MONITOR_HEALTH_RESULT.
void berth_engine__health_told(struct berth_engine *engine, struct berth_engine_container *container, uint64_t run,
			       const struct berth_monitor_event *event);

// Learns from the monitor of a container that was found again how it is.
void berth_engine__health_adopt(struct berth_engine *engine, struct berth_engine_container *container,
				struct berth_monitor *monitor);

// As inspect shows it; NULL: it is not checked. engine->lock is held.
json_t *berth_engine__health_json(const struct berth_engine_container *container);
// none, starting, healthy or unhealthy. engine->lock is held.
const char *berth_engine__health_name(const struct berth_engine_container *container);
bool berth_engine__is_unhealthy(struct berth_engine *engine, const struct berth_engine_container *container);
