// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/import.h"

#include "base/error.h"
#include "base/fd.h"
#include "cli/commands/commands.h"
#include "cli/progress.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct options {
	char **changes;
	char *message, *platform;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"change", 'c', BERTH_FLAG_LIST, AT(changes), NULL, "Apply Dockerfile instruction to the created image"},
	{"message", 'm', BERTH_FLAG_TEXT, AT(message), NULL, "Set commit message for imported image"},
	{"platform", 0, BERTH_FLAG_TEXT, AT(platform), NULL, "Set platform if server is multi-platform capable"},
	{0},
};

bool berth_import(struct berth_client *client, const struct berth_import *import, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/images/create", NULL, false);

	berth_path_add(path, "fromSrc", "-");
	if (import->name) {
		const char *slash = strrchr(import->name, '/'), *colon = strrchr(slash ? slash : import->name, ':');
		g_autofree char *repository =
			colon ? g_strndup(import->name, (size_t) (colon - import->name)) : g_strdup(import->name);
		berth_path_add(path, "repo", repository);
		berth_path_add(path, "tag", colon ? colon + 1 : NULL);
	}
	berth_path_add(path, "message", import->message);
	berth_path_add(path, "platform", import->platform);
	for (char *const *change = import->changes; change && *change; change++)
		berth_path_add(path, "changes", *change);
	g_autoptr(berth_answer) answer = berth_client_call(
		client,
		&(struct berth_call){.method = "POST", .path = path->str, .upload = true, .upload_fd = import->fd},
		error);
	return answer && berth_progress_print(answer, false, stdout, error);
}

static int import_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	bool input = strcmp(arguments[0], "-") == 0;

	if (strstr(arguments[0], "://")) {
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				"importing from a URL is not supported by this version; download it: "
				"curl %s | berth import -",
				arguments[0]);
		return 1;
	}
	if (input && isatty(STDIN_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"requested import from stdin, but stdin is a terminal: redirect an archive to it");
		return 1;
	}
	berth_fd file = input ? -1 : open(arguments[0], O_RDONLY | O_CLOEXEC);
	if (!input && file < 0) {
		berth_error_set_errno(error, errno, "open %s", arguments[0]);
		return 1;
	}
	struct berth_import import = {.fd = input ? STDIN_FILENO : file,
				      .name = arguments[1],
				      .message = options->message,
				      .platform = options->platform,
				      .changes = options->changes};
	return berth_import(cli->client, &import, error) ? 0 : 1;
}

const struct berth_command berth_command_import = {
	.arguments = "FILE|- [REPOSITORY[:TAG]]",
	.summary = "Import the contents from a tarball to create a filesystem image",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 2,
	.main = import_main,
};
