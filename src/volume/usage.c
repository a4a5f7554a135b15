// SPDX-License-Identifier: Apache-2.0
#include "volume/volume.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct usage {
	dev_t device;
	GHashTable *seen; // inodes of files with several names
	int64_t bytes;
};

static bool count_folder(struct usage *usage, int folder, GError **error);

static bool count_entry(struct usage *usage, int folder, const char *name, GError **error)
{
	struct stat status;

	// Containers go on changing it: what is gone is not there.
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "stat %s", name);
	if (S_ISDIR(status.st_mode)) {
		berth_fd inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (inner < 0)
			return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
			       berth_error_set_errno(error, errno, "open folder %s", name);
		return status.st_dev != usage->device || count_folder(usage, inner, error);
	}
	gint64 inode = (gint64) status.st_ino;
	if (status.st_nlink > 1 && !g_hash_table_add(usage->seen, g_memdup2(&inode, sizeof inode)))
		return true;
	usage->bytes += status.st_size;
	return true;
}

static bool count_folder(struct usage *usage, int folder, GError **error)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	bool good = true;

	if (!list) {
		berth_fd_clear(&fd);
		return berth_error_set_errno(error, errno, "list a folder");
	}
	for (struct dirent *entry; good && (entry = readdir(list));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			good = count_entry(usage, folder, entry->d_name, error);
	closedir(list);
	return good;
}

bool berth_volume_usage(int folder, int64_t *ret_bytes, GError **error)
{
	struct stat status;

	if (fstat(folder, &status) < 0)
		return berth_error_set_errno(error, errno, "stat a volume");
	struct usage usage = {.device = status.st_dev};
	usage.seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	bool counted = count_folder(&usage, folder, error);
	g_hash_table_unref(usage.seen);
	*ret_bytes = usage.bytes;
	return counted;
}
