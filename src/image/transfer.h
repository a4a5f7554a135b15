// SPDX-License-Identifier: Apache-2.0
// Images from and to registries.
#pragma once

#include "distribution/registry.h"
#include "image/image.h"

struct berth_transfer_options {
	struct berth_registries *registries;
	const struct berth_credentials *credentials; // may be NULL
	const char *platform; // "linux/arm64/v8"; NULL: this machine's
	bool all_tags;
	// Of a pull: a tag that points to an image of another platform stays where it is, and an image of another
	// platform than this machine's gets none. It is known by its manifest's digest then, and by *ret_image.
	bool keep_tags;
	char **ret_image; // of a pull without all_tags: the image's id, the caller's; may be NULL
	berth_progress_fn *progress; // Docker's lines; called from one thread at a time
	berth_canceled_fn *canceled; // may be NULL
	void *data; // of both
};

// Pulls `name` (tag or digest; with all_tags: a repository). Layers come in parallel, what is here is not fetched, what
// was interrupted goes on where it stopped. The image becomes visible, under its tag and under the digest that the tag
// named, in one transaction. Progress is Docker's: "Pulling from library/redis" (id: the tag), per layer (id: 12
// digits of its digest) "Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Download complete",
// "Extracting", "Pull complete" or "Already exists", then "Digest: sha256:…" and "Status: Downloaded newer image for
// redis:1" or "Status: Image is up to date for redis:1".
bool berth_images_pull(struct berth_images *images, const char *name, const struct berth_transfer_options *options,
		       GError **error);

// Pushes `name` (with all_tags: every tag of a repository). Only what is missing is uploaded; blobs that another
// repository of the same registry is known to have are mounted. A layer that is kept uncompressed is compressed once,
// and the compressed blob kept. Progress: "The push refers to repository [host/path]", per layer "Preparing",
// "Waiting", "Pushing", "Pushed", "Layer already exists" or "Mounted from library/debian", then
// "1: digest: sha256:… size: 528" and the same as aux ({"Tag","Digest","Size"}).
bool berth_images_push(struct berth_images *images, const char *name, const struct berth_transfer_options *options,
		       GError **error);

// What a registry has under `name`, as it is there: a manifest or an index. Clear it with berth_manifest_clear().
bool berth_images_remote_manifest(struct berth_images *images, const char *name,
				  const struct berth_transfer_options *options, struct berth_manifest *ret,
				  GError **error);
// Pushes an index (`docker manifest push`): the manifests that it lists, which are in the registry of `name` or in
// another one under `sources` (as many, "host/path@sha256:…"), are brought into the repository with their blobs
// (mounted where that is possible, else copied through the store), then the index is put under `name`'s tag.
// *ret_digest (the caller's) is the index's.
bool berth_images_push_index(struct berth_images *images, const char *name, const struct oci_index *index,
			     char *const *sources, const struct berth_transfer_options *options, char **ret_digest,
			     GError **error);
