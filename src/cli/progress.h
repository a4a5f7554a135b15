// SPDX-License-Identifier: Apache-2.0
// Streams of progress, as load and import answer with them.
#pragma once

#include "cli/client.h"

// Prints a stream of progress until its end: on a terminal one line per object, renewed in place; otherwise the states
// without the counts between them. An error in the stream becomes *error.
bool berth_progress_print(struct berth_answer *answer, bool quiet, GError **error);
