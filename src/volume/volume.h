// SPDX-License-Identifier: Apache-2.0
// Volumes: data that outlives containers. The engine owns the records and knows who uses which volume; here is where
// the data lies, and how it gets there.
//
// The local driver: <data root>/volumes/<name>/_data, parents with mode 0711 and 0700 so that no user of the host gets
// at set-uid files in them; with the options type, device and o a file system that is mounted when the first container
// uses the volume; with size a project quota.
//
// Below <exec root>/volumes, a private mount as long as anything is mounted there:
//
//	<name>/volume.json, users/<container id>, fs    a volume that is mounted on the host, and for whom
//	.points/<container id>/<n>                      what a container's mount is made from, while it is started
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
	char *pending; // id of the container that it was made for, until that one's record is written; NULL: none
	bool made; // its plugin was asked to make it, and had none of that name before
	bool removing; // it does not exist for anybody; what is left of it is removed, now or at the next start
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
// Any thread may use them. `plugins` is borrowed and may be NULL.
struct berth_volumes *berth_volumes_new(const struct berth_volumes_options *options, struct berth_plugins *plugins,
					GError **error);
void berth_volumes_free(struct berth_volumes *volumes);

// BERTH_ERROR_INVALID in Docker's words.
bool berth_volume_name_check(const char *name, GError **error);

// A driver. All may be repeated. `id` is the container's: mounts are counted by it, and a driver is asked to unmount
// for each that it mounted for. The caller has locked the volume.
struct berth_volume_driver {
	const char *name;
	bool (*check)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error); // options
	// A plugin may have one of that name already: then that is taken. Else volume->made is set.
	bool (*create)(struct berth_volumes *volumes, struct berth_volume *volume, GError **error);
	bool (*remove)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error);
	// Whether mount() does anything that unmount() has to undo.
	bool (*counted)(const struct berth_volume *volume);
	// *ret_path (the caller frees it): the folder on the host, there until unmount.
	bool (*mount)(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id, char **ret_path,
		      GError **error);
	// `last`: nobody uses it any more.
	bool (*unmount)(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id, bool last,
			GError **error);
	char *(*path)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error); // Mountpoint
	json_t *(*status)(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error); // or NULL
};
// The local driver, or the plugins'. NOT_FOUND if there is none of that name.
const struct berth_volume_driver *berth_volume_driver_find(struct berth_volumes *volumes, const char *name,
							   GError **error);
extern const struct berth_volume_driver berth_volume_local, berth_volume_remote;

// remote.c
// Whether the volumes of a plugin are the same on every host that has it ("Scope": "global"). False: it does not say.
bool berth_volume_is_global(struct berth_volumes *volumes, const char *driver);
// What plugins have that can be reached now (struct berth_volume, without labels and options; created may be 0),
// whether there is a record of it or not.
GPtrArray *berth_volumes_foreign(struct berth_volumes *volumes);
// The volume of that name that a plugin has; NULL: none. The caller frees it.
struct berth_volume *berth_volumes_foreign_find(struct berth_volumes *volumes, const char *name);

// One operation at a time on one volume: waits for the others. Not for a second one of the same thread.
void berth_volume_lock(struct berth_volumes *volumes, const char *name);
void berth_volume_unlock(struct berth_volumes *volumes, const char *name);

// Mounts a volume for a container, by its driver, and remembers that on disk; the caller has locked it. What is
// remembered outlives the engine, and is undone by release.
bool berth_volume_mount(struct berth_volumes *volumes, const struct berth_volume *volume, const char *id,
			char **ret_path, GError **error);
// Undoes all mounts for a container. It locks them itself. Nothing there is fine.
bool berth_volumes_release(struct berth_volumes *volumes, const char *id, GError **error);
// Ids of containers for which something is mounted: a new NULL-terminated array.
char **berth_volumes_users(struct berth_volumes *volumes);

// A mount on the host of what a container's mount is made from, where that has no path of its own that nobody can
// change: a folder (or file) of a volume, an image. `mount_fd` is a detached mount. *ret_path is the caller's.
bool berth_volumes_point(struct berth_volumes *volumes, const char *id, unsigned number, int mount_fd, char **ret_path,
			 GError **error);
void berth_volumes_points_clear(struct berth_volumes *volumes, const char *id);

// Opens `path`, relative, beneath a folder: no link leads out of it. O_PATH. Errors in Docker's words.
int berth_volume_open_subpath(int folder, const char *path, GError **error);

// fill.c. Copies what is in `image` into `data` if that is empty, with the folder's own owner, mode, times and extended
// attributes (but for what the volume's options say): whole, or not at all. What is copied waits in folder `work`, on
// the same file system, which may be `data` itself. The caller has locked the volume.
bool berth_volume_fill(const struct berth_volume *volume, int work, int data, int image, GError **error);
bool berth_volume_is_empty(int data, bool *ret, GError **error);
// Makes a new folder in `work`, to be filled by the caller and then moved into `data` (which must be empty) by finish;
// a crash before loses it, one after does not.
int berth_volume_fill_begin(int work, GError **error);
bool berth_volume_fill_finish(int work, int data, GError **error);
void berth_volume_fill_cancel(int work);
// Finishes or undoes what a crash interrupted.
bool berth_volume_fill_recover(int work, int data, GError **error);

// Of a volume of the local driver: its own folder (mode 0700) and the data's, which is its _data, or where its file
// system is mounted for the caller. -1 on failure.
int berth_volume_local_folder(struct berth_volumes *volumes, const char *name, GError **error);

// Gives `data` the owner and mode that the volume's options uid, gid and mode ask for, if they do.
bool berth_volume_local_own(const struct berth_volume *volume, int data, GError **error);

// usage.c. Bytes of all files in a folder, those with several names once.
bool berth_volume_usage(int folder, int64_t *ret_bytes, GError **error);

// quota.c. Limits a folder, and what is made in it from now on, to `bytes`. NOT_IMPLEMENTED, with the cause and the
// remedy, where the file system has no project quotas. 0 lifts the limit.
bool berth_quota_set(int folder, int64_t bytes, const char *what, GError **error);
// RESOURCE_EXHAUSTED if what is in a limited folder is more than its limit.
bool berth_quota_check(int folder, GError **error);
