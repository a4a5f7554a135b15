// SPDX-License-Identifier: Apache-2.0
// Whether the kernel killed processes of a group for want of memory, told while it happens: also of the last process,
// with which systemd takes the group away before anybody can read its counter.
#pragma once

#include "sys/cgroup.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct berth_oom_watch {
	int fd; // becomes readable (POLLIN) when memory was short: an inotify (v2) or an eventfd (v1); -1: none
	int64_t look_until; // monotonic time: the counter may change without further news until then; 0: it does not

	bool v2;
	int own, above; // counters of the group and (v2, where there is one) of its parent, which has the group's in it
	uint64_t kills, kills_above; // what they said last
	bool unexplained; // memory was short, and no kill was seen since
};

#define BERTH_OOM_WATCH_NONE                                                                                           \
	((struct berth_oom_watch){                                                                                     \
		.fd = -1,                                                                                              \
		.own = -1,                                                                                             \
		.above = -1,                                                                                           \
	})

bool berth_oom_watch_open(struct berth_oom_watch *watch, const struct berth_cgroup *cgroup, GError **error);
// By the descriptor of a folder with the group's files.
bool berth_oom_watch_open_folder(struct berth_oom_watch *watch, int folder, bool v2, GError **error);
// How many kills there were that it has not told yet. `ended`: the container has ended, and its group may be gone.
uint64_t berth_oom_watch_look(struct berth_oom_watch *watch, bool ended);
void berth_oom_watch_close(struct berth_oom_watch *watch);
