// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share about images.
#pragma once

#include "image/image.h"
#include "image/record.h"

struct berth_flights;

struct berth_images {
	struct berth_store *store;
	struct berth_flights *flights; // transfer-internal.h
	berth_image_event_fn *event;
	void *event_data;
};

// Tells of a change in its transaction. `name` is the familiar form or NULL.
bool berth_images_tell(struct berth_images *images, struct berth_transaction *transaction, const char *action,
		       const char *id, const char *name, GError **error);
// berth_images_resolve() in a transaction. *ret_name (may be NULL) is the full name that was matched, or NULL when it
// was an id; the caller's.
char *berth_images_resolve_in(struct berth_transaction *transaction, const char *name_or_id, char **ret_name,
			      GError **error);

// Removes what nothing refers to: what a failure left, or what was more than an image needs. A failure of this is none
// of the caller's; the next collection goes on.
void berth_images_collect(struct berth_images *images);
// This machine's, as images write it: "amd64".
const char *berth_image_architecture(void);

// layers.c
// That the content of blob `digest` is what the image's configuration says; `expected` NULL: it says nothing.
bool berth_image_check_diff_id(const char *digest, const char *expected, const char *found, GError **error);

// manifest.c. Writes the OCI manifest of a configuration and layers, with annotations (may be NULL); the same ones give
// the same bytes. Returns its digest.
char *berth_image_manifest_put(struct berth_images *images, const char *config, const GPtrArray *layers,
			       GHashTable *annotations, GError **error);
// Those of the manifest `digest`: a map, the caller's.
GHashTable *berth_image_manifest_annotations(struct berth_images *images, const char *digest, GError **error);
// The record of an image: what lists show is taken from its configuration. `manifest` and `layers` are taken over.
struct berth_image_record *berth_image_record_new(const struct oci_image *image, char *manifest, GPtrArray *layers);
