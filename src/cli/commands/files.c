// SPDX-License-Identifier: Apache-2.0
// `export`, `diff` and `commit`.
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct export_options {
	char *file;
};

static const struct berth_flag export_flags[] = {
	{"output", 'o', BERTH_FLAG_TEXT, offsetof(struct export_options, file), NULL,
	 "Write to a file, instead of STDOUT"},
	{0},
};

static int export_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct export_options *options = data;
	bool output = !options->file || !*options->file;
	g_autoptr(GString) path = berth_path_new("/containers/%s/export", arguments[0], false);

	if (output && isatty(STDOUT_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"cowardly refusing to save to a terminal. Use the -o flag or redirect");
		return 1;
	}
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "GET", .path = path->str}, error);
	return answer && berth_output_copy(answer, output ? NULL : options->file, error) ? 0 : 1;
}

const struct berth_command berth_command_export = {
	.arguments = "CONTAINER",
	.summary = "Export a container's filesystem as a tar archive",
	.flags = export_flags,
	.options_size = sizeof(struct export_options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "container",
	.main = export_main,
};

static int diff_main(struct berth_cli *cli, G_GNUC_UNUSED const void *data, char **arguments, GError **error)
{
	static const char kinds[] = "CAD";
	g_autoptr(GString) path = berth_path_new("/containers/%s/changes", arguments[0], false);
	const json_t *change;
	size_t i;

	if (!*arguments[0]) {
		berth_error_set(error, BERTH_ERROR_INVALID, "Container name cannot be empty");
		return 1;
	}
	BERTH_AUTO_JSON json_t *changes = berth_client_json(cli->client, "GET", path->str, NULL, error);
	if (!changes)
		return 1;
	json_array_foreach(changes, i, change)
	{
		json_int_t kind = json_integer_value(json_object_get(change, "Kind"));
		const char *name = json_string_value(json_object_get(change, "Path"));
		printf("%c %s\n", kind >= 0 && kind < 3 ? kinds[kind] : '?', name ? name : "");
	}
	return 0;
}

const struct berth_command berth_command_diff = {
	.arguments = "CONTAINER",
	.summary = "Inspect changes to files or directories on a container's filesystem",
	.description = "A is what was added, C what was changed, D what was deleted.",
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "container",
	.main = diff_main,
};

struct commit_options {
	char *author, *message;
	char **changes;
	bool pause;
};

#define AT(member) offsetof(struct commit_options, member)
static const struct berth_flag commit_flags[] = {
	{"author", 'a', BERTH_FLAG_TEXT, AT(author), NULL,
	 "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"},
	{"change", 'c', BERTH_FLAG_LIST, AT(changes), NULL, "Apply Dockerfile instruction to the created image"},
	{"message", 'm', BERTH_FLAG_TEXT, AT(message), NULL, "Commit message"},
	{"pause", 'p', BERTH_FLAG_SWITCH, AT(pause), NULL, "Pause container during commit", "true"},
	{0},
};
#undef AT

static int commit_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct commit_options *options = data;
	const char *name = arguments[1];
	const char *slash = name ? strrchr(name, '/') : NULL;
	const char *colon = name ? strrchr(slash ? slash : name, ':') : NULL;
	g_autofree char *repository = colon ? g_strndup(name, (gsize) (colon - name)) : g_strdup(name);
	g_autoptr(GString) path = berth_path_new("/commit", NULL, false);

	berth_path_add(path, "container", arguments[0]);
	berth_path_add(path, "repo", repository);
	berth_path_add(path, "tag", colon ? colon + 1 : NULL);
	berth_path_add(path, "comment", options->message);
	berth_path_add(path, "author", options->author);
	berth_path_add(path, "pause", options->pause ? "1" : "0");
	for (char *const *change = options->changes; change && *change; change++)
		berth_path_add(path, "changes", *change);
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "POST", path->str, NULL, error);
	if (!answer)
		return 1;
	puts(json_string_value(json_object_get(answer, "Id")));
	return 0;
}

const struct berth_command berth_command_commit = {
	.arguments = "CONTAINER [REPOSITORY[:TAG]]",
	.summary = "Create a new image from a container's changes",
	.flags = commit_flags,
	.options_size = sizeof(struct commit_options),
	.min_arguments = 1,
	.max_arguments = 2,
	.completes = "container",
	.main = commit_main,
};
