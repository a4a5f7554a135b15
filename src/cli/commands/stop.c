// SPDX-License-Identifier: Apache-2.0
// `stop` and `restart`.
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>

struct options {
	char *signal;
	int64_t timeout;
	bool timeout_given;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"signal", 's', BERTH_FLAG_TEXT, AT(signal), NULL, "Signal to send to the container"},
	{"time", 0, BERTH_FLAG_INTEGER, AT(timeout), NULL, "Seconds to wait before killing the container",
	 .flags = BERTH_FLAG_HIDDEN | BERTH_FLAG_NEGATIVE_OK, .given_offset = AT(timeout_given)},
	{"timeout", 't', BERTH_FLAG_INTEGER, AT(timeout), NULL, "Seconds to wait before killing the container",
	 .flags = BERTH_FLAG_NEGATIVE_OK, .given_offset = AT(timeout_given)},
	{0},
};

static bool send(struct berth_cli *cli, const struct options *options, const char *format, const char *container,
		 GError **error)
{
	g_autoptr(GString) path = berth_path_new(format, container, false);

	berth_path_add(path, "signal", options->signal);
	if (options->timeout_given)
		berth_path_add_integer(path, "t", options->timeout);
	return berth_cli_do(cli, "POST", path, container, error);
}

static bool stop_one(struct berth_cli *cli, const void *options, const char *container, GError **error)
{
	return send(cli, options, "/containers/%s/stop", container, error);
}

static bool restart_one(struct berth_cli *cli, const void *options, const char *container, GError **error)
{
	return send(cli, options, "/containers/%s/restart", container, error);
}

const struct berth_command berth_command_stop = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Stop one or more running containers",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "running",
	.each = stop_one,
};

const struct berth_command berth_command_restart = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Restart one or more containers",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.each = restart_one,
};
