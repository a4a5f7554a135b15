// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER (256 << 10)

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

bool berth_output_copy(struct berth_answer *answer, const char *path, GError **error)
{
	return !path              ? copy(answer, STDOUT_FILENO, "standard output", error)
	       : is_special(path) ? copy_to_special(answer, path, error)
				  : copy_to_file(answer, path, error);
}
