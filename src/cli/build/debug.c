// SPDX-License-Identifier: Apache-2.0
#include "cli/build/debug.h"

#include "cli/client.h"
#include "cli/config.h"
#include "cli/session.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static GString *path_of(const char *failed_step)
{
	GString *path = berth_path_new("/build/%s/debug", failed_step, false);
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
		berth_path_add_integer(path, "h", size.ws_row);
		berth_path_add_integer(path, "w", size.ws_col);
	}
	return path;
}

bool berth_build_enter(struct berth_cli *cli, const char *failed_step, GError **error)
{
	const struct berth_session session = {.client = cli->client,
					      .failed_step = failed_step,
					      .tty = true,
					      .in = true,
					      .out = true,
					      .err = true,
					      .detach_keys = berth_config_detach_keys(cli, NULL)};
	g_autoptr(GString) path = path_of(failed_step);
	enum berth_session_end end;

	fputs("A shell in what the failed step left; what is changed in it is dropped at its end.\n", stderr);
	berth_session_block(&session);
	const struct berth_call call = {.method = "POST", .path = path->str, .upgrade = true};
	g_autoptr(berth_answer) stream = berth_client_call(cli->client, &call, error);
	return stream && berth_session_run(&session, stream, NULL, &end, error);
}
