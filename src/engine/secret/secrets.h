// SPDX-License-Identifier: Apache-2.0
// Secrets: values that containers get as files on a tmpfs, and that are nowhere else but in the engine's database
// (a file of root's alone). What is told of a secret never has its value.
#pragma once

#include "engine/internal.h"
#include "spec/api-secret.h"

#define BERTH_RECORD_SECRET "secret"

// `secret` is a name, an id, or a unique prefix of one. NOT_FOUND: "secret x not found".
char *berth_engine_secret_create(struct berth_engine *engine, const struct api_secret_create *create, GError **error);
GPtrArray *berth_engine_secret_list(struct berth_engine *engine, GHashTable *filters, GError **error);
struct api_secret *berth_engine_secret_inspect(struct berth_engine *engine, const char *secret, GError **error);
// Containers that run have the new value at once.
bool berth_engine_secret_update(struct berth_engine *engine, const char *secret, const struct api_secret_update *update,
				GError **error);
// CONFLICT while a container, running or not, has it.
bool berth_engine_secret_remove(struct berth_engine *engine, const char *secret, GError **error);

// Of a container that is to be made: from names in its host configuration to record->secrets.
bool berth_engine__secrets_bind(struct berth_engine *engine, struct berth_container_record *record, GError **error);
// Of one that starts: its files. *ret_folder is where they are, NULL without secrets.
bool berth_engine__secrets_deliver(struct berth_engine *engine, const struct berth_container_record *record,
				   char **ret_folder, GError **error);
// Mounts a tmpfs for so many files, whose folder "file" is for them; *ret_path is where. A descriptor of it, or -1.
int berth_engine__secrets_mount(struct berth_engine *engine, const char *id, guint count, char **ret_path,
				GError **error);
void berth_engine__secrets_unmount(const struct berth_engine *engine, const char *id);
// The value; the caller frees it by berth_engine__secret_free().
guchar *berth_engine__secret_value(struct berth_engine *engine, const char *id, gsize *ret_length, GError **error);
void berth_engine__secret_free(guchar *value, gsize length);
// Gives the new value to those who run; secrets-deliver.c.
void berth_engine__secrets_rotate(struct berth_engine *engine, const char *id);
// Of a container that is found running: values that changed, and that an engine was killed before giving it.
void berth_engine__secrets_adopt(struct berth_engine *engine, const struct berth_container_record *record);
