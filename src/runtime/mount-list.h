// SPDX-License-Identifier: Apache-2.0
// The mounts that a process sees, from its /proc/<pid>/mountinfo.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct berth_mounted {
	int id, parent;
	char *device; // of the file system: "0:25"
	char *root; // the file system's folder or file that is mounted
	char *point;
	char *type;
};

// In the kernel's order; a new array of struct berth_mounted, or NULL with an error.
GPtrArray *berth_mount_list(pid_t pid, GError **error);
// From the file's text; lines that are none are left out.
GPtrArray *berth_mount_list_parse(const char *mountinfo);
// The mount whose id this is; NULL: none.
const struct berth_mounted *berth_mount_list_find(const GPtrArray *list, int id);
// The id of the mount that an open file lies on; -1 with errno.
int berth_mount_id(int fd);
