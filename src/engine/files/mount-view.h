// SPDX-License-Identifier: Apache-2.0
// Views of a container's files for the engine: detached mounts, or mounts in a namespace that nobody is in. They are
// held by descriptors alone, so a crash leaves nothing mounted. In a view nothing can be executed and no device opened,
// and what the container mounts or unmounts meanwhile does not change it.
#pragma once

#include "sys/mount.h"

// Clones the mount at `root`, which lies in the mount namespace `namespace` (a descriptor), with those beneath it when
// `recursive`. A thread enters that namespace for it, and does nothing there but ask the kernel: no file of the
// container's can become code here (CVE-2019-14271). Returns a detached mount, or -1.
int berth_view_clone(int namespace, int root, bool recursive, bool writable, GError **error);

// A mount that is to be part of a view.
struct berth_view_mount {
	int fd; // detached; -1: none
	const char *path; // absolute, in the container
	bool read_only;
};
// Attaches the mounts beneath the detached mount `root`, in this order, making what is missing of their places, all in
// a mount namespace of its own; *ret_namespace keeps that. With `root_read_only` the root cannot be written to when
// that is done, and without `writable` nothing can.
bool berth_view_gather(int root, const struct berth_view_mount *mounts, size_t count, bool root_read_only,
		       bool writable, int *ret_namespace, GError **error);
