// SPDX-License-Identifier: Apache-2.0
// Reads what a group of processes uses from the kernel's files, in the units and names of the Engine API.
#pragma once

#include "spec/api-stats.h"
#include "sys/cgroup-internal.h"

// Fills in everything that the group's files tell: cpu (but for what is the machine's), memory, pids, block devices.
void berth_stats_read_group(const struct berth_cgroup *cgroup, struct api_stats *stats);

// The processors' time of the whole machine, from the text of /proc/stat.
void berth_stats_parse_processors(const char *text, uint64_t *ret_nanoseconds, uint64_t *ret_online);

// Interfaces and their counters from the text of /proc/<pid>/net/dev, without the loopback; NULL if there are none.
GHashTable *berth_stats_parse_interfaces(const char *text);

// An object in which all is 0, as of a container that does not run.
struct api_stats *berth_stats_new(void);
