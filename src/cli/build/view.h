// SPDX-License-Identifier: Apache-2.0
// What people see of a build: live lines on a terminal, plain ones elsewhere, lines of JSON in BuildKit's form for
// programs, or nothing.
#pragma once

#include "spec/api-build.h"

#include <stdbool.h>
#include <stdio.h>

enum berth_build_look { BERTH_BUILD_PLAIN, BERTH_BUILD_LIVE, BERTH_BUILD_RAW, BERTH_BUILD_NOTHING };

struct berth_build_view_options {
	FILE *out;
	enum berth_build_look look;
	bool colours;
	void (*size)(void *data, unsigned *ret_rows, unsigned *ret_columns); // asked at each drawing; of LIVE
	int64_t (*now)(void *data); // nanoseconds since 1970
	void *data;
};

struct berth_build_view;

struct berth_build_view *berth_build_view_new(const struct berth_build_view_options *options);
void berth_build_view_free(struct berth_build_view *view);
void berth_build_view_event(struct berth_build_view *view, const struct api_build_event *event);
// The context is being sent: so many bytes.
void berth_build_view_sent(struct berth_build_view *view, int64_t bytes);
// Time has passed: what shows times is drawn again.
void berth_build_view_tick(struct berth_build_view *view);
// The end: what has failed with its log, and `source`, the Dockerfile `name` (may be NULL), where the failure does not
// show it itself; warnings.
void berth_build_view_end(struct berth_build_view *view, const char *failure, const char *source, const char *name);
// Why it failed, behind the lines of the Dockerfile that are with it.
void berth_build_view_error(FILE *out, const char *failure);
