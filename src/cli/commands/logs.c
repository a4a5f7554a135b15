// SPDX-License-Identifier: Apache-2.0
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/session.h"
#include "cli/units.h"
#include "spec/api.h"

#include <string.h>

struct options {
	bool details, follow, timestamps;
	char *since, *tail, *until;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"details", 0, BERTH_FLAG_SWITCH, AT(details), NULL, "Show extra details provided to logs"},
	{"follow", 'f', BERTH_FLAG_SWITCH, AT(follow), NULL, "Follow log output"},
	{"since", 0, BERTH_FLAG_TEXT, AT(since), NULL,
	 "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"},
	{"tail", 'n', BERTH_FLAG_TEXT, AT(tail), NULL, "Number of lines to show from the end of the logs", "all"},
	{"timestamps", 't', BERTH_FLAG_SWITCH, AT(timestamps), NULL, "Show timestamps"},
	{"until", 0, BERTH_FLAG_TEXT, AT(until), NULL,
	 "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"},
	{0},
};

static bool add_moment(GString *path, const char *name, const char *text, GError **error)
{
	g_autofree char *moment = NULL;

	if (!text || !*text)
		return true;
	if (!berth_since_parse(text, berth_moment_now(), &moment, error)) {
		g_prefix_error(error, "invalid value for \"%s\": ", name);
		return false;
	}
	berth_path_add(path, name, moment);
	return true;
}

// Whether the stream is of frames: since 1.42 its type says so, before only the container's terminal does.
static bool is_framed(struct berth_cli *cli, const struct berth_answer *answer, const char *container, bool *ret,
		      GError **error)
{
	*ret = strstr(berth_answer_type(answer), "multiplexed") != NULL;
	if (*ret || berth_client_version(cli->client) >= 142)
		return true;
	g_autoptr(GString) path = berth_path_new("/containers/%s/json", container, false);
	g_autoptr(api_container_inspect) inspect =
		berth_client_document(cli->client, "GET", path->str, NULL, &api_container_inspect_document, error);
	*ret = inspect && !(inspect->config && inspect->config->tty);
	return inspect;
}

static int logs_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/containers/%s/logs", arguments[0], false);
	bool framed;

	berth_path_add_switch(path, "stdout", true);
	berth_path_add_switch(path, "stderr", true);
	berth_path_add_switch(path, "follow", options->follow);
	berth_path_add_switch(path, "timestamps", options->timestamps);
	berth_path_add_switch(path, "details", options->details);
	berth_path_add(path, "tail", options->tail);
	if (!add_moment(path, "since", options->since, error) || !add_moment(path, "until", options->until, error))
		return 1;
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "GET", .path = path->str}, error);
	return answer && is_framed(cli, answer, arguments[0], &framed, error) &&
			       berth_session_copy(answer, framed, error)
		       ? 0
		       : 1;
}

const struct berth_command berth_command_logs = {
	.arguments = "CONTAINER",
	.summary = "Fetch the logs of a container",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "container",
	.main = logs_main,
};
