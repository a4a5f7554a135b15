// SPDX-License-Identifier: Apache-2.0
// `builder mount export` and `import`: cache mounts of builds as tar archives, for other machines.
#include "cli/archive.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

struct options {
	char *file, *space;
};

static const struct berth_flag export_flags[] = {
	{"namespace", 0, BERTH_FLAG_TEXT, offsetof(struct options, space), NULL,
	 "Namespace that builds were given (BUILDKIT_CACHE_MOUNT_NS)"},
	{"output", 'o', BERTH_FLAG_TEXT, offsetof(struct options, file), NULL, "Write to a file, instead of STDOUT"},
	{0},
};

static const struct berth_flag import_flags[] = {
	{"namespace", 0, BERTH_FLAG_TEXT, offsetof(struct options, space), NULL,
	 "Namespace that builds are given (BUILDKIT_CACHE_MOUNT_NS)"},
	{0},
};

static GString *path_of(const struct options *options, const char *id)
{
	GString *path = berth_path_new("/build/mount", NULL, false);

	berth_path_add(path, "id", id);
	if (options->space)
		berth_path_add(path, "namespace", options->space);
	return path;
}

static int export_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = path_of(options, arguments[0]);

	return berth_archive_fetch(cli, path->str, options->file, error);
}

const struct berth_command berth_command_builder_mount_export = {
	.arguments = "ID",
	.summary = "Write what is in a cache mount as a tar archive (to STDOUT by default)",
	.flags = export_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.main = export_main,
};

static int import_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = path_of(options, arguments[0]);

	return berth_archive_send(cli, path->str, arguments[1], error);
}

const struct berth_command berth_command_builder_mount_import = {
	.arguments = "ID [FILE|-]",
	.summary = "Make a cache mount of a tar archive (from STDIN by default)",
	.description = "The id is that of RUN --mount=type=cache, or its target where it has none. What is in the "
		       "cache mount is "
		       "replaced as a whole.",
	.flags = import_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 2,
	.main = import_main,
};
