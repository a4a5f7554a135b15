// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/container-options.h"
#include "cli/session.h"
#include "spec/api-exec.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct options {
	bool detach, interactive, tty, privileged;
	char *detach_keys, *user, *workdir;
	char **env, **env_files;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"detach", 'd', BERTH_FLAG_SWITCH, AT(detach), NULL, "Detached mode: run command in the background"},
	{"detach-keys", 0, BERTH_FLAG_TEXT, AT(detach_keys), NULL,
	 "Override the key sequence for detaching a container"},
	{"env", 'e', BERTH_FLAG_LIST, AT(env), NULL, "Set environment variables"},
	{"env-file", 0, BERTH_FLAG_LIST, AT(env_files), NULL, "Read in a file of environment variables"},
	{"interactive", 'i', BERTH_FLAG_SWITCH, AT(interactive), NULL, "Keep STDIN open even if not attached"},
	{"privileged", 0, BERTH_FLAG_SWITCH, AT(privileged), NULL, "Give extended privileges to the command"},
	{"tty", 't', BERTH_FLAG_SWITCH, AT(tty), NULL, "Allocate a pseudo-TTY"},
	{"user", 'u', BERTH_FLAG_TEXT, AT(user), NULL, "Username or UID (format: \"<name|uid>[:<group|gid>]\")"},
	{"workdir", 'w', BERTH_FLAG_TEXT, AT(workdir), NULL, "Working directory inside the container"},
	{0},
};

static json_t *console_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
		return NULL;
	return json_pack("[ii]", size.ws_row, size.ws_col);
}

static char *create(struct berth_cli *cli, const struct options *options, char **arguments, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/exec", arguments[0], false);
	g_autoptr(api_exec_config) config = berth_document_new(&api_exec_config_document);

	config->user = g_strdup(options->user);
	config->privileged = options->privileged;
	config->tty = options->tty;
	config->detach = options->detach;
	config->attach_stdin = options->interactive && !options->detach;
	config->attach_stdout = config->attach_stderr = !options->detach;
	config->detach_keys = g_strdup(options->detach_keys);
	config->working_dir = g_strdup(options->workdir);
	config->cmd = g_strdupv(arguments + 1);
	config->console_size = options->tty ? console_size() : NULL;
	if (!berth_parse_env(options->env, options->env_files, &config->env, error))
		return NULL;
	g_autofree char *body =
		berth_document_print_text(&api_exec_config_document, config, berth_client_version(cli->client));
	g_autoptr(api_exec_created) created =
		berth_client_document(cli->client, "POST", path->str, body, &api_exec_created_document, error);
	return created ? g_strdup(created->id) : NULL;
}

static struct berth_answer *start(struct berth_cli *cli, const struct options *options, const char *id, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/exec/%s/start", id, false);
	const struct api_exec_start request = {
		.detach = options->detach,
		.tty = options->tty,
		.console_size = options->tty ? console_size() : NULL,
	};
	g_autofree char *body =
		berth_document_print_text(&api_exec_start_document, &request, berth_client_version(cli->client));
	const struct berth_call call = {.method = "POST", .path = path->str, .body = body, .upgrade = !options->detach};
	json_decref(request.console_size);
	return berth_client_call(cli->client, &call, error);
}

static bool exit_code(struct berth_cli *cli, const char *id, int *ret, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/exec/%s/json", id, false);
	g_autoptr(api_exec_inspect) inspect =
		berth_client_document(cli->client, "GET", path->str, NULL, &api_exec_inspect_document, error);

	if (inspect)
		*ret = inspect->exit_code == BERTH_UNSET ? 0 : (int) inspect->exit_code;
	return inspect != NULL;
}

static int exec_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	enum berth_session_end end;
	int status = 1;

	if (options->interactive && options->tty && !options->detach && !isatty(STDIN_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the input device is not a TTY");
		return 1;
	}
	g_autofree char *id = create(cli, options, arguments, error);
	if (!id)
		return 1;
	const struct berth_session session = {
		.client = cli->client,
		.exec = id,
		.tty = options->tty,
		.in = options->interactive,
		.out = true,
		.err = true,
		.detach_keys = berth_config_detach_keys(cli, options->detach_keys),
	};
	if (!options->detach)
		berth_session_block(&session);
	g_autoptr(berth_answer) stream = start(cli, options, id, error);
	if (!stream)
		return berth_session_start_status((*error)->message) == 125
			       ? 1
			       : berth_session_start_status((*error)->message);
	if (options->detach)
		return 0;
	if (!berth_session_run(&session, stream, NULL, &end, error))
		return 1;
	if (end == BERTH_SESSION_DETACHED) {
		fprintf(stderr, "read escape sequence\n");
		return 1;
	}
	return exit_code(cli, id, &status, error) ? status : 1;
}

const struct berth_command berth_command_exec = {
	.arguments = "CONTAINER COMMAND [ARG...]",
	.summary = "Execute a command in a running container",
	.description =
		"Runs a further process in the container, beside those that run there, and joins its streams with this "
		"program's unless it runs detached. The exit status is the command's; 126 if it cannot be run, 127 if "
		"it was not found. It goes on when this program is ended.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.leading = true,
	.min_arguments = 2,
	.max_arguments = -1,
	.completes = "running",
	.main = exec_main,
};
