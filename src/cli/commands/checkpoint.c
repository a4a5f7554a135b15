// SPDX-License-Identifier: Apache-2.0
// `checkpoint create`, `checkpoint ls` and `checkpoint rm`.
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>

struct options {
	char *folder;
	bool leave_running;
};

#define AT(member) offsetof(struct options, member)
#define FOLDER                                                                                                         \
	{                                                                                                              \
		"checkpoint-dir", 0, BERTH_FLAG_TEXT, AT(folder), NULL, "Use a custom checkpoint storage directory"    \
	}
static const struct berth_flag create_flags[] = {
	FOLDER,
	{"leave-running", 0, BERTH_FLAG_SWITCH, AT(leave_running), NULL,
	 "Leave the container running after checkpoint"},
	{0},
};
static const struct berth_flag folder_flags[] = {FOLDER, {0}};
#undef AT

static int create_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/containers/%s/checkpoints", arguments[0], false);
	BERTH_AUTO_JSON json_t *request =
		json_pack("{s:s, s:s, s:b}", "CheckpointID", arguments[1], "CheckpointDir",
			  options->folder ? options->folder : "", "Exit", !options->leave_running);
	g_autofree char *body = berth_json_text(request);
	g_autoptr(berth_answer) answer = berth_client_call(
		cli->client, &(struct berth_call){.method = "POST", .path = path->str, .body = body}, error);

	if (!answer)
		return 1;
	puts(arguments[1]);
	return 0;
}

const struct berth_command berth_command_checkpoint_create = {
	.arguments = "CONTAINER CHECKPOINT",
	.summary = "Create a checkpoint from a running container",
	.description =
		"The program criu saves the container's processes, and the container ends, unless it is to go on. "
		"Its files stay what they are: what it writes after the checkpoint is not undone.",
	.flags = create_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "running",
	.main = create_main,
};

static int list_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/containers/%s/checkpoints", arguments[0], false);
	const json_t *checkpoint;
	size_t i;

	berth_path_add(path, "dir", options->folder);
	BERTH_AUTO_JSON json_t *list = berth_client_json(cli->client, "GET", path->str, NULL, error);
	if (!list)
		return 1;
	puts("CHECKPOINT NAME");
	json_array_foreach(list, i, checkpoint) puts(json_string_value(json_object_get(checkpoint, "Name")));
	return 0;
}

const struct berth_command berth_command_checkpoint_ls = {
	.arguments = "CONTAINER",
	.summary = "List checkpoints for a container",
	.flags = folder_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "container",
	.main = list_main,
};

static int remove_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/containers/%s/checkpoints/", arguments[0], false);
	g_autofree char *name = g_uri_escape_string(arguments[1], NULL, FALSE);

	g_string_append(path, name);
	berth_path_add(path, "dir", options->folder);
	return berth_client_do(cli->client, "DELETE", path->str, error) ? 0 : 1;
}

const struct berth_command berth_command_checkpoint_rm = {
	.arguments = "CONTAINER CHECKPOINT",
	.summary = "Remove a checkpoint",
	.flags = folder_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "container",
	.main = remove_main,
};
