// SPDX-License-Identifier: Apache-2.0
// Commands of `berth`, as tables with Docker's grammar. Help, completion and man pages are made from the same rows.
// One file per command (or per pair of short ones) in src/cli/commands/; a command may stand in the tables under
// several names ("ps", "container ls").
#pragma once

#include "base/flags.h"

#include <glib.h>
#include <stdbool.h>

#define BERTH_CLI_FAILURE 125 // what Docker's run answers with when the failure is not the container's

// How the engine of a tcp:// host is spoken to: --tls and its like, or the environment.
struct berth_cli_tls {
	bool on, verify;
	const char *authority, *certificate, *key; // files; NULL: not named
};

struct berth_cli {
	struct berth_client *client; // connects when it is first used; NULL for commands that are `local`
	const char *program; // the name it was called by: "berth" or "docker"
	const char *path; // the command as it was called: "berth container ls"
	const char *config; // the folder that --config names, or NULL
	const char *chosen_context, *chosen_host; // of --context and --host, or NULL
	const char *context; // the name of the one in use
	struct json_t *settings; // config.json, once it was read: berth_config_get()
	const char *colour; // of --color, or NULL
	struct berth_cli_tls tls;
	bool debug;
};

// A row of flags for what Docker has and this version has not: its use is refused with the cause.
#define BERTH_FLAG_NOT_HERE(name, type, cause)                                                                         \
	{                                                                                                              \
		name, 0, type, 0, NULL, cause " are not supported by this version", NULL,                              \
			BERTH_FLAG_HIDDEN | BERTH_FLAG_REFUSED                                                         \
	}
#define BERTH_FLAG_NO_PLATFORM BERTH_FLAG_NOT_HERE("platform", BERTH_FLAG_TEXT, "images of several platforms")

// What a command does for one of its arguments; it prints its own success.
typedef bool berth_cli_each_fn(struct berth_cli *cli, const void *options, const char *argument, GError **error);

struct berth_command_entry;

struct berth_command {
	const char *arguments; // "IMAGE [COMMAND] [ARG...]", or ""
	const char *summary; // one line, no full stop
	const char *description; // for the man page; may be NULL
	const struct berth_flag *flags; // NULL: none
	size_t options_size; // of the struct that the flags fill
	bool leading; // flags stand before the arguments only, as in `run`
	int min_arguments, max_arguments; // max -1: any number
	const char *completes; // what its arguments are: "container", "network container", … (candidates.h), or NULL
	const struct berth_listing *listing; // what --format is about, or NULL
	// Returns the exit status of the program. An error set is printed, and its status is `failure`, or 1.
	int (*main)(struct berth_cli *cli, const void *options, char **arguments, GError **error);
	berth_cli_each_fn *each; // instead: the same for each argument, by berth_cli_for_each()
	int failure;
	bool local; // asks no engine, so none need be named rightly; cli->client is NULL
	const struct berth_command_entry *commands; // of a group ("container", "image"), which has neither of the two
};

struct berth_command_entry {
	const char *name; // NULL ends a table
	const struct berth_command *command;
	bool hidden; // works, and is left out of help
};

extern const struct berth_command_entry berth_commands[]; // cli/commands.c
extern const struct berth_flag berth_global_flags[]; // cli/main.c

// Runs `berth`. Returns the exit status.
int berth_cli_main(int argc, char **argv);

// Makes cli->client, for commands that are `local` and ask the engine after all.
bool berth_cli_connect(struct berth_cli *cli, GError **error);

// Prints an error as the program does: what the engine told as it told it, all else behind the program's name.
void berth_cli_complain(const struct berth_cli *cli, const GError *error);

// Does the same for each argument; failures are printed as they come. Returns the exit status.
int berth_cli_for_each(struct berth_cli *cli, const void *options, char **arguments, berth_cli_each_fn *each);

// A call for one named thing, whose name is printed when it has succeeded.
bool berth_cli_do(struct berth_cli *cli, const char *method, const GString *path, const char *name, GError **error);

// Asks a question on the terminal; false unless the answer is yes.
bool berth_cli_confirm(const char *question);

// The command of a path in the tables ({"container", "ls"}); *ret_used says how many names were of it. NULL: none.
const struct berth_command *berth_command_find(char *const *names, size_t *ret_used);
// Appends help as `--help` prints it; `path` as in struct berth_cli.
void berth_command_help(const struct berth_command *command, const char *program, const char *path, unsigned width,
			GString *out);
// The help of `berth` itself.
void berth_program_help(const char *program, unsigned width, GString *out);
// Names of `commands` near to a mistyped one, joined by ", "; NULL if there is none.
char *berth_command_near(const struct berth_command_entry *commands, const char *name);
// The same of flags, as "--name".
char *berth_flag_near(const struct berth_flag *flags, const char *name);

// Appends the script for "bash", "zsh" or "fish", which asks `berth __complete` for candidates.
bool berth_cli_completion(const char *shell, GString *out, GError **error);
// The man page of a command as roff, by its page's name ("berth", "berth-container-run"); and all names, one a line.
bool berth_cli_man_page(const char *page, GString *out, GError **error);
void berth_cli_man_list(GString *out);
