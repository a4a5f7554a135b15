// SPDX-License-Identifier: Apache-2.0
// What export and import of the cache share: the document.
#pragma once

#include "build/output/cache.h"
#include "build/output/internal.h"

#define CACHE_MEDIA "application/vnd.berth.buildcache.v1+json"
#define CACHE_VERSION 1

struct berth_cached_layer {
	char *key, *parent, *description, *type;
	int64_t created;
	char *diff_id;
	char *digest; // of its blob; "": the image's layer with that diff id (inline)
};
extern const struct berth_document berth_cached_layer_document;

struct berth_cache_index {
	int64_t version;
	GPtrArray *records; // of struct berth_cached_layer
};
extern const struct berth_document berth_cache_index_document;
BERTH_DOCUMENT_AUTOPTR(berth_cache_index, berth_cache_index_document)

// One word of --cache-from or --cache-to, read.
struct berth_cache_place {
	char *type; // registry, local, inline
	char *ref; // of a registry
	char *source; // of local: the named context it came as
	bool max; // all records, not only the result's
	bool ignore_error;
	struct berth_build_packing packing;
};
void berth_cache_place_clear(struct berth_cache_place *place);
// image-manifest and oci-mediatypes: there is one form only.
bool berth_build_cache_check_form(const char *key, const char *value, GError **error);
bool berth_cache_place_read(const char *text, bool from, struct berth_cache_place *ret, GError **error);

// export.c: the manifest, with all that it names, as a bundle.
struct berth_build_bundle *berth_build_cache_bundle(const struct berth_build_out *out, bool max,
						    const struct berth_build_packing *packing, GError **error);
