// SPDX-License-Identifier: Apache-2.0
// Commands of `berth`, as a table with Docker's grammar. Help, completion and man pages are made from the same rows.
// One file per command (or per pair of short ones): src/cli/commands/<noun>-<verb>.c.
#pragma once

#include "base/flags.h"

#include <glib.h>
#include <stdbool.h>

struct berth_client; // the connection to the engine (cli/client.h)

struct berth_cli {
	struct berth_client *client; // not connected until first used
	const char *program; // the name it was called by: "berth" or "docker"
	bool debug;
};

struct berth_command {
	const char *name; // "run"
	const char *arguments; // "IMAGE [COMMAND] [ARG...]"
	const char *summary; // one line, no full stop
	const char *description; // for the man page; may be NULL
	const struct berth_flag *flags; // NULL: none
	size_t options_size; // of the struct that the flags fill
	bool interspersed; // flags may follow arguments
	int min_arguments, max_arguments; // -1: any number
	const char *completes; // what its arguments are: "container", "image", or NULL
	// Returns the exit status of the program. An error set is printed as "berth: …" and gives 1 (or 125 where
	// Docker does).
	int (*main)(struct berth_cli *cli, const void *options, char **arguments, GError **error);
	const struct berth_command *const *commands; // of a group ("container", "image"); then main is NULL
};

extern const struct berth_command *const berth_commands[]; // NULL-terminated; cli/commands.c

// Runs `berth`. Returns the exit status.
int berth_cli_main(int argc, char **argv);
// Prints completion for "bash", "zsh" or "fish", or the man page of a command path ("container run"), into `out`.
bool berth_cli_completion(const char *shell, GString *out, GError **error);
bool berth_cli_man_page(const char *path, GString *out, GError **error);
