// SPDX-License-Identifier: Apache-2.0
// Streams of progress, as pull, push, load and import answer with them.
#pragma once

#include "cli/client.h"

#include <stdio.h>

// Prints a stream of progress until its end: on a terminal one line per object, renewed in place, with bytes, rate and
// time left, and a line for all of them; otherwise each state once, without the counts. `quiet`: what the stream tells
// of results only ("stream" lines). An error in the stream becomes *error.
bool berth_progress_print(struct berth_answer *answer, bool quiet, FILE *out, GError **error);
