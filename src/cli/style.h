// SPDX-License-Identifier: Apache-2.0
// Colours and the terminal's width, for output that people read.
#pragma once

#include "cli/command.h"

#define BERTH_BLUE "\033[34m"
#define BERTH_CYAN "\033[36m"
#define BERTH_GREEN "\033[32m"
#define BERTH_GREY "\033[90m"
#define BERTH_MAGENTA "\033[35m"
#define BERTH_RED "\033[31m"
#define BERTH_YELLOW "\033[33m"
#define BERTH_BOLD "\033[1m"
#define BERTH_PLAIN "\033[0m"

// Whether standard output gets colours: by --color (always, never, auto); then NO_COLOR, CLICOLOR_FORCE and CLICOLOR=0;
// else if it is a terminal that is not dumb.
bool berth_style_colour(const struct berth_cli *cli);
// Whether a word is one that --color takes.
bool berth_style_check(const char *when, GError **error);
// A text in a colour; as it is without colours or with colour NULL. The caller frees it.
char *berth_style_paint(bool colours, const char *colour, const char *text);
// Columns of the terminal that standard output is, 0 if it is none.
unsigned berth_style_width(void);
// Columns that a text takes: control sequences take none, wide letters two.
size_t berth_style_measure(const char *text);
// A text cut to `width` columns, its last "…" if something was cut. Control sequences stay. The caller frees it.
char *berth_style_cut(const char *text, size_t width);
// A text from elsewhere without what a terminal would obey: control characters but line ends and tabs. The caller frees
// it.
char *berth_style_clean(const char *text);
