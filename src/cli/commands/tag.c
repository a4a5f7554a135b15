// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <string.h>

static int tag_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/images/%s/tag", arguments[0], true);
	const char *slash = strrchr(arguments[1], '/'), *colon = strrchr(slash ? slash : arguments[1], ':');
	g_autofree char *repository =
		colon ? g_strndup(arguments[1], (size_t) (colon - arguments[1])) : g_strdup(arguments[1]);

	berth_path_add(path, "repo", repository);
	berth_path_add(path, "tag", colon ? colon + 1 : NULL);
	return berth_client_do(cli->client, "POST", path->str, error) ? 0 : 1;
}

const struct berth_command berth_command_tag = {
	.arguments = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
	.summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "image",
	.main = tag_main,
};
