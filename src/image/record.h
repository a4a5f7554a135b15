// SPDX-License-Identifier: Apache-2.0
// What the database keeps of images. Kind "image": id is the configuration's digest; it refers to its configuration,
// manifest and layers (blobs) and to its top layer's snapshot. Kind "tag": id is the full name, with ":tag" or, for
// what a registry has under a digest, with "@sha256:…"; it refers to its image, and to the manifest or index of that
// digest.
#pragma once

#include "base/document.h"
#include "store/database.h"

#define BERTH_RECORD_IMAGE "image"
#define BERTH_RECORD_TAG "tag"
#define BERTH_RECORD_BLOB "blob"
#define BERTH_RECORD_SNAPSHOT "snapshot"

struct berth_image_layer {
	char *digest; // of its blob, as it came (plain, gzip or zstd)
	char *diff_id; // of the uncompressed archive
	char *chain_id; // of its snapshot
	int64_t size; // bytes of its files
};
extern const struct berth_document berth_image_layer_document;

struct berth_image_record {
	int64_t version;
	char *manifest; // digest of its OCI or Docker manifest
	int64_t created; // nanoseconds since 1970; 0: unknown
	GHashTable *labels;
	GPtrArray *layers; // of struct berth_image_layer, lowest first
};
extern const struct berth_document berth_image_record_document;

struct berth_tag_record {
	int64_t version;
	char *image; // its id
	int64_t tagged; // nanoseconds since 1970
};
extern const struct berth_document berth_tag_record_document;

BERTH_DOCUMENT_AUTOPTR(berth_image_layer, berth_image_layer_document)
BERTH_DOCUMENT_AUTOPTR(berth_image_record, berth_image_record_document)
BERTH_DOCUMENT_AUTOPTR(berth_tag_record, berth_tag_record_document)

struct berth_image_record *berth_image_record_get(struct berth_transaction *transaction, const char *id,
						  GError **error);
// Writes it if the image is not there yet.
bool berth_image_record_add(struct berth_transaction *transaction, const char *id,
			    const struct berth_image_record *record, GError **error);
// Writes it in place of what is there.
bool berth_image_record_put(struct berth_transaction *transaction, const char *id,
			    const struct berth_image_record *record, GError **error);
int64_t berth_image_record_size(const struct berth_image_record *record); // bytes of all layers' files
// The chain id of the top layer; NULL for an image without layers. Borrowed.
const char *berth_image_record_top(const struct berth_image_record *record);

// The name refers to the image from now on.
bool berth_tag_record_put(struct berth_transaction *transaction, const char *name, const char *id, GError **error);
// The same for "host/path@<digest>", where `digest` is that of a manifest or index in the store, which is kept with it.
bool berth_tag_record_put_digest(struct berth_transaction *transaction, const char *name, const char *digest,
				 const char *id, GError **error);
// NULL without an error if there is no such name. The caller frees it.
char *berth_tag_record_image(struct berth_transaction *transaction, const char *name, GError **error);
// The names of an image, sorted; a new NULL-terminated array.
char **berth_image_record_names(struct berth_transaction *transaction, const char *id, GError **error);
