// SPDX-License-Identifier: Apache-2.0
// `pause` and `unpause`.
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>

static bool send(struct berth_cli *cli, const char *format, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new(format, container, false);

	if (!berth_client_do(cli->client, "POST", path->str, error))
		return false;
	puts(container);
	return true;
}

static bool pause_one(struct berth_cli *cli, G_GNUC_UNUSED const void *options, const char *container, GError **error)
{
	return send(cli, "/containers/%s/pause", container, error);
}

static bool unpause_one(struct berth_cli *cli, G_GNUC_UNUSED const void *options, const char *container, GError **error)
{
	return send(cli, "/containers/%s/unpause", container, error);
}

static int pause_main(struct berth_cli *cli, const void *options, char **arguments, G_GNUC_UNUSED GError **error)
{
	return berth_cli_for_each(cli, options, arguments, pause_one);
}

static int unpause_main(struct berth_cli *cli, const void *options, char **arguments, G_GNUC_UNUSED GError **error)
{
	return berth_cli_for_each(cli, options, arguments, unpause_one);
}

const struct berth_command berth_command_pause = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Pause all processes within one or more containers",
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "running",
	.main = pause_main,
};

const struct berth_command berth_command_unpause = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Unpause all processes within one or more containers",
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "paused",
	.main = unpause_main,
};
