// SPDX-License-Identifier: Apache-2.0
// What is looked at in a folder of CRIU's images before CRIU reads it. Images may come from anybody: they say what is
// mounted where, in which namespaces processes live, and which control groups there are, and CRIU does it. So what they
// say is compared with config.json first (restore-check.c).
#pragma once

#include "runtime/criu-wire.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

// File systems by CRIU's numbers; others do not come from a container.
enum berth_image_fstype {
	BERTH_IMAGE_PROC = 1,
	BERTH_IMAGE_SYSFS = 2,
	BERTH_IMAGE_TMPFS = 5,
	BERTH_IMAGE_DEVPTS = 6,
	BERTH_IMAGE_CGROUP = 12,
	BERTH_IMAGE_MQUEUE = 14,
	BERTH_IMAGE_CGROUP2 = 23,
};

struct berth_image_mount {
	uint64_t id, parent;
	uint64_t type; // enum berth_image_fstype, or another
	uint64_t device;
	uint64_t flags; // MS_*
	char *root; // of the file system
	char *point;
	char *external; // key of what comes from the host; "": nothing does
	bool plugin; // only a plugin of CRIU can make it
};

// Nothing but plain files and folders (and the link "parent") may lie in it: CRIU opens by name, and would follow.
bool berth_images_check_folder(int folder, GError **error);
// Follows "parent" through earlier images, and checks each folder.
bool berth_images_check_parents(int folder, GError **error);
// Opens a folder of earlier images, named from the folder of these. It must lie in the same folder as these or beneath.
int berth_images_open_parent(int folder, const char *path, GError **error);

// The mounts of all mount namespaces: a new array of struct berth_image_mount.
GPtrArray *berth_images_mounts(int folder, GError **error);
// In which namespaces (CLONE_NEW*) the first process is that the process which made the images was not in.
bool berth_images_namespaces(int folder, unsigned *ret, GError **error);
// Names of control groups and their files must not lead out of the hierarchies.
bool berth_images_check_groups(int folder, GError **error);

// The entries of one image file, for tests too: calls `take` for each. False with *error: this is no image, or `take`
// said so.
bool berth_image_parse(struct berth_wire image, const char *name,
		       bool (*take)(struct berth_wire entry, void *data, GError **error), void *data, GError **error);
