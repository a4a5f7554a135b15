// SPDX-License-Identifier: Apache-2.0
#include "cli/archive.h"

#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/output.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int berth_archive_fetch(struct berth_cli *cli, const char *path, const char *file, GError **error)
{
	if (!file && isatty(STDOUT_FILENO)) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"cowardly refusing to export to a terminal. Use the -o flag or redirect");
		return 1;
	}
	g_autoptr(berth_answer) answer =
		berth_client_call(cli->client, &(struct berth_call){.method = "GET", .path = path}, error);
	return answer && berth_output_copy(answer, file, error) ? 0 : 1;
}

int berth_archive_send(struct berth_cli *cli, const char *path, const char *source, GError **error)
{
	bool input = !source || strcmp(source, "-") == 0;

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
	const struct berth_call call = {
		.method = "PUT", .path = path, .upload = true, .upload_fd = input ? STDIN_FILENO : file};
	g_autoptr(berth_answer) answer = berth_client_call(cli->client, &call, error);
	return answer ? 0 : 1;
}
