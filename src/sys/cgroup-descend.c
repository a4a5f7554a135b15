// SPDX-License-Identifier: Apache-2.0
// From a group to one beneath it, which its container made: only downwards, whatever the path says.
#include "sys/cgroup-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int open_beneath(int folder, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};

	path += strspn(path, "/");
	return berth_resolve(folder, *path ? path : ".", &how);
}

static bool has_any(const struct berth_cgroup_folder *folder, char *const *controllers)
{
	for (; *controllers; controllers++)
		if (g_strv_contains((const char *const *) folder->controllers, *controllers))
			return true;
	return false;
}

static bool check_controllers(const struct berth_cgroup *cgroup, char *const *controllers, GError **error)
{
	if (cgroup->kind == BERTH_CGROUP_V2)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "cgroup %s: with cgroup v2 a path has no controllers before it", cgroup->path);
	if (!*controllers)
		return berth_error_set(error, BERTH_ERROR_INVALID, "cgroup %s: there is no controller \"\"",
				       cgroup->path);
	for (; *controllers; controllers++)
		if (!berth_cgroup_find(cgroup, *controllers))
			return berth_error_set(error, BERTH_ERROR_INVALID, "cgroup %s: there is no controller \"%s\"",
					       cgroup->path, *controllers);
	return true;
}

bool berth_cgroup_descend(struct berth_cgroup *cgroup, const char *controllers, const char *path, GError **error)
{
	g_auto(GStrv) names = controllers ? g_strsplit(controllers, ",", -1) : NULL;

	if (names && !check_controllers(cgroup, names, error))
		return false;
	for (unsigned i = 0; i < cgroup->folders->len; i++) {
		struct berth_cgroup_folder *folder = &g_array_index(cgroup->folders, struct berth_cgroup_folder, i);
		if (names && (folder->v2 || !has_any(folder, names)))
			continue;
		int fd = open_beneath(folder->fd, path);
		if (fd < 0 && errno == ENOENT && folder->optional)
			continue;
		if (fd < 0)
			return berth_error_set_errno(error, errno, "cgroup %s: open %s beneath it", cgroup->path, path);
		berth_fd_clear(&folder->fd);
		folder->fd = fd;
	}
	return true;
}
