// SPDX-License-Identifier: Apache-2.0
// Images: what names point to, and how they come and go. An image is a configuration (its digest is the image's id) and
// layers; blobs and snapshots are the store's. Records: kind "image" (id: the configuration's digest; refers to its
// blobs and its top snapshot) and kind "tag" (id: the full name; refers to the image).
//
// Any thread may use them. Long work holds no lock; what it needs is leased.
#pragma once

#include "image/reference.h"
#include "spec/api-image.h"
#include "spec/api-store.h"
#include "spec/api.h"
#include "spec/oci-image.h"
#include "store/store.h"

struct berth_images;

struct berth_images *berth_images_new(struct berth_store *store); // the store outlives it
void berth_images_free(struct berth_images *images);

// Reports of long work, one call per step; `progress` and all in it are the callee's to read only. May be NULL.
typedef void berth_progress_fn(void *data, const struct api_progress *progress);

// A change that the caller wants told of in the same transaction ("tag", "untag", "delete", "import", "load"). May be
// unset.
typedef bool berth_image_event_fn(void *data, struct berth_transaction *transaction, const char *action,
				  const char *image_id, const char *name, GError **error);
void berth_images_on_change(struct berth_images *images, berth_image_event_fn *event, void *data);

// One layer from a root file system's tar (plain, gzip, zstd, xz, bzip2: told by its content) read from `fd`. `name`
// may be NULL (no tag). `changes` are Dockerfile lines (CMD ENTRYPOINT ENV EXPOSE LABEL USER VOLUME WORKDIR STOPSIGNAL
// HEALTHCHECK NONE ONBUILD SHELL), may be NULL. `platform` "linux/amd64" or NULL. Returns the new image's id.
char *berth_images_import(struct berth_images *images, int fd, const char *name, char *const *changes,
			  const char *message, const char *platform, berth_progress_fn *progress, void *data,
			  GError **error);

// Unpacks blob `digest` as a layer on `parent` (a chain id, NULL for the lowest), unless that layer is there already.
// With `diff_id` its content must have that digest. `lease` keeps it. Returns a new layer (image/record.h), or NULL.
struct berth_image_layer *berth_image_layer_add(struct berth_images *images, struct berth_lease *lease,
						const char *digest, const char *parent, const char *diff_id,
						GError **error);
// The chain id of a layer with that content on `parent` (a chain id, or NULL).
char *berth_image_chain_id(const char *parent, const char *diff_id);

// An image of layers that are there.
struct berth_image_add {
	const struct oci_image *image; // its configuration, whole
	const GPtrArray *layers; // of struct berth_image_layer (image/record.h), lowest first; the lease has them
	char *const *names; // full ones, which are its own from now on; may be NULL
	GHashTable *annotations; // of its manifest: string to string; may be NULL
	bool packed; // somebody chose how its layers are compressed
	struct berth_lease *lease; // for what is written
};
// Writes configuration and manifest, and makes the image visible with all its names, in one transaction. One that is
// there already gets the names, and the manifest if its annotations or its compression were chosen; CONFLICT if it came
// with one from a repository that none of the names is of. Returns its id; *ret_manifest (may be NULL) is its
// manifest's digest, the caller's.
char *berth_images_add(struct berth_images *images, const struct berth_image_add *add, char **ret_manifest,
		       GError **error);

// An image of what a container has changed in its image: one more layer, unless nothing is changed.
struct berth_image_commit {
	const char *base; // id of the container's image
	const char *name; // of the new one; NULL: none
	const char *author, *comment, *created_by; // for its history; may be NULL
	const struct oci_image_execution *config;
	const struct berth_snapshot_trees *trees; // of the container's snapshot
};
// Returns the new image's id.
char *berth_images_commit(struct berth_images *images, const struct berth_image_commit *commit, GError **error);
// "docker.io/library/redis:1" to "redis:1"; the caller frees it.
char *berth_image_familiar(const char *full_name);
// Applies a Dockerfile line (as berth_images_import() takes them) to a configuration.
bool berth_image_change(struct oci_image_execution *config, const char *line, GError **error);

// Reads a docker-archive or OCI archive (also compressed) of one or more images. For each image, and each of its names,
// one progress with stream "Loaded image: busybox:latest\n" (or "Loaded image ID: sha256:…\n"). Nothing is changed if
// the archive is broken: images become visible together, at the end.
bool berth_images_load(struct berth_images *images, int fd, berth_progress_fn *progress, void *data, GError **error);

// An archive that is both docker-archive (manifest.json) and OCI layout (index.json) of the images named, to be read
// from start to end; *ret_size is how long it is. Reproducible: the same images give the same bytes. What it needs is
// leased until it is freed.
struct berth_image_save;
struct berth_image_save *berth_images_save(struct berth_images *images, char *const *names, int64_t *ret_size,
					   GError **error);
void berth_image_save_free(struct berth_image_save *save);
// Up to `size` bytes, 0 at the end, -1 with *error.
gssize berth_image_save_read(struct berth_image_save *save, void *data, size_t size, GError **error);

// Finds an image by name, id, or unique prefix of its id (with or without "sha256:"). Returns its id. NOT_FOUND: "No
// such image: x:latest"; an ambiguous prefix is BERTH_ERROR_INVALID.
char *berth_images_resolve(struct berth_images *images, const char *name_or_id, GError **error);

bool berth_images_tag(struct berth_images *images, const char *name_or_id, const char *new_name, GError **error);

// Docker's rules of `rmi`: a name is untagged; the last name, or an id with one name at most (or `force`), deletes the
// image. An image that a container uses is BERTH_ERROR_CONFLICT ("conflict: unable to remove repository reference …" /
// "conflict: unable to delete … (must be forced) - …"). Returns a new GPtrArray of struct api_image_deleted; free each
// element with api_image_deleted_free. Unreachable layers are collected.
GPtrArray *berth_images_remove(struct berth_images *images, const char *name_or_id, bool force, bool prune,
			       GError **error);

// Docker's lists. `filters` as parsed by the caller: name -> NULL-terminated values; known: dangling, reference, label,
// before, since, until. An unknown one is BERTH_ERROR_INVALID ("invalid filter 'x'"). Elements: struct
// api_image_summary.
GPtrArray *berth_images_list(struct berth_images *images, GHashTable *filters, bool all, GError **error);
struct api_image_inspect *berth_images_inspect(struct berth_images *images, const char *name_or_id, GError **error);
GPtrArray *berth_images_history(struct berth_images *images, const char *name_or_id,
				GError **error); // api_image_history

// The configuration of an image by id, for making a container of it. The caller frees it.
struct oci_image *berth_images_config(struct berth_images *images, const char *id, GError **error);
// The snapshot id (chain id) of its top layer; NULL with no error for an image without layers.
char *berth_images_top_snapshot(struct berth_images *images, const char *id, GError **error);
int64_t berth_images_count(struct berth_images *images, GError **error);

// Which layers are shared by which images, and what deleting each would free. `names` NULL or empty: all images; else
// those, with all layers that they have.
struct api_image_tree *berth_images_tree(struct berth_images *images, char *const *names, GError **error);
// Checks the store (store/check.h) and the images in it. With `repair` images that have lost something are dropped, if
// no container uses them, so that a pull fetches them again.
struct api_check_report *berth_images_check(struct berth_images *images, bool repair, GError **error);
