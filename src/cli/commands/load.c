// SPDX-License-Identifier: Apache-2.0
// `load` and `save`.
#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/output.h"
#include "cli/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct options {
	char *file, *platform;
	bool quiet;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag load_flags[] = {
	{"input", 'i', BERTH_FLAG_TEXT, AT(file), NULL, "Read from tar archive file, instead of STDIN"},
	BERTH_FLAG_NO_PLATFORM,
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Suppress the load output"},
	{0},
};
static const struct berth_flag save_flags[] = {
	{"output", 'o', BERTH_FLAG_TEXT, AT(file), NULL, "Write to a file, instead of STDOUT"},
	BERTH_FLAG_NO_PLATFORM,
	{0},
};

static int load_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	berth_fd file = options->file ? open(options->file, O_RDONLY | O_CLOEXEC) : -1;

	if (options->file && file < 0) {
		berth_error_set_errno(error, errno, "open %s", options->file);
		return 1;
	}
	if (!options->file && isatty(STDIN_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"requested load from stdin, but stdin is empty: give an archive with -i or < FILE");
		return 1;
	}
	g_autoptr(berth_answer) answer = berth_client_call(
		cli->client,
		&(struct berth_call){.method = "POST",
				     .path = options->quiet ? "/images/load?quiet=1" : "/images/load?quiet=0",
				     .upload = true,
				     .upload_fd = options->file ? file : STDIN_FILENO},
		error);
	return answer && berth_progress_print(answer, options->quiet, stdout, error) ? 0 : 1;
}

static int save_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/images/get", NULL, false);

	if (!options->file && isatty(STDOUT_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"cowardly refusing to save to a terminal. Use the -o flag or redirect");
		return 1;
	}
	for (; *arguments; arguments++)
		berth_path_add(path, "names", *arguments);
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "GET", .path = path->str}, error);
	if (!answer)
		return 1;
	return berth_output_copy(answer, options->file, error) ? 0 : 1;
}

const struct berth_command berth_command_load = {
	.arguments = "",
	.summary = "Load an image from a tar archive or STDIN",
	.flags = load_flags,
	.options_size = sizeof(struct options),
	.main = load_main,
};

const struct berth_command berth_command_save = {
	.arguments = "IMAGE [IMAGE...]",
	.summary = "Save one or more images to a tar archive (streamed to STDOUT by default)",
	.flags = save_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "image",
	.main = save_main,
};
