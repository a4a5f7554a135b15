// SPDX-License-Identifier: Apache-2.0
// Whether a path of the root leads where it says. A link in the root can lead a bind mount anywhere in it, onto /dev
// too; what is then made there by the runtime, with rights that the container has not, would be made in a folder of the
// host that somebody mounted elsewhere (CVE-2026-41579). And whoever shares the root can move a mount point aside while
// the mount is being masked (CVE-2019-19921).
#include "runtime/setup.h"

#include "base/error.h"
#include "base/root.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool mount_of(int fd, uint64_t *ret_id)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
		return false;
	*ret_id = st.stx_mnt_id;
	return true;
}

// What of `path` lies beneath the mount's destination, "" if it is that itself; NULL: it lies elsewhere.
static const char *beneath(const struct berth_mount_step *step, const char *path)
{
	g_autofree char *destination = g_canonicalize_filename(step->mount->destination, "/");
	size_t length = strlen(destination);

	if (length == 1)
		return path + 1;
	if (strncmp(destination, path, length) != 0 || (path[length] != '/' && path[length] != '\0'))
		return NULL;
	return path + length + (path[length] == '/');
}

bool berth_mounts_check_place(const struct berth_setup *setup, int folder, const char *path, GError **error)
{
	uint64_t own = 0, other = 0;
	bool known = false;

	for (guint i = 0; i < setup->mounts->len; i++) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		if (step->tree < 0 || step->file || beneath(step, path))
			continue;
		if (!known && !mount_of(folder, &own))
			return true; // before Linux 5.8 the kernel does not say
		known = true;
		if (mount_of(step->tree, &other) && own == other)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "%s in the root leads into what is mounted on %s", path,
					       step->mount->destination);
	}
	return true;
}

int berth_mounts_open(const struct berth_setup *setup, const char *path, GError **error)
{
	g_autofree char *clean = g_canonicalize_filename(path, "/");

	for (guint i = setup->mounts->len; i > 0; i--) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i - 1);
		const char *rest = step->kernel ? beneath(step, clean) : NULL;
		if (rest && *rest)
			return berth_root_open(step->tree >= 0 ? step->tree : step->mounted, rest, O_PATH, 0, error);
	}
	return berth_rootfs_open(setup, path, false, error);
}
