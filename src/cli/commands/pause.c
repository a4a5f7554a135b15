// SPDX-License-Identifier: Apache-2.0
// `pause` and `unpause`.
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>

static bool send(struct berth_cli *cli, const char *format, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new(format, container, false);

	return berth_cli_do(cli, "POST", path, container, error);
}

static bool pause_one(struct berth_cli *cli, G_GNUC_UNUSED const void *options, const char *container, GError **error)
{
	return send(cli, "/containers/%s/pause", container, error);
}

static bool unpause_one(struct berth_cli *cli, G_GNUC_UNUSED const void *options, const char *container, GError **error)
{
	return send(cli, "/containers/%s/unpause", container, error);
}

const struct berth_command berth_command_pause = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Pause all processes within one or more containers",
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "running",
	.each = pause_one,
};

const struct berth_command berth_command_unpause = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Unpause all processes within one or more containers",
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "paused",
	.each = unpause_one,
};
