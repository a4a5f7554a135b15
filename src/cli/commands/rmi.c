// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"

#include <stdio.h>

struct options {
	bool force, no_prune;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Force removal of the image"},
	{"no-prune", 0, BERTH_FLAG_SWITCH, AT(no_prune), NULL, "Do not delete untagged parents"},
	BERTH_FLAG_NO_PLATFORM,
	{0},
};

// With --force an image that is not there is told, and is no failure.
static bool remove_one(struct berth_cli *cli, const void *data, const char *image, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/images/%s", image, true);
	g_autoptr(GError) failure = NULL;
	const json_t *entry;
	size_t i;

	berth_path_add_switch(path, "force", options->force);
	berth_path_add_switch(path, "noprune", options->no_prune);
	BERTH_AUTO_JSON json_t *removed = berth_client_json(cli->client, "DELETE", path->str, NULL, &failure);
	if (!removed && options->force && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		berth_cli_complain(cli, failure);
		return true;
	}
	if (!removed) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	json_array_foreach(removed, i, entry)
	{
		const char *untagged = json_string_value(json_object_get(entry, "Untagged"));
		const char *deleted = json_string_value(json_object_get(entry, "Deleted"));
		if (untagged && *untagged)
			printf("Untagged: %s\n", untagged);
		if (deleted && *deleted)
			printf("Deleted: %s\n", deleted);
	}
	return true;
}

const struct berth_command berth_command_rmi = {
	.arguments = "IMAGE [IMAGE...]",
	.summary = "Remove one or more images",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "image",
	.each = remove_one,
};
