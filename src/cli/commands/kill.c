// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>

struct options {
	char *signal;
};

static const struct berth_flag flags[] = {
	{"signal", 's', BERTH_FLAG_TEXT, offsetof(struct options, signal), NULL, "Signal to send to the container"},
	{0},
};

static bool kill_one(struct berth_cli *cli, const void *data, const char *container, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/containers/%s/kill", container, false);

	berth_path_add(path, "signal", options->signal);
	return berth_cli_do(cli, "POST", path, container, error);
}

const struct berth_command berth_command_kill = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Kill one or more running containers",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "running",
	.each = kill_one,
};
