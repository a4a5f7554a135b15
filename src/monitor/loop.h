// SPDX-License-Identifier: Apache-2.0
// The monitor's event loop: descriptors and what to do when they are ready. An idle monitor sleeps in epoll without
// a timeout and costs nothing. One event is taken at a time: a source may be removed and freed by any handler.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct berth_loop {
	int epoll;
};

struct berth_source {
	int fd;
	uint32_t events; // what is waited for; 0: not in the loop
	void (*ready)(struct berth_source *source, uint32_t events);
};

bool berth_loop_open(struct berth_loop *ret, GError **error);
void berth_loop_close(struct berth_loop *loop);

// Waits for `events` of the source; 0 takes it out of the loop (no EPOLLHUP either). A source whose descriptor is
// closed must have been taken out before.
void berth_source_set(struct berth_loop *loop, struct berth_source *source, uint32_t events);

// Takes one event and handles it. Waits at most `timeout` milliseconds (-1: for ever). False if there was none.
bool berth_loop_turn(struct berth_loop *loop, int timeout);

// A timer that fires once after `milliseconds`; 0 stops it. `source->fd` is made when it is -1.
bool berth_timer_set(struct berth_loop *loop, struct berth_source *source, unsigned milliseconds);
