// SPDX-License-Identifier: Apache-2.0
// What the looks of a build share; for view*.c only.
#pragma once

#include "cli/build/view.h"

#define BERTH_BUILD_TAIL 12 // lines of a step that are remembered to be shown live
#define BERTH_BUILD_LINE (64 << 10) // bytes; a longer line is shown in pieces
#define BERTH_BUILD_KEPT (256 << 10) // bytes of its log that are kept to be shown if it fails

enum berth_build_state { BERTH_BUILD_WAITS, BERTH_BUILD_RUNS, BERTH_BUILD_ENDED };

struct berth_build_count {
	char *name;
	int64_t current, total;
	bool done;
};

struct berth_build_vertex {
	int64_t id;
	unsigned number; // in the order of appearance, from 1; 0: not yet
	char *name, *digest, *failure;
	json_t *inputs;
	enum berth_build_state state;
	bool cached, canceled;
	int64_t started, ended; // nanoseconds since 1970
	int64_t line, last_line;
	GPtrArray *tail; // of lines, with their time before
	GString *partial; // a line without its end
	GString *kept; // the log's end
	bool cut; // of kept
	GPtrArray *counts; // of struct berth_build_count
};

struct berth_build_warning {
	char *rule, *text;
	int64_t line;
};

struct berth_build_view {
	struct berth_build_view_options options;
	GPtrArray *vertices; // of struct berth_build_vertex
	GPtrArray *warnings;
	int64_t begun, sent;
	// plain
	unsigned numbers;
	struct berth_build_vertex *shown; // whose lines came last
	// live
	GArray *widths; // of the lines drawn
	int64_t drawn; // when
};

// "1.2s"
char *berth_build_seconds(int64_t nanoseconds);

void berth_build_plain__event(struct berth_build_view *view, struct berth_build_vertex *vertex,
			      const struct api_build_event *event);
// A whole line of a step's log, without its end.
void berth_build_plain__line(struct berth_build_view *view, struct berth_build_vertex *vertex, const char *line);
void berth_build_raw__event(struct berth_build_view *view, const struct berth_build_vertex *vertex,
			    const struct api_build_event *event);
void berth_build_live__draw(struct berth_build_view *view, bool last);
