// SPDX-License-Identifier: Apache-2.0
// The mount API of Linux 5.12 by descriptors: a mount is made or cloned detached, gets its attributes, and is then
// moved onto a descriptor of its target. No function here takes a path inside a container, but berth_mount_new_on(). On
// older kernels the same functions work in a mount namespace where berth_mount_stage() was called, and are
// BERTH_ERROR_NOT_IMPLEMENTED elsewhere.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

// Clones the mount at `path` beneath `dir_fd` (AT_FDCWD: a path of the caller; "" : the descriptor itself, which must
// be attached in the caller's mount namespace), with the mounts beneath it when `recursive`. Returns a detached mount's
// descriptor or -1.
int berth_mount_clone(int dir_fd, const char *path, bool recursive, GError **error);

// Makes a new instance of file system `type`. `options` are "key" and "key=value" (NULL: none). `attributes` are
// MOUNT_ATTR_* of the mount. `source` may be NULL. Returns a detached mount's descriptor or -1, with the kernel's own
// words on what it did not like where it gave any.
int berth_mount_new(const char *type, const char *source, char *const *options, uint64_t attributes, GError **error);

// The same, on the path `point`, by the one call mount(2): for a folder that nobody else can reach, and a file system
// that is there already, whose own read-only flag is not to change with the mount's.
bool berth_mount_new_on(const char *point, const char *type, const char *source, char *const *options,
			uint64_t attributes, GError **error);

struct berth_mount_change {
	uint64_t set, clear; // MOUNT_ATTR_*; MOUNT_ATTR__ATIME belongs in clear when an access time mode is set
	uint64_t propagation; // MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; 0: as it is
	bool recursive;
};
// Changes a mount, attached or not. An empty change is none.
bool berth_mount_change(int mount_fd, const struct berth_mount_change *change, GError **error);

// Maps the ids of a detached mount, and of those beneath it when `recursive`, as user namespace `user_namespace` (a
// descriptor) does. Asks for the rights over the file system.
bool berth_mount_map_ids(int mount_fd, int user_namespace, bool recursive, GError **error);

// Attaches the detached mount (or moves an attached one) onto what `target_fd` is open on. `what` names the target.
bool berth_mount_attach(int mount_fd, int target_fd, const char *what, GError **error);

// Whether the kernel changes detached mounts (Linux 5.12), so that none has to wait in the stage.
bool berth_mount_changes_detached(void);

// Makes the place where mounts wait on kernels that have no detached ones: a tmpfs over /proc/fs, in the caller's mount
// namespace, which has to be its own and not to pass mounts on to others.
bool berth_mount_stage(GError **error);

// Whether the file system that `fd` lies on has this magic (linux/magic.h).
bool berth_mount_is(int fd, long magic);
