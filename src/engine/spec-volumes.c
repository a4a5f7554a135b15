// SPDX-License-Identifier: Apache-2.0
// Folders on the host that a container's mounts need. An anonymous volume begins with what the image has in its place:
// the copy is made beside it and renamed when it is whole, so a volume that exists is never filled again and never half
// filled. What the image's path names is opened beneath the root (CVE-2022-23648), and below that links are copied, not
// followed.
#include "engine/spec.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define XATTR_NAMES_MAX (64 << 10)

// One entry, at `name` beneath both folders. Neither name leads out of its folder: it is one component.
struct entry {
	int from, to;
	const char *name;
	struct stat status;
	unsigned depth;
};

static bool copy_folder(int from, int to, unsigned depth, GError **error);

// Attributes by descriptor; those that the target's file system does not keep are an error but for the security
// labels of the host's policy.
static bool copy_xattrs(int from, int to, GError **error)
{
	g_autofree char *names = g_malloc(XATTR_NAMES_MAX);
	g_autofree char *value = g_malloc(BERTH_LIMIT_XATTR_BYTES);
	ssize_t length = flistxattr(from, names, XATTR_NAMES_MAX);

	if (length < 0)
		return errno == ENOTSUP || berth_error_set_errno(error, errno, "list attributes");
	for (const char *name = names; name < names + length; name += strlen(name) + 1) {
		ssize_t size = fgetxattr(from, name, value, BERTH_LIMIT_XATTR_BYTES);
		if (g_str_has_prefix(name, "trusted.overlay.") || g_str_equal(name, "security.selinux"))
			continue;
		if (size < 0 || fsetxattr(to, name, value, (size_t) size, 0) < 0)
			return berth_error_set_errno(error, errno, "copy attribute %s", name);
	}
	return true;
}

// Owner before mode and attributes: a change of owner takes set-id bits and file capabilities away. Times come last.
static bool copy_status(int from, int to, const struct stat *status, GError **error)
{
	struct timespec times[] = {status->st_atim, status->st_mtim};

	if (fchown(to, status->st_uid, status->st_gid) < 0 || fchmod(to, status->st_mode & 07777) < 0)
		return berth_error_set_errno(error, errno, "set owner and mode");
	if (!copy_xattrs(from, to, error))
		return false;
	return futimens(to, times) == 0 || berth_error_set_errno(error, errno, "set times");
}

static bool copy_file(const struct entry *entry, GError **error)
{
	berth_fd in = openat(entry->from, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	berth_fd out = openat(entry->to, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (in < 0 || out < 0)
		return berth_error_set_errno(error, errno, "open");
	for (ssize_t n; (n = sendfile(out, in, NULL, 1 << 30)) != 0;)
		if (n < 0 && errno != EINTR)
			return berth_error_set_errno(error, errno, "copy");
	return copy_status(in, out, &entry->status, error);
}

static bool enter_folder(const struct entry *entry, GError **error)
{
	if (mkdirat(entry->to, entry->name, 0700) < 0)
		return berth_error_set_errno(error, errno, "make");
	berth_fd in = openat(entry->from, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	berth_fd out = openat(entry->to, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		return berth_error_set_errno(error, errno, "open");
	return copy_folder(in, out, entry->depth + 1, error) && copy_status(in, out, &entry->status, error);
}

static bool copy_link(const struct entry *entry, GError **error)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(entry->from, entry->name, target, sizeof target - 1);

	if (length < 0)
		return berth_error_set_errno(error, errno, "read link");
	target[length] = '\0';
	return symlinkat(target, entry->to, entry->name) == 0 || berth_error_set_errno(error, errno, "make link");
}

static bool copy_node(const struct entry *entry, GError **error)
{
	const struct stat *status = &entry->status;

	return (mknodat(entry->to, entry->name, status->st_mode, status->st_rdev) == 0 &&
		fchmodat(entry->to, entry->name, status->st_mode & 07777, 0) == 0) ||
	       berth_error_set_errno(error, errno, "make node");
}

static bool copy_entry(const struct entry *entry, GError **error)
{
	const struct stat *status = &entry->status;
	const struct timespec times[] = {status->st_atim, status->st_mtim};

	if (S_ISREG(status->st_mode))
		return copy_file(entry, error);
	if (S_ISDIR(status->st_mode))
		return enter_folder(entry, error);
	if (!(S_ISLNK(status->st_mode) ? copy_link(entry, error) : copy_node(entry, error)))
		return false;
	if (fchownat(entry->to, entry->name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(entry->to, entry->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set owner and times");
	return true;
}

static bool copy_folder(int from, int to, unsigned depth, GError **error)
{
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = again < 0 ? NULL : fdopendir(again);
	bool copied = true;

	if (!entries) {
		berth_error_set_errno(error, errno, "read a folder");
		berth_fd_clear(&again);
		return false;
	}
	if (depth > BERTH_LIMIT_ARCHIVE_DEPTH)
		copied = berth_error_set(error, BERTH_ERROR_INVALID, "folders are nested too deeply");
	for (struct dirent *each; copied && (each = readdir(entries));) {
		struct entry entry = {.from = from, .to = to, .name = each->d_name, .depth = depth};
		if (g_str_equal(each->d_name, ".") || g_str_equal(each->d_name, ".."))
			continue;
		copied = fstatat(from, each->d_name, &entry.status, AT_SYMLINK_NOFOLLOW) == 0
				 ? copy_entry(&entry, error)
				 : berth_error_set_errno(error, errno, "look at it");
		if (!copied)
			g_prefix_error(error, "%s: ", each->d_name);
	}
	closedir(entries);
	return copied;
}

// Fills the new folder with what the root has at the volume's place, if that is a folder.
static bool fill(int root_fd, const struct berth_container_mount *mount, int folder, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct stat status;
	berth_fd image = mount->no_copy ? -1
					: berth_root_open(root_fd, mount->destination,
							  O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &problem);

	if (problem && !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (image < 0)
		return fchmod(folder, 0755) == 0 || berth_error_set_errno(error, errno, "set mode");
	if (fstat(image, &status) < 0)
		return berth_error_set_errno(error, errno, "look at it");
	return copy_folder(image, folder, 0, error) && copy_status(image, folder, &status, error);
}

static bool make_volume(int root_fd, const struct berth_container_mount *mount, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(mount->source);
	g_autofree char *name = g_path_get_basename(mount->source);
	g_autofree char *new = g_strconcat(name, ".new", NULL);
	struct stat status;
	berth_fd folder = berth_open_folder(parent, true, 0700, error);

	if (folder < 0)
		return false;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (!berth_remove_tree_at(folder, new, error))
		return false;
	if (mkdirat(folder, new, 0700) < 0)
		return berth_error_set_errno(error, errno, "make its folder");
	BERTH_FAILPOINT("container.volume.made");
	berth_fd made = openat(folder, new, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0)
		return berth_error_set_errno(error, errno, "open its folder");
	if (!fill(root_fd, mount, made, error))
		return false;
	BERTH_FAILPOINT("container.volume.filled");
	return renameat(folder, new, folder, name) == 0 || berth_error_set_errno(error, errno, "rename its folder");
}

bool berth_spec_make_volumes(int root_fd, const struct berth_container_record *record, GError **error)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		if (g_str_equal(mount->type, "volume") && !make_volume(root_fd, mount, error))
			return g_prefix_error(error, "volume of %s: ", mount->destination), false;
	}
	return true;
}

bool berth_spec_make_bind_sources(const struct berth_container_record *record, GError **error)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		struct stat status;
		if (!mount->make_source || stat(mount->source, &status) == 0)
			continue;
		berth_fd folder = errno == ENOENT ? berth_open_folder(mount->source, true, 0755, error) : -1;
		if (folder < 0 && error && !*error)
			berth_error_set_errno(error, errno, "look at it");
		if (folder < 0)
			return g_prefix_error(error, "bind source %s: ", mount->source), false;
		BERTH_FAILPOINT("container.bind.source");
	}
	return true;
}
