// SPDX-License-Identifier: Apache-2.0
// `run` and `create`. A run is three exchanges one after another: create; attach and wait, sent together; start.
#include "base/error.h"
#include "base/fd.h"
#include "cli/commands/commands.h"
#include "cli/commands/pull.h"
#include "cli/config.h"
#include "cli/container-options.h"
#include "cli/session.h"
#include "spec/api-container.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// An id file must not be there yet; it is made before the container and goes again if there is none.
static bool open_id_file(const char *path, int *ret_fd, GError **error)
{
	if (!path)
		return true;
	*ret_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (*ret_fd >= 0)
		return true;
	if (errno == EEXIST)
		return berth_error_set(
			error, BERTH_ERROR_CONFLICT,
			"container ID file found, make sure the other container isn't running or delete %s", path);
	return berth_error_set_errno(error, errno, "failed to create the container ID file %s", path);
}

static char *create_path(const struct berth_container_options *options)
{
	GString *path = berth_path_new("/containers/create", NULL, false);

	berth_path_add(path, "name", options->name);
	berth_path_add(path, "platform", options->platform);
	return g_string_free(path, FALSE);
}

static bool is(const struct berth_container_options *options, const char *pull)
{
	return strcmp(options->pull, pull) == 0;
}

static bool check_pull(const struct berth_container_options *options, GError **error)
{
	return is(options, "always") || is(options, "missing") || is(options, "never") || is(options, "") ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"",
			       options->pull);
}

static struct api_container_created *request_create(struct berth_cli *cli, const char *path, const char *body,
						    GError **error)
{
	return berth_client_document(cli->client, "POST", path, body, &api_container_created_document, error);
}

// An image that is missing is pulled, unless that is not wanted, and then the request made again.
static struct api_container_created *create_pulling(struct berth_cli *cli,
						    const struct berth_container_options *options, const char *path,
						    const char *body, const char *image, GError **error)
{
	const char *slash = strrchr(image, '/');
	bool tagged = strchr(slash ? slash : image, ':') || strchr(image, '@');
	g_autoptr(GError) failure = NULL;

	if (is(options, "always") && !berth_pull_image(cli, image, options->platform, options->quiet, stderr, error))
		return NULL;
	struct api_container_created *created = request_create(cli, path, body, &failure);
	if (created)
		return created;
	if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) ||
	    !strstr(failure->message, "No such image") || is(options, "never")) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return NULL;
	}
	if (!options->quiet)
		fprintf(stderr, "Unable to find image '%s%s' locally\n", image, tagged ? "" : ":latest");
	if (!berth_pull_image(cli, image, options->platform, options->quiet, stderr, error))
		return NULL;
	return request_create(cli, path, body, error);
}

static char *create(struct berth_cli *cli, const struct berth_container_options *options,
		    const struct api_container_create *request, GError **error)
{
	berth_fd file = -1;

	if (!check_pull(options, error) || !open_id_file(options->cidfile, &file, error))
		return NULL;
	g_autofree char *path = create_path(options);
	g_autofree char *body =
		berth_document_print_text(&api_container_create_document, request, berth_client_version(cli->client));
	g_autoptr(api_container_created) created =
		create_pulling(cli, options, path, body, request->config.image, error);
	if (!created) {
		if (file >= 0)
			unlink(options->cidfile);
		return NULL;
	}
	for (char **warning = created->warnings; warning && *warning; warning++)
		fprintf(stderr, "WARNING: %s\n", *warning);
	if (file >= 0 && !berth_write_all(file, created->id, strlen(created->id), options->cidfile, error))
		return NULL;
	return g_strdup(created->id);
}

// The user's proxies, unless the command line says something else about them.
static struct api_container_create *make_request(struct berth_cli *cli, const struct berth_container_options *options,
						 char *const *arguments, GError **error)
{
	struct api_container_create *request = berth_container_request(options, arguments, error);
	g_auto(GStrv) proxies = request ? berth_config_proxies(cli, berth_client_host(cli->client)) : NULL;

	for (char **proxy = proxies; proxy && *proxy; proxy++) {
		size_t length = strcspn(*proxy, "=") + 1;
		bool given = false;
		for (char **variable = request->config.env; variable && *variable; variable++)
			given = given || strncmp(*variable, *proxy, length) == 0;
		if (!given)
			berth_strings_add(&request->config.env, g_strdup(*proxy));
	}
	return request;
}

static int create_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct berth_container_options *options = data;
	g_autoptr(api_container_create) request = make_request(cli, options, arguments, error);

	if (!request)
		return BERTH_CLI_FAILURE;
	g_autofree char *id = create(cli, options, request, error);
	if (!id)
		return 1;
	puts(id);
	return 0;
}

static bool start(struct berth_cli *cli, const char *id, const char *detach_keys, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/start", id, false);

	berth_path_add(path, "detachKeys", detach_keys);
	return berth_client_do(cli->client, "POST", path->str, error);
}

static int run_detached(struct berth_cli *cli, const struct berth_container_options *options, const char *id,
			GError **error)
{
	if (!start(cli, id, options->detach_keys, error))
		return berth_session_start_status((*error)->message);
	puts(id);
	return 0;
}

static struct berth_answer *begin_wait(struct berth_cli *cli, const struct berth_container_options *options,
				       const char *id, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/containers/%s/wait", id, false);

	berth_path_add(path, "condition", options->rm ? "removed" : "next-exit");
	return berth_client_begin(cli->client, &(struct berth_call){.method = "POST", .path = path->str}, error);
}

static int run_attached(struct berth_cli *cli, const struct berth_container_options *options, const char *id,
			const struct api_container_config *config, GError **error)
{
	struct berth_session session = {
		.client = cli->client,
		.container = id,
		.tty = config->tty,
		.in = config->attach_stdin,
		.out = config->attach_stdout,
		.err = config->attach_stderr,
		.signals = options->sig_proxy && !config->tty,
		.detach_keys = berth_config_detach_keys(cli, options->detach_keys),
	};
	enum berth_session_end end;
	int status = BERTH_CLI_FAILURE;

	berth_session_block(&session);
	g_autoptr(berth_answer) stream = berth_session_attach(&session, false, error);
	g_autoptr(berth_answer) wait = stream ? begin_wait(cli, options, id, error) : NULL;
	if (!wait || !berth_answer_wait(stream, error) || !berth_answer_wait(wait, error))
		return BERTH_CLI_FAILURE;
	if (!start(cli, id, options->detach_keys, error))
		return berth_session_start_status((*error)->message);
	if (!berth_session_run(&session, stream, wait, &end, error))
		return BERTH_CLI_FAILURE;
	if (end == BERTH_SESSION_DETACHED)
		return 0;
	berth_session_status(wait, &status, error);
	return status;
}

static int run_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct berth_container_options *options = data;
	g_autoptr(api_container_create) request = make_request(cli, options, arguments, error);

	if (!request)
		return BERTH_CLI_FAILURE;
	if (request->config.attach_stdin && options->tty && !isatty(STDIN_FILENO)) {
		fprintf(stderr, "the input device is not a TTY\n");
		return 1;
	}
	g_autofree char *id = create(cli, options, request, error);
	if (!id)
		return BERTH_CLI_FAILURE;
	return options->detach ? run_detached(cli, options, id, error)
			       : run_attached(cli, options, id, &request->config, error);
}

const struct berth_command berth_command_run = {
	.arguments = "IMAGE [COMMAND] [ARG...]",
	.summary = "Create and run a new container from an image",
	.description =
		"Makes a container of the image, starts it, and joins its streams with this program's unless it "
		"runs detached. The exit status is the container's; 125 if the engine failed, 126 if the command "
		"cannot be run, 127 if it was not found.",
	.flags = berth_run_flags,
	.options_size = sizeof(struct berth_container_options),
	.leading = true,
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "image",
	.main = run_main,
	.failure = BERTH_CLI_FAILURE,
};

const struct berth_command berth_command_create = {
	.arguments = "IMAGE [COMMAND] [ARG...]",
	.summary = "Create a new container",
	.flags = &berth_run_flags[BERTH_RUN_ONLY_FLAGS],
	.options_size = sizeof(struct berth_container_options),
	.leading = true,
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "image",
	.main = create_main,
};
