// SPDX-License-Identifier: Apache-2.0
// Volumes: data that outlives containers. The engine owns the records and knows who uses which volume; here is where
// the data lies, and how it gets there.
//
// The local driver: <data root>/volumes/<name>/_data, parents with mode 0711 and 0700 so that no user of the host gets
// at set-uid files in them; with the options type, device and o a file system that is mounted when the first container
// uses the volume; with size a project quota.
#pragma once

#include "base/document.h"

#include <stdint.h>

#define BERTH_RECORD_VOLUME "volume" // its id is its name
#define BERTH_VOLUME_VERSION 1
#define BERTH_VOLUME_NAME_MAX 255 // [a-zA-Z0-9][a-zA-Z0-9_.-]*

struct berth_volume {
	int64_t version;
	char *name;
	char *driver; // local, or a plugin's name
	int64_t created; // nanoseconds since 1970
	bool anonymous; // nobody named it: prune takes it, and `rm -v`
	GHashTable *options, *labels;
	char *source; // name of the volume that it was cloned from; NULL: none
};
extern const struct berth_document berth_volume_document;
BERTH_DOCUMENT_AUTOPTR(berth_volume, berth_volume_document)

struct berth_plugins;
struct berth_volumes; // opaque: data root, drivers
struct berth_volumes_options {
	const char *root; // <data root>/volumes
	const char *run_folder; // <exec root>/volumes: where file systems of volumes are mounted
};
struct berth_volumes *berth_volumes_new(const struct berth_volumes_options *options, struct berth_plugins *plugins,
					GError **error);
void berth_volumes_free(struct berth_volumes *volumes);

// A driver. All may be repeated. `id` is the container's: mounts are counted by it.
struct berth_volume_driver {
	const char *name;
	bool (*check)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error); // options
	bool (*create)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error);
	bool (*remove)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error);
	// *ret_path (the caller frees it): the folder on the host, there until unmount.
	bool (*mount)(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id, char **ret_path,
		      GError **error);
	bool (*unmount)(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id,
			GError **error);
	char *(*path)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error); // Mountpoint
	json_t *(*status)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error); // or NULL
};
const struct berth_volume_driver *berth_volume_driver_find(const char *name); // not local: remote, by plugins
extern const struct berth_volume_driver berth_volume_local, berth_volume_remote;
