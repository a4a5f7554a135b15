// SPDX-License-Identifier: Apache-2.0
// Volumes, as the engine's other files see them. The lock of a volume (volume/volume.h) is taken after a container's
// `operation` and before engine->lock.
#pragma once

#include "engine/internal.h"
#include "engine/spec/spec.h"
#include "engine/volume/volumes.h"
#include "volume/volume.h"

// volumes-record.c
// NOT_FOUND: "get x: no such volume", also for one that is being made or removed.
struct berth_volume *berth_engine__volume_get(struct berth_engine *engine, const char *name, GError **error);
bool berth_engine__volume_put(struct berth_transaction *transaction, const struct berth_volume *volume, GError **error);
// Adds an event of a volume to the array; behind `action` come names and values of further attributes, ended by NULL.
void berth_engine__volume_event(json_t *events, const char *name, const char *driver, const char *action,
				...) G_GNUC_NULL_TERMINATED;
// What a volume is to be, if there is none of that name.
struct berth_volume_wish {
	const char *name, *driver;
	GHashTable *options, *labels;
	const char *pending; // id of the container that an anonymous one is made for; NULL: it is there at once
	const char *source;
	bool anonymous, must_be_new;
};
// Finds it or makes it. The caller has locked it.
struct berth_volume *berth_engine__volume_ensure(struct berth_engine *engine, const struct berth_volume_wish *wish,
						 GError **error);
// Removes it. The caller has locked it.
bool berth_engine__volume_remove_locked(struct berth_engine *engine, const char *name, GError **error);
// Removes it if it is still being made for the container, and nobody else has it. The caller has locked it.
void berth_engine__volume_undo_locked(struct berth_engine *engine, const char *name, const char *id);
// Removes the record only, of a volume that nobody uses: its plugin is gone. The caller has locked it.
bool berth_engine__volume_forget(struct berth_engine *engine, const char *name, GError **error);
// Keeps a volume from being removed though no record refers to it yet; counted.
void berth_engine__volume_hold(struct berth_engine *engine, const char *name);
void berth_engine__volume_let_go(struct berth_engine *engine, const char *name);
// What a crash left half-done.
bool berth_engine__volumes_recover(struct berth_engine *engine, GError **error);
// Where a volume's content is, mounted for `id` until release, and where its first content is gathered. The caller has
// locked it.
struct berth_volume_place {
	int data, work;
};
bool berth_engine__volume_open(struct berth_engine *engine, const struct berth_volume *volume, const char *id,
			       struct berth_volume_place *ret, GError **error);
void berth_volume_place_clear(struct berth_volume_place *place);

// volumes-use.c: what a container's life needs. `operation` is held, or nobody knows of the container yet.
// Makes the volumes that are missing, and fills those that are empty; they are held until settled or undone.
bool berth_engine__volumes_prepare(struct berth_engine *engine, struct berth_container_record *record, GError **error);
// In the transaction that writes the container's record: anonymous volumes are there from now on.
bool berth_engine__volumes_settle(struct berth_transaction *transaction, const struct berth_container_record *record,
				  json_t *events, GError **error);
void berth_engine__volumes_let_go(struct berth_engine *engine, const struct berth_container_record *record);
// Removes the anonymous volumes of a container that did not come to be.
void berth_engine__volumes_undo(struct berth_engine *engine, const struct berth_container_record *record);
// Mounts the volumes of a container that is to be started. *ret_sources says what each of the record's mounts is made
// from; an array of struct berth_spec_source that the caller frees. `owner`: its user namespace; NULL: the host's.
bool berth_engine__volumes_mount(struct berth_engine *engine, const struct berth_container_record *record,
				 const struct berth_snapshot_owner *owner, GArray **ret_sources, GError **error);
// The container has been made, or not: what its mounts were made from is not needed any more.
void berth_engine__volumes_made(struct berth_engine *engine, const struct berth_container_record *record);
void berth_engine__volume_mount_events(json_t *events, const struct berth_container_record *record, bool mount);
// Removes the anonymous volumes that nobody else uses.
void berth_engine__volumes_remove_of(struct berth_engine *engine, const struct berth_container_record *record);

// volumes-from.c: the mounts of other containers that the request names (--volumes-from): a new GPtrArray of struct
// berth_container_mount, later ones first; NULL with *error on failure.
GPtrArray *berth_engine__volumes_from(struct berth_engine *engine, char *const *names, GError **error);
