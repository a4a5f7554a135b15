// SPDX-License-Identifier: Apache-2.0
// Where a build's result goes, and the cache's ways to other machines.
#pragma once

#include "build/build.h"

// What a target came to, for one platform.
struct berth_build_made {
	const char *platform; // "linux/amd64"
	struct oci_image *image; // its configuration, with history
	const GPtrArray *layers; // of struct berth_image_layer, lowest first
	GPtrArray *keys; // of struct berth_build_key: the cache's keys behind the layers; may be NULL
	const char *provenance; // JSON of the in-toto statement's predicate; NULL: none
};
struct berth_build_key {
	const char *key, *parent; // digests
	unsigned layer; // index, of the last one it brought
	bool empty; // it brought none
};

// Brings it out in all ways asked for; ret->image, ->digest and ->metadata are set. `made`: one per platform. All that
// becomes visible does so together, at the end.
bool berth_build_output_write(struct berth_builder *builder, const struct berth_build_request *request,
			      const struct berth_build_listener *listener, const struct berth_build_made *made,
			      size_t made_count, struct berth_lease *lease, struct berth_build_result *ret,
			      GError **error);
