// SPDX-License-Identifier: Apache-2.0
// What is prepared before the container's mounts are made. Normally the creator does it, with its rights and before
// clone. Detached mounts need CAP_SYS_ADMIN for the caller's mount namespace, which an ordinary user has not, nor has
// root of a user namespace without a mount namespace of its own; and older kernels have no detached mounts. There the
// process prepares them itself, in its own mount namespace:
//
//	an ordinary user	before it becomes root of the user namespace, so that its user's rights open the sources
//	an older kernel		afterwards, since root has to make what mounts wait on (sys/mount.h)
//
// Nothing in that namespace reaches the creator's: its mounts receive, and pass nothing on.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

static bool prepare_mounts(struct berth_setup *setup, GError **error)
{
	return berth_mounts_prepare(setup, setup->cgroup_path, error) && berth_devices_prepare(setup, error);
}

bool berth_prepare(struct berth_setup *setup, GError **error)
{
	g_autoptr(GError) problem = NULL;

	if (setup->config->hooks &&
	    !berth_hooks_open_streams(setup->config->annotations, setup->create->bundle, &setup->hook_streams, error))
		return false;
	berth_stdio_give(setup, setup->section->uid_mappings);
	if (!berth_kernel_prepare(setup, error) || !berth_identity_prepare(setup, error))
		return false;
	if (berth_rootfs_prepare(setup, &problem))
		return prepare_mounts(setup, error);
	bool old = g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
	if ((!old && !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN)) || setup->create->rootfs_fd >= 0) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	old |= !berth_mount_changes_detached();
	setup->late = old ? BERTH_LATE_AS_ROOT : BERTH_LATE_AS_CREATOR;
	berth_fd_clear(&setup->root_tree);
	g_clear_pointer(&setup->root_path, g_free);
	return true;
}

bool berth_prepare_late(struct berth_setup *setup, enum berth_late now, GError **error)
{
	if (setup->late != now)
		return true;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return berth_error_set_errno(error, errno, "keep the mounts from the creator's");
	if (now == BERTH_LATE_AS_ROOT && !berth_mount_stage(error))
		return false;
	return berth_rootfs_prepare(setup, error) && prepare_mounts(setup, error);
}
