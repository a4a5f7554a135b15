// SPDX-License-Identifier: Apache-2.0
// Health checks: a probe is executed in the container again and again, by timers, with or without an engine. What it
// gives is kept by Docker's rules (spec/health.h). One that takes too long is killed with all that it has started.
#pragma once

#include "monitor/loop.h"
#include "monitor/protocol.h"
#include "runtime/container.h"
#include "spec/health.h"

struct berth_prober;

struct berth_prober_setup {
	struct berth_loop *loop; // borrowed, as are the two below
	struct berth_container *container;
	const struct berth_health_check *check;
	int64_t started_at; // of the container, nanoseconds since 1970
	void (*began)(void *data, const struct berth_monitor_exec *exec); // a probe was executed
	// One has ended (`exec`; NULL: it could not be executed) and is the last in `health`. `changed`: the status is
	// new.
	void (*ended)(void *data, const struct berth_monitor_exec *exec, const struct berth_health *health,
		      bool changed);
	void *data;
};
struct berth_prober *berth_prober_new(const struct berth_prober_setup *setup);

const struct berth_health *berth_prober_health(const struct berth_prober *prober); // borrowed

// A paused container is not probed, and a probe that was under way has its whole time anew afterwards. NULL is fine.
void berth_prober_pause(struct berth_prober *prober, bool paused);

// The container has ended: nothing is probed any more. NULL is fine.
void berth_prober_stop(struct berth_prober *prober);

void berth_prober_free(struct berth_prober *prober);
