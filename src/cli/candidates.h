// SPDX-License-Identifier: Apache-2.0
// What `berth __complete` prints: candidates of a kind, one a line.
#pragma once

#include "cli/command.h"

struct berth_candidates {
	struct berth_cli *cli;
	const char *prefix; // of the word that is completed
	const char *before; // what stands before it in the same word ("--network="), or ""
	bool describe; // a tab and a description follow
};

void berth_candidate(const struct berth_candidates *to, const char *text, const char *description);
// `kinds` are one kind or several, separated by "|": "container", "running", "paused", "stopped", "place" (a container
// and ":"), "image", "network", "volume", "context", "object" (of any of the first kinds), "page" of the manual,
// "environment", or with a "=" before it a word as it is.
void berth_candidates_of(const struct berth_candidates *to, const char *kinds);
// The values of a flag of a command (NULL: of the program itself).
void berth_candidates_of_flag(const struct berth_candidates *to, const struct berth_command *command,
			      const struct berth_flag *flag);
