// SPDX-License-Identifier: Apache-2.0
// Where a build's result goes: images of this engine, registries, archives and folders, with attestations if the user
// asks for them.
#pragma once

#include "build/build.h"
#include "image/record.h"

// What went into a target from outside, for its provenance.
struct berth_build_material {
	char *uri; // "pkg:docker/debian@12", "https://host/x.git#main"
	char *digest; // "sha256:…" or "sha1:…"
};
extern const struct berth_document berth_build_material_document;

// What a target came to, for one platform.
struct berth_build_made {
	const char *platform; // "linux/amd64"
	const struct oci_image *image; // its configuration, with history
	const GPtrArray *layers; // of struct berth_image_layer, lowest first
	guint base_layers; // of them, so many are of the image that the target stands on
	const GPtrArray *materials; // of struct berth_build_material; may be NULL
	int64_t started; // nanoseconds since 1970
};

struct berth_build_out {
	struct berth_store *store;
	struct berth_images *images;
	const struct berth_build_host *host;
	const struct berth_build_request *request;
	const struct berth_build_listener *listener; // may be NULL
	struct berth_lease *lease; // what the layers are, and what is written
	const GPtrArray *cache; // of struct berth_build_cache_entry (cache.h): the records behind the build; or NULL
};

// Checks what can be checked before anything is built: types, attributes, names. Errors name the output.
bool berth_build_output_check(const struct berth_build_request *request, GError **error);
// Brings it out in all ways asked for; ret->image, ->digest and ->metadata are set. `made`: one per platform. Images
// become visible after archives and folders were written, and are pushed at last.
bool berth_build_output_write(const struct berth_build_out *out, const struct berth_build_made *made, size_t made_count,
			      struct berth_build_result *ret, GError **error);
