// SPDX-License-Identifier: Apache-2.0
// What stands in for system calls that older kernels do not have; used by process.c and mount.c when the kernel answers
// ENOSYS, and by nobody else. Descriptors of processes and waiting for them are not replaced: Linux 5.4 is the oldest.
//
// In place of a detached mount there is one that waits in the stage, a tmpfs that only the container's process sees
// (berth_mount_stage). It is the same mount, by the same descriptor, before and after it is moved from there onto its
// target; so the callers do not see the difference, and no path inside a container is looked up more often.
#pragma once

#include "sys/mount.h"

#include <sys/types.h>

// process-old.c: clone3() by clone() (before 5.3; CLONE_INTO_CGROUP before 5.7), as berth_process_clone_known() has it.
pid_t berth_old_clone(uint64_t flags, int cgroup_fd, pid_t *ret_born, int *ret_pidfd);

// mount-old.c: as the functions without "old". `open_tree`, `move_mount` and `fsopen` are of 5.2, `mount_setattr` of
// 5.12; between the two a detached mount is put into the stage when its attributes have to be changed.
int berth_old_mount_clone(int dir_fd, const char *path, bool recursive, GError **error);
int berth_old_mount_new(const char *type, const char *source, char *const *options, uint64_t attributes,
			GError **error);
bool berth_old_mount_change(int mount_fd, const struct berth_mount_change *change, GError **error);
bool berth_old_mount_attach(int mount_fd, int target_fd, const char *what, GError **error);
