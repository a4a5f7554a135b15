// SPDX-License-Identifier: Apache-2.0
// tmpcopyup: a tmpfs begins with what lies in the folder that it covers. Both trees are walked by descriptors; links
// are copied, never followed, and other mounts are not entered.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static bool copy_folder(int from, int to, dev_t device, unsigned depth, GError **error);

static bool copy_file(int from, int to, const char *name, const struct stat *st, GError **error)
{
	berth_fd in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	berth_fd out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 07777);

	if (in < 0 || out < 0)
		return berth_error_set_errno(error, errno, "copy %s", name);
	for (ssize_t n; (n = sendfile(out, in, NULL, 1 << 20)) != 0;)
		if (n < 0)
			return berth_error_set_errno(error, errno, "copy %s", name);
	return true;
}

static bool copy_link(int from, int to, const char *name, GError **error)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof target - 1);

	if (n < 0)
		return berth_error_set_errno(error, errno, "read link %s", name);
	target[n] = 0;
	return symlinkat(target, to, name) == 0 || berth_error_set_errno(error, errno, "copy link %s", name);
}

static bool enter_folder(int from, int to, const char *name, const struct stat *st, unsigned depth, GError **error)
{
	if (mkdirat(to, name, st->st_mode & 07777) < 0)
		return berth_error_set_errno(error, errno, "make folder %s", name);
	berth_fd in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	berth_fd out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		return berth_error_set_errno(error, errno, "open folder %s", name);
	return copy_folder(in, out, st->st_dev, depth + 1, error);
}

static bool copy_entry(int from, int to, const char *name, dev_t device, unsigned depth, GError **error)
{
	struct stat st;
	bool copied;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "look at %s", name);
	if (st.st_dev != device)
		return true;
	if (S_ISDIR(st.st_mode))
		copied = enter_folder(from, to, name, &st, depth, error);
	else if (S_ISLNK(st.st_mode))
		copied = copy_link(from, to, name, error);
	else if (S_ISREG(st.st_mode))
		copied = copy_file(from, to, name, &st, error);
	else
		copied = mknodat(to, name, st.st_mode, st.st_rdev) == 0 ||
			 berth_error_set_errno(error, errno, "make node %s", name);
	if (!copied)
		return false;
	if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set the owner of %s", name);
	// The owner's change has taken set-id bits away.
	if (!S_ISLNK(st.st_mode) && fchmodat(to, name, st.st_mode & 07777, 0) < 0)
		return berth_error_set_errno(error, errno, "set the mode of %s", name);
	return true;
}

static bool copy_folder(int from, int to, dev_t device, unsigned depth, GError **error)
{
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = again < 0 ? NULL : fdopendir(again);
	bool copied = true;

	if (!entries)
		return berth_error_set_errno(error, errno, "read a folder");
	if (depth > BERTH_LIMIT_ARCHIVE_DEPTH)
		copied = berth_error_set(error, BERTH_ERROR_INVALID, "folders are nested too deeply");
	for (struct dirent *entry; copied && (entry = readdir(entries));)
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
			copied = copy_entry(from, to, entry->d_name, device, depth, error);
	closedir(entries);
	return copied;
}

bool berth_copy_up(int from, int to, GError **error)
{
	struct stat st;

	if (fstat(from, &st) < 0)
		return berth_error_set_errno(error, errno, "tmpcopyup");
	if (!copy_folder(from, to, st.st_dev, 0, error))
		return g_prefix_error(error, "tmpcopyup: "), false;
	return true;
}
