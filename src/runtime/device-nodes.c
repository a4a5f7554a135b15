// SPDX-License-Identifier: Apache-2.0
// Nodes for a user namespace, in which none can be made: by the creator, on a file system that nobody else sees, so
// that they belong to the container's ids. Of each the creator keeps a mount of its own, which is all that stays of it.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool make_node(int folder, const struct oci_device *device, mode_t type, uid_t uid, gid_t gid, GError **error)
{
	static const char name[] = "node";
	mode_t mode = device->file_mode == BERTH_UNSET ? 0666 : (mode_t) device->file_mode & 0777;

	if (mknodat(folder, name, type | 0600, makedev((unsigned) device->major, (unsigned) device->minor)) < 0)
		return berth_error_set_errno(error, errno, "make its node");
	if (fchownat(folder, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 || fchmodat(folder, name, mode, 0) < 0)
		return berth_error_set_errno(error, errno, "set the owner of its node");
	return true;
}

int berth_device_node_new(const struct berth_setup *setup, const struct oci_device *device, unsigned type,
			  GError **error)
{
	static const char *const options[] = {"mode=0700", NULL};
	int64_t uid = berth_identity_host_id(setup->section->uid_mappings, MAX(device->uid, 0));
	int64_t gid = berth_identity_host_id(setup->section->gid_mappings, MAX(device->gid, 0));

	if (setup->unprivileged || uid < 0 || gid < 0) {
		berth_error_set(error, BERTH_ERROR_FORBIDDEN, "the host's is not what is wanted, and none can be made");
		return -1;
	}
	berth_fd store = berth_mount_new("tmpfs", "device", (char *const *) options,
					 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, error);
	if (store < 0 || !make_node(store, device, (mode_t) type, (uid_t) uid, (gid_t) gid, error))
		return -1;
	int tree = berth_mount_clone(store, "node", false, error);
	if (tree < 0)
		g_prefix_error(error, "a mount of a detached one (needs Linux 6.15): ");
	return tree;
}
