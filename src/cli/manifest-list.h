// SPDX-License-Identifier: Apache-2.0
// Manifest lists that are being made: a folder "manifests" in the user's configuration, in it a folder per list, in
// that a file per manifest, as Docker's command line has them.
#pragma once

#include "cli/command.h"

#include <jansson.h>

// An entry of a list: {"Ref", "Descriptor": {mediaType, digest, size, platform}, "Raw": base64, "SchemaV2Manifest" or
// "OCIManifest"}. `raw` is the manifest as its registry has it.
json_t *berth_manifest_entry(const char *full_name, const char *media_type, const char *raw, size_t length,
			     const json_t *platform, GError **error);

// All names are full ones ("docker.io/library/x:latest").
bool berth_manifest_list_exists(const struct berth_cli *cli, const char *list);
bool berth_manifest_list_put(const struct berth_cli *cli, const char *list, const json_t *entry, GError **error);
// One entry, or NULL with NOT_FOUND; all entries, ordered by their names, as an array.
json_t *berth_manifest_list_get(const struct berth_cli *cli, const char *list, const char *name, GError **error);
json_t *berth_manifest_list_all(const struct berth_cli *cli, const char *list, GError **error);
bool berth_manifest_list_remove(const struct berth_cli *cli, const char *list, GError **error);

bool berth_manifest_is_index(const char *media_type);
// The index of a list's entries. With `check` each must have a platform.
json_t *berth_manifest_list_index(const json_t *entries, bool check, GError **error);
