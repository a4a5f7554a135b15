// SPDX-License-Identifier: Apache-2.0
// `volume export` and `volume import`: what is in a volume as a tar archive.
#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
	char *file;
};

static const struct berth_flag export_flags[] = {
	{"output", 'o', BERTH_FLAG_TEXT, offsetof(struct options, file), NULL, "Write to a file, instead of STDOUT"},
	{0},
};

static int export_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/volumes/%s/archive", arguments[0], false);

	if (!options->file && isatty(STDOUT_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"cowardly refusing to export to a terminal. Use the -o flag or redirect");
		return 1;
	}
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "GET", .path = path->str}, error);
	return answer && berth_output_copy(answer, options->file, error) ? 0 : 1;
}

const struct berth_command berth_command_volume_export = {
	.arguments = "VOLUME",
	.summary = "Write what is in a volume as a tar archive (to STDOUT by default)",
	.flags = export_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "volume",
	.main = export_main,
};

static int import_main(struct berth_cli *cli, G_GNUC_UNUSED const void *data, char **arguments, GError **error)
{
	const char *source = arguments[1];
	bool input = !source || strcmp(source, "-") == 0;
	g_autoptr(GString) path = berth_path_new("/volumes/%s/archive", arguments[0], false);

	if (input && isatty(STDIN_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"requested import from stdin, but stdin is a terminal: redirect an archive to it");
		return 1;
	}
	berth_fd file = input ? -1 : open(source, O_RDONLY | O_CLOEXEC);
	if (!input && file < 0) {
		berth_error_set_errno(error, errno, "open %s", source);
		return 1;
	}
	g_autoptr(berth_answer) answer = berth_client_call(
		cli->client,
		&(struct berth_call){
			.method = "PUT", .path = path->str, .upload = true, .upload_fd = input ? STDIN_FILENO : file},
		error);
	return answer ? 0 : 1;
}

const struct berth_command berth_command_volume_import = {
	.arguments = "VOLUME [FILE|-]",
	.summary = "Unpack a tar archive into a volume (from STDIN by default)",
	.min_arguments = 1,
	.max_arguments = 2,
	.completes = "volume",
	.main = import_main,
};
