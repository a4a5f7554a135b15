// SPDX-License-Identifier: Apache-2.0
// What an empty volume begins with. It is gathered in a folder of its own (.berth-new), which is renamed when it is
// whole (.berth-full), and then moved into the volume entry by entry: what a crash interrupts before the rename is
// forgotten, afterwards it is gone on with. An entry that a container has made meanwhile stays as it is. The same holds
// when the power fails: what is whole is on the disk before it is called so.
#include "volume/volume.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "store/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define NEW ".berth-new"
#define FULL ".berth-full"

static bool is_own(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, NEW) == 0 || strcmp(name, FULL) == 0;
}

static char **list(int folder, GError **error)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream) {
		berth_fd_clear(&fd);
		berth_error_set_errno(error, errno, "list a folder");
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(stream));)
		if (!is_own(entry->d_name))
			g_strv_builder_add(names, entry->d_name);
	closedir(stream);
	return g_strv_builder_end(names);
}

bool berth_volume_is_empty(int data, bool *ret, GError **error)
{
	g_auto(GStrv) names = list(data, error);

	*ret = names && !names[0];
	return names != NULL;
}

static int open_folder(int work, const char *name, GError **error)
{
	int fd = openat(work, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		berth_error_set_errno(error, errno, "open %s", name);
	return fd;
}

// Moves what is whole into the volume. May be repeated.
static bool move_in(int work, int data, GError **error)
{
	berth_fd full = open_folder(work, FULL, error);
	g_auto(GStrv) names = full < 0 ? NULL : list(full, error);

	if (!names)
		return false;
	for (char **name = names; *name; name++) {
		if (renameat2(full, *name, data, *name, RENAME_NOREPLACE) < 0 && errno != EEXIST)
			return berth_error_set_errno(error, errno, "move %s into the volume", *name);
		BERTH_FAILPOINT("volume.fill.moved");
	}
	// Last, because it has the times.
	return berth_tree_copy_attributes(full, data, error) && berth_remove_tree_at(work, FULL, error);
}

// What cannot be written has nothing of ours, and takes nothing.
static bool is_read_only(int folder)
{
	struct statvfs status;

	return fstatvfs(folder, &status) == 0 && status.f_flag & ST_RDONLY;
}

bool berth_volume_fill_recover(int work, int data, GError **error)
{
	struct stat status;

	if (is_read_only(work))
		return true;
	if (!berth_remove_tree_at(work, NEW, error))
		return false;
	return fstatat(work, FULL, &status, AT_SYMLINK_NOFOLLOW) < 0 || move_in(work, data, error);
}

int berth_volume_fill_begin(int work, GError **error)
{
	if (!berth_remove_tree_at(work, NEW, error))
		return -1;
	if (mkdirat(work, NEW, 0700) < 0) {
		berth_error_set_errno(error, errno, "make a folder in the volume");
		return -1;
	}
	return open_folder(work, NEW, error);
}

void berth_volume_fill_cancel(int work)
{
	berth_remove_tree_at(work, NEW, NULL);
}

// All that was written on its file system: of many small files that is cheaper than each by itself.
static bool sync_new(int work, GError **error)
{
	berth_fd new = open_folder(work, NEW, error);

	return new >= 0 && (syncfs(new) == 0 ||
			    berth_error_set_errno(error, errno, "write what the volume begins with to the disk"));
}

static bool sync_names(int folder, GError **error)
{
	berth_fd fd = open_folder(folder, ".", error);

	return fd >= 0 &&
	       (fsync(fd) == 0 || berth_error_set_errno(error, errno, "write the volume's names to the disk"));
}

bool berth_volume_fill_finish(int work, int data, GError **error)
{
	if (!berth_quota_check(work, error)) {
		berth_volume_fill_cancel(work);
		return false;
	}
	if (!sync_new(work, error))
		return false;
	BERTH_FAILPOINT("volume.fill.copied");
	if (renameat2(work, NEW, work, FULL, RENAME_NOREPLACE) < 0)
		return berth_error_set_errno(error, errno, "rename what the volume begins with");
	BERTH_FAILPOINT("volume.fill.whole");
	return move_in(work, data, error) && sync_names(data, error) && sync_names(work, error);
}

bool berth_volume_fill(const struct berth_volume *volume, int work, int data, int image, GError **error)
{
	bool empty, nothing;

	if (!berth_volume_fill_recover(work, data, error) || !berth_volume_is_empty(data, &empty, error))
		return false;
	if (!empty || is_read_only(data))
		return true;
	if (!berth_volume_is_empty(image, &nothing, error))
		return false;
	if (nothing)
		return berth_tree_copy_attributes(image, data, error) && berth_volume_local_own(volume, data, error);
	berth_fd new = berth_volume_fill_begin(work, error);
	bool done = new >= 0 && berth_tree_copy(image, new, error) && berth_volume_local_own(volume, new, error);
	if (!done)
		berth_volume_fill_cancel(work);
	return done && berth_volume_fill_finish(work, data, error);
}
