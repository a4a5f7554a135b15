// SPDX-License-Identifier: Apache-2.0
// What the kernel of this host can limit, as far as a request to create a container depends on it. A limit that it
// cannot keep is taken out of the request with a warning, as Docker does.
#pragma once

#include <stdbool.h>

struct berth_abilities {
	bool memory, swap, swappiness, oom_kill_disable;
	bool cpu_shares, cpu_quota, cpu_realtime, cpuset;
	bool pids;
	bool block_throttle, block_weight;
	bool selinux;
	int cpus; // that this process may use
	char *cpuset_cpus, *cpuset_mems; // "0-3,8"; NULL: not known
};

void berth_abilities_load(struct berth_abilities *ret);
void berth_abilities_clear(struct berth_abilities *abilities);
