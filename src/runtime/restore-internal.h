// SPDX-License-Identifier: Apache-2.0
// Between the files of a restore: restore.c (its course), restore-stage.c (what CRIU finds the container's files at)
// and restore-check.c (whether images and restored processes are what config.json says).
#pragma once

#include "runtime/checkpoint.h"
#include "runtime/criu-images.h"

// Names in the stage: the root, the trees of setup->mounts and setup->device_trees by index, and what the images have
// mounted from beneath one of them.
#define BERTH_STAGE_ROOT "root"
#define BERTH_STAGE_MOUNT "mount%u"
#define BERTH_STAGE_DEVICE "device%u"
#define BERTH_STAGE_BENEATH "beneath%u"

// A mount of the images that comes from the host.
struct berth_restore_mount {
	char *key; // where it is in the container
	int tree; // the mount it comes from, borrowed
	char *rest; // beneath the tree's root; "": the tree itself
	char *name; // in the stage
};

struct berth_restore {
	struct berth_setup *setup;
	struct berth_container *container;
	bool *hooks_ran;
	GPtrArray *mounts; // of struct berth_restore_mount
	char *stage; // absolute: the container's state folder, which a tmpfs covers in CRIU's mount namespace
	bool bring_cgroup_namespace; // CRIU's process makes it
	bool checked; // the restored processes were
};

// restore-check.c. Before CRIU reads the images: fills restore->mounts.
bool berth_restore_check_images(struct berth_restore *restore, int images, GError **error);
// When namespaces and mounts are there (init is `pid`), and when all is restored and nothing has run yet.
bool berth_restore_check_namespaces(const struct berth_restore *restore, pid_t pid, GError **error);
bool berth_restore_check_processes(const struct berth_restore *restore, pid_t pid, GError **error);

// restore-stage.c, in CRIU's process: makes the stage, and what is missing in the root to mount on.
bool berth_restore_stage(struct berth_restore *restore, GError **error);
