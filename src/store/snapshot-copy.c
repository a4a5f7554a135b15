// SPDX-License-Identifier: Apache-2.0
// The driver for file systems on which overlay does not work: every snapshot is a whole tree. It costs a copy of the
// parent, which shares the content of files where the file system has reflinks.
#include "store/snapshot-internal.h"
#include "store/tree.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

static bool copy_prepare(int folder, int parent, GError **error)
{
	if (mkdirat(folder, "fs", 0700) < 0)
		return berth_error_set_errno(error, errno, "make the tree's folder");
	berth_fd fs = openat(folder, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fs < 0)
		return berth_error_set_errno(error, errno, "open the tree's folder");
	if (parent < 0)
		return fchmod(fs, 0755) == 0 ||
		       berth_error_set_errno(error, errno, "set the mode of the tree's folder");
	if (!berth_tree_copy(parent, fs, error))
		return false;
	return mknodat(folder, BERTH_SNAPSHOT_COPIED, S_IFREG | 0400, 0) == 0 ||
	       berth_error_set_errno(error, errno, "note when the tree was copied");
}

static int copy_mount(const int *layers, size_t count, bool writable, const struct berth_snapshot_owner *owner,
		      GError **error)
{
	struct berth_mount_change change = {.set = writable ? 0 : MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	berth_fd tree = berth_mount_clone(layers[0], "fs", false, error);

	(void) count; // the parents are in it
	if (tree < 0 || !berth_mount_change(tree, &change, error) ||
	    (owner && !berth_mount_map_ids(tree, owner->user_namespace, false, error)))
		return -1;
	return berth_fd_steal(&tree);
}

const struct berth_snapshot_driver berth_snapshot_copy = {
	.name = "copy",
	.whiteouts = BERTH_WHITEOUTS_DELETE,
	.prepare = copy_prepare,
	.mount = copy_mount,
};
