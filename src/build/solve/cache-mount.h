// SPDX-License-Identifier: Apache-2.0
// Cache mounts as things that are listed and removed.
#pragma once

#include "build/solve/mounts.h"

#include <dirent.h>

#define BERTH_RECORD_BUILD_MOUNT "build-mount"
#define BERTH_CACHE_MOUNT_NEW ".new-" // before the name of one that is being made or removed

struct berth_cache_mount_record {
	int64_t version;
	char *name; // its id as the Dockerfile has it
	char *description;
	int64_t created, used, count;
};
extern const struct berth_document berth_cache_mount_record_document;
BERTH_DOCUMENT_AUTOPTR(berth_cache_mount_record, berth_cache_mount_record_document)

// Its folder's name, the caller's. `space`: the namespace that the build was given; NULL: none.
char *berth_cache_mount_name(const char *id, const char *space);
bool berth_cache_mount_check_id(const char *id, GError **error);
// Its record says that it is there and was used now.
bool berth_cache_mount_note(struct berth_builder *builder, const char *name, const char *id, GError **error);
// For removing it: false if anybody holds it. berth_cache_mount_release() gives it back.
bool berth_cache_mount_take(struct berth_builder *builder, const char *name);
void berth_cache_mount_release(struct berth_builder *builder, const char *name);
bool berth_cache_mount_is_held(struct berth_builder *builder, const char *name);
bool berth_cache_mount_remove(struct berth_builder *builder, const char *name, GError **error);
int64_t berth_cache_mount_size(struct berth_builder *builder, const char *name); // bytes of its files
bool berth_cache_mounts_sweep(struct berth_builder *builder, GError **error);
