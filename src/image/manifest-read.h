// SPDX-License-Identifier: Apache-2.0
// Manifests and indexes as they come from strangers: what is not one of an image that can be here is refused.
#pragma once

#include "spec/oci-image.h"

// Reads a document. A manifest gives *ret_manifest (with configuration and layers of known media types, valid digests
// and possible sizes; at most BERTH_LIMIT_LAYERS layers). An index gives *ret_chosen, the manifest or index for the
// platform. One of them is set, the other NULL; both are the caller's. `what` names the document in messages.
bool berth_manifest_read(const char *text, size_t length, const char *what, const struct oci_platform *platform,
			 struct oci_manifest **ret_manifest, struct oci_descriptor **ret_chosen, GError **error);
// Whether a configuration belongs to the manifest: for linux, with as many diff ids, all valid, as there are layers.
bool berth_manifest_check_image(const struct oci_manifest *manifest, const struct oci_image *image, GError **error);
