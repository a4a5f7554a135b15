// SPDX-License-Identifier: Apache-2.0
// `load` and `save`.
#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER (256 << 10)

struct options {
	char *file, *platform;
	bool quiet;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag load_flags[] = {
	{"input", 'i', BERTH_FLAG_TEXT, AT(file), NULL, "Read from tar archive file, instead of STDIN"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Suppress the load output"},
	{0},
};
static const struct berth_flag save_flags[] = {
	{"output", 'o', BERTH_FLAG_TEXT, AT(file), NULL, "Write to a file, instead of STDOUT"},
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

static bool copy(struct berth_answer *answer, int fd, const char *name, GError **error)
{
	g_autofree char *buffer = g_malloc(BUFFER);
	ssize_t count;

	while ((count = berth_answer_read(answer, buffer, BUFFER, error)) > 0)
		if (!berth_write_all(fd, buffer, (size_t) count, name, error))
			return false;
	return count == 0;
}

// Writes beside the file and renames, so that the file is the whole archive or what it was before.
static bool copy_to_file(struct berth_answer *answer, const char *path, GError **error)
{
	g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
	berth_fd fd = mkostemp(temporary, O_CLOEXEC);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "invalid output path \"%s\"", path);
	fchmod(fd, 0600);
	if (!copy(answer, fd, path, error)) {
		unlink(temporary);
		return false;
	}
	if (rename(temporary, path) == 0)
		return true;
	berth_error_set_errno(error, errno, "writing %s", path);
	unlink(temporary);
	return false;
}

static bool is_special(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

// A pipe or a device is written as it is.
static bool copy_to_special(struct berth_answer *answer, const char *path, GError **error)
{
	berth_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 ? copy(answer, fd, path, error)
		       : berth_error_set_errno(error, errno, "invalid output path \"%s\"", path);
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
	bool fine = !options->file              ? copy(answer, STDOUT_FILENO, "standard output", error)
		    : is_special(options->file) ? copy_to_special(answer, options->file, error)
						: copy_to_file(answer, options->file, error);
	return fine ? 0 : 1;
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
