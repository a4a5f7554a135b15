// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "spec/api.h"

#include <stdio.h>

static int top_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/top", arguments[0], false);
	g_autofree char *ps = g_strjoinv(" ", arguments + 1);

	if (*ps)
		berth_path_add(path, "ps_args", ps);
	g_autoptr(api_container_top) top =
		berth_client_document(cli->client, "GET", path->str, NULL, &api_container_top_document, error);
	if (!top)
		return 1;
	g_autofree char *titles = g_strjoinv("\t", top->titles);
	g_autoptr(GString) text = g_string_new(titles);
	g_string_append_c(text, '\n');
	json_t *process, *cell;
	size_t i, j;
	json_array_foreach(top->processes, i, process)
	{
		json_array_foreach(process, j, cell)
			g_string_append_printf(text, "%s%s", j ? "\t" : "", json_string_value(cell));
		g_string_append_c(text, '\n');
	}
	g_autoptr(GString) aligned = g_string_new(NULL);
	berth_columns_align(text->str, 0, aligned);
	fputs(aligned->str, stdout);
	return 0;
}

const struct berth_command berth_command_top = {
	.arguments = "CONTAINER [ps OPTIONS]",
	.summary = "Display the running processes of a container",
	.leading = true,
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "running",
	.main = top_main,
};
