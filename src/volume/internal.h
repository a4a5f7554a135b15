// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
#pragma once

#include "volume/volume.h"

#include <pthread.h>

struct berth_volumes {
	char *root, *run_folder;
	int root_fd;
	struct berth_plugins *plugins;

	pthread_mutex_t lock;
	pthread_cond_t unlocked;
	GHashTable *busy; // names of volumes that are locked
	GHashTable *counted; // of struct berth_counted by the volume's name
	unsigned attached; // mounts below run_folder
};

// A volume that is mounted on the host.
struct berth_counted {
	struct berth_volume *volume;
	GHashTable *users; // ids of containers
};

// run.c: <exec root>/volumes.
// Attaches a detached mount onto `path` beneath run_folder, which is made a mount of its own before, that passes
// nothing on; and takes one away again.
bool berth_volumes__attach(struct berth_volumes *volumes, int mount_fd, const char *path, GError **error);
bool berth_volumes__detach(struct berth_volumes *volumes, const char *path, GError **error);
// What an earlier engine left there: volumes that are mounted are counted, points are removed.
bool berth_volumes__load(struct berth_volumes *volumes, GError **error);

// local-mount.c: the options type, device and o.
bool berth_local__check_mount(const struct berth_volume *volume, GError **error);
// A detached mount of it; `shown` is the path in messages.
int berth_local__mount(const struct berth_volume *volume, const char *shown, GError **error);
