// SPDX-License-Identifier: Apache-2.0
// The lines of a progress on a terminal: a block at the bottom that is drawn again and again, never higher than the
// terminal nor wider, and what was said for good above it. The cursor stands below the block between two calls.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct berth_screen;

struct berth_screen_options {
	FILE *out;
	void (*size)(void *data, unsigned *ret_rows, unsigned *ret_columns); // asked at each drawing
	int64_t (*now)(void *data); // microseconds
	void *data;
};
struct berth_screen *berth_screen_new(const struct berth_screen_options *options);
// Draws the last state and frees.
void berth_screen_free(struct berth_screen *screen);

// The state of one object. `current` and `total` 0: there are no counts. The states of work whose bytes count as
// transferred ("Downloading", "Pushing") have a rate.
void berth_screen_set(struct berth_screen *screen, const char *id, const char *status, int64_t current, int64_t total);
// A line that stays: above the block, or below it when all of its objects are done.
void berth_screen_say(struct berth_screen *screen, const char *line);
// Leaves the block as it is; what comes is a new one.
void berth_screen_settle(struct berth_screen *screen);
