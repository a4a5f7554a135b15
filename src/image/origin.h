// SPDX-License-Identifier: Apache-2.0
// Which repositories are known to have a blob, because it was pulled from there or pushed there: a push to another one
// of the same registry can ask for it to be taken from there. Records of kind "origin" (id: the blob's digest), which
// keep nothing; those of blobs that are gone go with the next collection.
#pragma once

#include "spec/oci-image.h"
#include "store/store.h"

// `repository` is "host/path".
bool berth_origin_note(struct berth_transaction *transaction, const char *digest, const char *repository,
		       GError **error);
// The same of all blobs that a manifest names.
bool berth_origin_note_all(struct berth_transaction *transaction, const struct oci_manifest *manifest,
			   const char *repository, GError **error);
// The paths of the repositories on `host`, the latest first; a new NULL-terminated array.
char **berth_origin_paths(struct berth_transaction *transaction, const char *digest, const char *host, GError **error);
// Forgets the blobs that are not in the store any more.
bool berth_origins_sweep(struct berth_store *store, GError **error);
