// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/session.h"
#include "spec/api-container.h"

#include <stdio.h>
#include <unistd.h>

struct options {
	char *detach_keys;
	bool no_stdin, sig_proxy;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"detach-keys", 0, BERTH_FLAG_TEXT, AT(detach_keys), NULL,
	 "Override the key sequence for detaching a container"},
	{"no-stdin", 0, BERTH_FLAG_SWITCH, AT(no_stdin), NULL, "Do not attach STDIN"},
	{"sig-proxy", 0, BERTH_FLAG_SWITCH, AT(sig_proxy), NULL, "Proxy all received signals to the process", "true"},
	{0},
};

static struct api_container_inspect *inspect_running(struct berth_cli *cli, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/json", container, false);
	g_autoptr(api_container_inspect) inspect =
		berth_client_document(cli->client, "GET", path->str, NULL, &api_container_inspect_document, error);

	if (!inspect)
		return NULL;
	const struct api_container_state *state = inspect->state;
	const char *wrong = !state || !state->running ? "cannot attach to a stopped container, start it first"
			    : state->paused           ? "cannot attach to a paused container, unpause it first"
			    : state->restarting ? "cannot attach to a restarting container, wait until it is running"
						: NULL;
	if (!wrong)
		return g_steal_pointer(&inspect);
	berth_error_set(error, BERTH_ERROR_CONFLICT, "%s", wrong);
	return NULL;
}

static int attach_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(api_container_inspect) inspect = inspect_running(cli, arguments[0], error);
	enum berth_session_end end;
	int status = 1;

	if (!inspect)
		return 1;
	bool tty = inspect->config && inspect->config->tty;
	struct berth_session session = {
		.client = cli->client,
		.container = inspect->id,
		.tty = tty,
		.in = !options->no_stdin && inspect->config && inspect->config->open_stdin,
		.out = true,
		.err = true,
		.signals = options->sig_proxy && !tty,
		.detach_keys = berth_config_detach_keys(cli, options->detach_keys),
	};
	if (session.in && tty && !isatty(STDIN_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the input device is not a TTY");
		return 1;
	}
	berth_session_block(&session);
	g_autoptr(GString) path = berth_path_new("/containers/%s/wait", inspect->id, false);
	g_autoptr(berth_answer) wait =
		berth_client_call(cli->client, &(struct berth_call){.method = "POST", .path = path->str}, error);
	g_autoptr(berth_answer) stream = wait ? berth_session_attach(&session, false, error) : NULL;
	if (!stream || !berth_answer_wait(stream, error) || !berth_session_run(&session, stream, wait, &end, error))
		return 1;
	if (end == BERTH_SESSION_DETACHED) {
		fprintf(stderr, "read escape sequence\n");
		return 1;
	}
	berth_session_status(wait, &status, error);
	return status;
}

const struct berth_command berth_command_attach = {
	.arguments = "CONTAINER",
	.summary = "Attach local standard input, output, and error streams to a running container",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "running",
	.main = attach_main,
};
