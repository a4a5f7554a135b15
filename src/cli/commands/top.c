// SPDX-License-Identifier: Apache-2.0
// `top CONTAINER`: its processes; `top` alone: the program berth-top, a live view of all containers.
#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/listing.h"
#include "cli/style.h"
#include "cli/tls.h"
#include "spec/api-container.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

// berth-top lies beside berth in a build folder, in libexec when installed.
static char *find_program(const char *self)
{
	g_autofree char *folder = g_path_get_dirname(self);
	char *beside = g_build_filename(folder, "berth-top", NULL);

	if (access(beside, X_OK) == 0)
		return beside;
	g_free(beside);
	return g_build_filename(folder, "..", "libexec", "berth", "berth-top", NULL);
}

// berth-top, and the berth that it runs for shells, find the engine by the environment.
static void hand_over(const struct berth_cli *cli)
{
	const char *const files[BERTH_TLS_FILES] = {cli->tls.authority, cli->tls.certificate, cli->tls.key};

	for (size_t i = 0; i < BERTH_TLS_FILES; i++)
		if (files[i])
			g_setenv(berth_tls_variables[i], files[i], TRUE);
	if (cli->config && *cli->config)
		g_setenv("DOCKER_CONFIG", cli->config, TRUE);
	if (cli->tls.verify)
		g_setenv("DOCKER_TLS_VERIFY", "1", TRUE);
	if (cli->tls.on)
		g_setenv("DOCKER_TLS", "1", TRUE);
	if (cli->chosen_host)
		g_setenv("BERTH_HOST", cli->chosen_host, TRUE);
	if (cli->chosen_context && *cli->chosen_context) {
		g_setenv("DOCKER_CONTEXT", cli->chosen_context, TRUE);
		g_unsetenv("BERTH_HOST");
		g_unsetenv("DOCKER_HOST");
	}
}

static int watch(struct berth_cli *cli, GError **error)
{
	char self[PATH_MAX] = "";

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		berth_error_set(
			error, BERTH_ERROR_INVALID,
			"without a container it needs a terminal; `berth stats --no-stream` prints the same once");
		return 1;
	}
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
		berth_error_set_errno(error, errno, "looking for this program's file");
		return 1;
	}
	hand_over(cli);
	g_autofree char *program = find_program(self);
	const char *words[] = {"berth-top", "--program", self, berth_style_colour(cli) ? "--colours" : NULL, NULL};
	execv(program, (char **) (uintptr_t) words);
	berth_error_set_errno(error, errno, "starting %s", program);
	return 1;
}

static int top_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	if (!arguments[0])
		return watch(cli, error);
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
	.arguments = "[CONTAINER [ps OPTIONS]]",
	.summary = "Display the running processes of a container, or watch all containers",
	.description =
		"Without a container it is a live view of all of them on the whole terminal: what each uses of "
		"processors, memory, network and block devices, its log, and keys that stop it, restart it, open a "
		"shell in it or remove it; h shows them.",
	.leading = true,
	.max_arguments = -1,
	.completes = "running",
	.main = top_main,
};
