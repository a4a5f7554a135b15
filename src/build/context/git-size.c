// SPDX-License-Identifier: Apache-2.0
// How much git has written. Whoever walks there sees files come and go.
#include "build/context/git-size.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK 512 // bytes, of st_blocks

struct walk {
	const struct berth_build_git_size *most;
	int64_t bytes, entries;
};

static bool check(const struct walk *walk, int depth, GError **error)
{
	if (walk->bytes > walk->most->bytes)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "it takes more than %" G_GINT64_FORMAT " bytes on the disk", walk->most->bytes);
	if (walk->entries > walk->most->entries)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has more than %" G_GINT64_FORMAT " files",
				       walk->most->entries);
	return depth < BERTH_LIMIT_ARCHIVE_DEPTH ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "its folders lie deeper than %d in each other",
			       BERTH_LIMIT_ARCHIVE_DEPTH);
}

static bool walk_folder(struct walk *walk, int fd, int depth, GError **error);

static bool walk_one(struct walk *walk, int folder, const char *name, int depth, GError **error)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	walk->entries++;
	walk->bytes += MAX((int64_t) status.st_blocks * BLOCK, S_ISREG(status.st_mode) ? status.st_size : 0);
	if (!check(walk, depth, error))
		return false;
	if (!S_ISDIR(status.st_mode))
		return true;
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
		       berth_error_set_errno(error, errno, "look how large the repository is");
	return walk_folder(walk, fd, depth + 1, error);
}

// `fd` is taken.
static bool walk_folder(struct walk *walk, int fd, int depth, GError **error)
{
	DIR *folder = fdopendir(fd);
	bool fine = true;

	if (!folder) {
		berth_error_set_errno(error, errno, "look how large the repository is");
		close(fd);
		return false;
	}
	for (struct dirent *entry; fine && (entry = readdir(folder));)
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
			fine = walk_one(walk, dirfd(folder), entry->d_name, depth, error);
	closedir(folder);
	return fine;
}

bool berth_build_git_measure(int folder, const struct berth_build_git_size *most, GError **error)
{
	struct walk walk = {.most = most};
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? berth_error_set_errno(error, errno, "look how large the repository is")
		      : walk_folder(&walk, fd, 0, error);
}
