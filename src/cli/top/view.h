// SPDX-License-Identifier: Apache-2.0
// The screen of `berth top`, by ncurses: a line of totals, the containers, beneath them a log or a help text, a line
// for messages and keys. It is painted anew each time; ncurses sends what has changed.
#pragma once

#include "cli/top/model.h"

enum top_pane { TOP_PANE_NONE, TOP_PANE_LOG, TOP_PANE_HELP };

struct top_view {
	enum top_pane pane;
	char **log; // its lines, of TOP_PANE_LOG
	char *question; // shown instead of the keys: "remove web? [y/N]", "filter: x"
	int first; // the first container that is shown
	bool colours;
};

// Takes the terminal. False with *error.
bool top_view_open(struct top_view *view, GError **error);
void top_view_close(void);
// While another program has the terminal.
void top_view_leave(void);
void top_view_return(void);
void top_view_paint(struct top_view *view, const struct top_model *model);
// A key within the time, or -1. Arrows and the like are the KEY_… of ncurses, told apart here:
enum {
	TOP_KEY_UP = 1000,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_RESIZE,
	TOP_KEY_BACKSPACE,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE
};
int top_view_key(int milliseconds);
// How many containers fit.
int top_view_page(const struct top_view *view);
