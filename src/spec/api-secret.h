// SPDX-License-Identifier: Apache-2.0
// Berth's own secrets, of plain containers: the objects of /berth/secrets. They look like Docker's of a swarm.
#pragma once

#include "base/document.h"

// What of a secret a container gets, and where (HostConfig.Secrets).
struct api_secret_use {
	char *source; // the secret's name or id
	char *target; // "": /run/secrets/<name>; a relative one lies there
	int64_t uid, gid, mode; // in the container
};
extern const struct berth_document api_secret_use_document;

struct api_secret_create {
	char *name;
	GHashTable *labels;
	char *data; // base64
};
extern const struct berth_document api_secret_create_document;

struct api_secret_update {
	GHashTable *labels; // NULL: as they are
	char *data; // base64; NULL: as it is
};
extern const struct berth_document api_secret_update_document;

struct api_secret_spec {
	char *name;
	GHashTable *labels;
};
// What an answer says: never the data.
struct api_secret {
	char *id, *created_at, *updated_at;
	struct api_secret_spec *spec;
};
extern const struct berth_document api_secret_document;
BERTH_DOCUMENT_AUTOPTR(api_secret, api_secret_document)
BERTH_DOCUMENT_AUTOPTR(api_secret_create, api_secret_create_document)
BERTH_DOCUMENT_AUTOPTR(api_secret_update, api_secret_update_document)
