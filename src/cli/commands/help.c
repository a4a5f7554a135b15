// SPDX-License-Identifier: Apache-2.0
// `help`, `completion` and `man`.
#include "base/error.h"
#include "cli/commands/commands.h"

#include <stdio.h>

struct man_options {
	bool list;
};

static const struct berth_flag man_flags[] = {
	{"list", 0, BERTH_FLAG_SWITCH, offsetof(struct man_options, list), NULL, "Print the names of all pages"},
	{0},
};

static int help_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *names = g_strjoinv(" ", arguments);
	g_autofree char *path = g_strconcat(cli->program, " ", names, NULL);
	size_t used;

	if (!arguments[0]) {
		berth_program_help(cli->program, 0, text);
	} else {
		const struct berth_command *command = berth_command_find(arguments, &used);
		if (!command || arguments[used]) {
			berth_error_set(error, BERTH_ERROR_NOT_FOUND, "unknown help topic: %s", names);
			return 1;
		}
		berth_command_help(command, cli->program, path, 0, text);
	}
	fputs(text->str, stdout);
	return 0;
}

static int completion_main(G_GNUC_UNUSED struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments,
			   GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (!berth_cli_completion(arguments[0], text, error))
		return 1;
	fputs(text->str, stdout);
	return 0;
}

static int man_main(G_GNUC_UNUSED struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct man_options *options = data;
	g_autoptr(GString) text = g_string_new(NULL);

	if (options->list)
		berth_cli_man_list(text);
	else if (!berth_cli_man_page(arguments[0] ? arguments[0] : "berth", text, error))
		return 1;
	fputs(text->str, stdout);
	return 0;
}

const struct berth_command berth_command_help_text = {
	.arguments = "[COMMAND...]",
	.summary = "Help about a command",
	.max_arguments = -1,
	.completes = "command",
	.main = help_main,
	.local = true,
};

const struct berth_command berth_command_completion = {
	.arguments = "bash|zsh|fish",
	.summary = "Print the script that completes commands in a shell",
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "=bash|=fish|=zsh",
	.main = completion_main,
	.local = true,
};

const struct berth_command berth_command_man = {
	.arguments = "[PAGE]",
	.summary = "Print a man page as roff",
	.flags = man_flags,
	.options_size = sizeof(struct man_options),
	.max_arguments = 1,
	.completes = "page",
	.main = man_main,
	.local = true,
};
