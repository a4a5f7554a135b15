// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/session.h"

#include <stdio.h>

static bool wait_one(struct berth_cli *cli, G_GNUC_UNUSED const void *options, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/wait", container, false);
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "POST", .path = path->str}, error);
	int status;

	if (!answer || !berth_session_status(answer, &status, error))
		return false;
	printf("%d\n", status);
	fflush(stdout);
	return true;
}

const struct berth_command berth_command_wait = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Block until one or more containers stop, then print their exit codes",
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.each = wait_one,
};
