// SPDX-License-Identifier: Apache-2.0
// Volumes, as the API asks for them. Errors are in Docker's words ("get x: no such volume").
#pragma once

#include "engine/engine.h"
#include "spec/api-volume.h"

// volumes.c
// `filters`: dangling driver label label! name; `size`: with how much is in them. A GPtrArray of struct api_volume.
GPtrArray *berth_engine_volume_list(struct berth_engine *engine, GHashTable *filters, bool size, GError **error);
// One that is there with that name and driver is returned as it is.
struct api_volume *berth_engine_volume_create(struct berth_engine *engine, const struct api_volume_create *create,
					      GError **error);
struct api_volume *berth_engine_volume_inspect(struct berth_engine *engine, const char *name, GError **error);
// `force`: one that is not there is fine. CONFLICT if a container uses it, whether it runs or not.
bool berth_engine_volume_remove(struct berth_engine *engine, const char *name, bool force, GError **error);
// Those that no container uses: without `all`, and without the filter of that name, anonymous ones only.
struct api_volume_prune_report *berth_engine_volume_prune(struct berth_engine *engine, GHashTable *filters, bool all,
							  GError **error);

// volumes-copy.c
// What is in the volume as a tar archive, passed on piece by piece; `write` returns false to stop. What a container
// changes meanwhile is in it as before or as after.
typedef bool berth_volume_write_fn(void *data, const void *bytes, size_t length);
bool berth_engine_volume_export(struct berth_engine *engine, const char *name, berth_volume_write_fn *write, void *data,
				GError **error);
// Unpacks a tar archive (also compressed) that is read from `fd`. Into an empty volume all comes or nothing; in one
// with content the archive's files replace those of the same name.
bool berth_engine_volume_import(struct berth_engine *engine, const char *name, int fd, GError **error);
// A new volume with a copy of what is in this one, of the same driver and options; content is shared where the file
// system can. CONFLICT if there is one of that name.
struct api_volume *berth_engine_volume_clone(struct berth_engine *engine, const char *name, const char *to,
					     GError **error);
