// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <string.h>

static int rename_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/rename", g_strstrip(arguments[0]), false);

	if (!*arguments[0] || !*g_strstrip(arguments[1])) {
		berth_error_set(error, BERTH_ERROR_INVALID, "neither old nor new names may be empty");
		return 1;
	}
	berth_path_add(path, "name", arguments[1]);
	return berth_client_do(cli->client, "POST", path->str, error) ? 0 : 1;
}

const struct berth_command berth_command_rename = {
	.arguments = "CONTAINER NEW_NAME",
	.summary = "Rename a container",
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "container",
	.main = rename_main,
};
