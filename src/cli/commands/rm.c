// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>
#include <string.h>

struct options {
	bool force, link, volumes;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Force the removal of a running container (uses SIGKILL)"},
	{"link", 'l', BERTH_FLAG_SWITCH, AT(link), NULL, "Remove the specified link"},
	{"volumes", 'v', BERTH_FLAG_SWITCH, AT(volumes), NULL,
	 "Remove anonymous volumes associated with the container"},
	{0},
};

static bool remove_one(struct berth_cli *cli, const void *data, const char *container, GError **error)
{
	const struct options *options = data;
	const char *name = container + strspn(container, "/");
	g_autoptr(GString) path = berth_path_new("/containers/%s", name, false);

	berth_path_add_switch(path, "force", options->force);
	berth_path_add_switch(path, "link", options->link);
	berth_path_add_switch(path, "v", options->volumes);
	return berth_cli_do(cli, "DELETE", path, container, error);
}

const struct berth_command berth_command_rm = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Remove one or more containers",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.each = remove_one,
};
