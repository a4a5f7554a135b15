// SPDX-License-Identifier: Apache-2.0
// The build cache's ways to other machines: --cache-to and --cache-from. What goes is an image manifest whose
// configuration lists the cache's records and whose layers are theirs, into a registry or an OCI layout ("local"); or
// the list alone, in the configuration of the image that was built ("inline"), whose layers are there anyway.
//
// A record's key says all that its layer depends on, so a key that is found is a layer that fits. Layers are checked
// against their digests and diff ids as any image's are. Who can write to where a cache is imported from decides what
// builds come to: it is as trusted as a base image.
#pragma once

#include "build/context/tree.h"
#include "build/output/output.h"

struct berth_build_cache_entry {
	const char *key, *parent; // parent: key of the record below; NULL: none
	const char *description, *type; // as the cache's list has them
	int64_t created; // nanoseconds since 1970
	const struct berth_image_layer *layer;
	bool in_result; // its layer is one of the image's
};

// Checks what is asked for, before anything is built: types, attributes, names.
bool berth_build_cache_check(const struct berth_build_request *request, GError **error);

// To all places that cache_to names, but "inline" and "local" (an output of type "cache").
bool berth_build_cache_export(const struct berth_build_out *out, GError **error);
// What "inline" puts into the image's configuration; NULL: it is not asked for.
json_t *berth_build_cache_inline(const struct berth_build_out *out);

struct berth_build_imports;
// Nothing is read yet. `tree` opens the named context that a local cache came as; the caller unrefs it.
struct berth_build_imports *
berth_build_imports_new(const struct berth_build_out *out,
			struct berth_build_tree *(*tree)(void *data, const char *name, GError **error), void *data);
void berth_build_imports_free(struct berth_build_imports *imports);
// The layer under `key`, brought here and unpacked on `parent` (a chain id; NULL: nothing), with what is said of it in
// *ret, which is borrowed from `imports`. NULL without error: there is none. What cannot be reached is told of once, as
// a warning, and is no error. Any thread.
struct berth_image_layer *berth_build_imports_find(struct berth_build_imports *imports, const char *key,
						   const char *parent, const struct berth_build_cache_entry **ret,
						   GError **error);
