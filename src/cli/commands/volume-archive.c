// SPDX-License-Identifier: Apache-2.0
// `volume export` and `volume import`: what is in a volume as a tar archive.
#include "cli/archive.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

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

	return berth_archive_fetch(cli, path->str, options->file, error);
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
	g_autoptr(GString) path = berth_path_new("/volumes/%s/archive", arguments[0], false);

	return berth_archive_send(cli, path->str, arguments[1], error);
}

const struct berth_command berth_command_volume_import = {
	.arguments = "VOLUME [FILE|-]",
	.summary = "Unpack a tar archive into a volume (from STDIN by default)",
	.min_arguments = 1,
	.max_arguments = 2,
	.completes = "volume",
	.main = import_main,
};
