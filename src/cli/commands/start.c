// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/session.h"
#include "spec/api-container.h"

#include <stdio.h>
#include <string.h>

struct options {
	bool attach, interactive, sig_proxy;
	char *detach_keys, *checkpoint, *checkpoint_folder;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"attach", 'a', BERTH_FLAG_SWITCH, AT(attach), NULL, "Attach STDOUT/STDERR and forward signals"},
	{"checkpoint", 0, BERTH_FLAG_TEXT, AT(checkpoint), NULL, "Restore from this checkpoint"},
	{"checkpoint-dir", 0, BERTH_FLAG_TEXT, AT(checkpoint_folder), NULL,
	 "Use a custom checkpoint storage directory"},
	{"detach-keys", 0, BERTH_FLAG_TEXT, AT(detach_keys), NULL,
	 "Override the key sequence for detaching a container"},
	{"interactive", 'i', BERTH_FLAG_SWITCH, AT(interactive), NULL, "Attach container's STDIN"},
	{"sig-proxy", 0, BERTH_FLAG_SWITCH, AT(sig_proxy), NULL, "Proxy received signals to the process", "true",
	 BERTH_FLAG_HIDDEN},
	{0},
};

static bool start(struct berth_cli *cli, const char *container, const struct options *options, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/start", container, false);

	berth_path_add(path, "detachKeys", options->detach_keys);
	berth_path_add(path, "checkpoint", options->checkpoint);
	berth_path_add(path, "checkpoint-dir", options->checkpoint_folder);
	return berth_client_do(cli->client, "POST", path->str, error);
}

static bool start_one(struct berth_cli *cli, const void *data, const char *container, GError **error)
{
	const struct options *options = data;

	if (!start(cli, container, options, error))
		return false;
	puts(container);
	return true;
}

static int start_attached(struct berth_cli *cli, const struct options *options, const char *container, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/json", container, false);
	g_autoptr(api_container_inspect) inspect =
		berth_client_document(cli->client, "GET", path->str, NULL, &api_container_inspect_document, error);
	enum berth_session_end end;
	int status = 1;

	if (!inspect)
		return 1;
	bool tty = inspect->config && inspect->config->tty;
	struct berth_session session = {
		.client = cli->client,
		.container = inspect->id,
		.tty = tty,
		.in = options->interactive && inspect->config && inspect->config->open_stdin,
		.out = true,
		.err = true,
		.signals = options->sig_proxy && !tty,
		.detach_keys = berth_config_detach_keys(cli, options->detach_keys),
	};
	berth_session_block(&session);
	g_autoptr(berth_answer) stream = berth_session_attach(&session, false, error);
	g_autoptr(GString) wait_path = berth_path_new("/containers/%s/wait", inspect->id, false);
	berth_path_add(wait_path, "condition",
		       inspect->host_config && inspect->host_config->auto_remove ? "removed" : "next-exit");
	g_autoptr(berth_answer) wait =
		stream ? berth_client_begin(cli->client, &(struct berth_call){.method = "POST", .path = wait_path->str},
					    error)
		       : NULL;
	if (!wait || !berth_answer_wait(stream, error) || !berth_answer_wait(wait, error) ||
	    !start(cli, inspect->id, options, error) || !berth_session_run(&session, stream, wait, &end, error))
		return 1;
	if (end == BERTH_SESSION_DETACHED)
		return 0;
	berth_session_status(wait, &status, error);
	return status;
}

static int start_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;

	if (options->checkpoint && arguments[1]) {
		berth_error_set(error, BERTH_ERROR_INVALID, "you cannot restore multiple containers at once");
		return 1;
	}
	if (!options->attach && !options->interactive)
		return berth_cli_for_each(cli, options, arguments, start_one);
	if (arguments[1]) {
		berth_error_set(error, BERTH_ERROR_INVALID, "you cannot start and attach multiple containers at once");
		return 1;
	}
	return start_attached(cli, options, arguments[0], error);
}

const struct berth_command berth_command_start = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Start one or more stopped containers",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "stopped",
	.main = start_main,
};
