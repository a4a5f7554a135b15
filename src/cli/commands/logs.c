// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/logs-merge.h"
#include "cli/session.h"
#include "cli/style.h"
#include "cli/units.h"
#include "spec/api-container.h"

#include <string.h>

#define BUFFER (64 << 10)

struct options {
	bool details, follow, timestamps;
	char *format, *since, *tail, *until;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"details", 0, BERTH_FLAG_SWITCH, AT(details), NULL, "Show extra details provided to logs"},
	{"follow", 'f', BERTH_FLAG_SWITCH, AT(follow), NULL, "Follow log output"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL,
	 "Format of the lines: \"json\" gives container, stream, time and text"},
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

static struct berth_answer *ask(struct berth_cli *cli, const struct options *options, const char *container,
				bool timestamps, bool *ret_framed, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/logs", container, false);

	berth_path_add_switch(path, "stdout", true);
	berth_path_add_switch(path, "stderr", true);
	berth_path_add_switch(path, "follow", options->follow);
	berth_path_add_switch(path, "timestamps", timestamps);
	berth_path_add_switch(path, "details", options->details);
	berth_path_add(path, "tail", options->tail);
	if (!add_moment(path, "since", options->since, error) || !add_moment(path, "until", options->until, error))
		return NULL;
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "GET", .path = path->str}, error);
	return answer && is_framed(cli, answer, container, ret_framed, error) ? g_steal_pointer(&answer) : NULL;
}

struct one {
	struct berth_cli *cli;
	const struct options *options;
};

static bool copy_one(void *data, const char *name, int out, int err, GError **error)
{
	const struct one *one = data;
	struct berth_frames frames = {.out = out, .err = err};
	g_autofree char *buffer = g_malloc(BUFFER);
	bool framed, fine = true;
	ssize_t count;
	g_autoptr(berth_answer) answer = ask(one->cli, one->options, name, true, &framed, error);

	if (!answer)
		return false;
	while (fine && (count = berth_answer_read(answer, buffer, BUFFER, error)) != 0)
		fine = count > 0 && (framed ? berth_frames_write(&frames, buffer, (size_t) count, error)
					    : berth_write_all(out, buffer, (size_t) count, "the log", error));
	if (fine && frames.told && frames.told->len > 0)
		fine = berth_error_set(error, BERTH_ERROR_INTERNAL, BERTH_CLIENT_ERROR_PREFIX "%s", frames.told->str);
	berth_frames_clear(&frames);
	return fine;
}

static int logs_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	bool json = g_strcmp0(options->format, "json") == 0, framed;

	if (options->format && *options->format && !json) {
		berth_error_set(error, BERTH_ERROR_INVALID, "--format \"%s\": logs have the format json only",
				options->format);
		return 1;
	}
	if (json || arguments[1]) {
		struct one one = {cli, options};
		const struct berth_logs_merge merge = {
			.names = arguments,
			.follow = options->follow,
			.timestamps = options->timestamps,
			.details = options->details,
			.colours = berth_style_colour(cli),
			.json = json,
			.copy = copy_one,
			.data = &one,
		};
		return berth_logs_merge(&merge, error);
	}
	g_autoptr(berth_answer) answer = ask(cli, options, arguments[0], options->timestamps, &framed, error);
	return answer && berth_session_copy(answer, framed, error) ? 0 : 1;
}

const struct berth_command berth_command_logs = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Fetch the logs of a container, or of several at once",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.main = logs_main,
};
