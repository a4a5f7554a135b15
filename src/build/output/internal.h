// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
#pragma once

#include "build/output/output.h"
#include "image/compressor.h"

#define IN_TOTO_MEDIA "application/vnd.in-toto+json"

// packing.c: how layers go out.
struct berth_build_packing {
	enum berth_compression kind; // what plain layers become; NONE: they stay plain
	int level; // of it; BERTH_COMPRESSION_USUAL: nobody asked for one
	bool force; // what is compressed otherwise becomes that, too
	bool given; // somebody chose any of this
	bool docker; // Docker's media types, not OCI's
};
bool berth_build_switch_read(const char *name, const char *value, bool *ret, GError **error);
// *ret_is: the attribute is about this.
bool berth_build_packing_read(struct berth_build_packing *packing, const char *name, const char *value, bool *ret_is,
			      GError **error);
bool berth_build_packing_check(struct berth_build_packing *packing, GError **error); // after the last one
// The blob of the layer as it is to go out: *ret_media and a digest, the caller's.
char *berth_build_layer_blob(const struct berth_build_out *out, const char *digest,
			     const struct berth_build_packing *packing, const char **ret_media, GError **error);

// annotation.c
enum berth_annotated {
	BERTH_ANNOTATED_MANIFEST,
	BERTH_ANNOTATED_INDEX,
	BERTH_ANNOTATED_MANIFEST_DESCRIPTOR, // in an index
	BERTH_ANNOTATED_INDEX_DESCRIPTOR, // in the index of a layout
};
GPtrArray *berth_build_annotations_new(void);
// *ret_is: the attribute is an annotation.
bool berth_build_annotation_read(GPtrArray *annotations, const char *name, const char *value, bool *ret_is,
				 GError **error);
// Those for a level and platform (NULL: of an index), the caller's; NULL: there are none.
GHashTable *berth_build_annotations_of(const GPtrArray *annotations, enum berth_annotated level, const char *platform);
bool berth_build_annotations_have(const GPtrArray *annotations, enum berth_annotated level);
// That each platform that is named is built.
bool berth_build_annotations_check(const GPtrArray *annotations, char *const *platforms, GError **error);

// The attributes of one way out, read.
struct berth_build_way {
	const char *type;
	bool push, store; // to a registry; into this engine
	struct berth_build_packing packing;
	bool keeps_times; // files later than SOURCE_DATE_EPOCH are to stay so
	bool push_by_digest; // no name is given to it there
	bool max; // of the cache: all records, not only the result's
	char **names; // full
	GPtrArray *annotations;
	int fd;
};
void berth_build_way_clear(struct berth_build_way *way);
bool berth_build_way_read(const struct berth_build_request *request, const struct berth_build_output *output,
			  struct berth_build_way *ret, GError **error);

// A result as documents of the OCI image specification, which are in the store.
struct berth_build_bundle {
	GPtrArray *blobs; // of struct oci_descriptor: configurations and layers, each once
	GPtrArray *manifests; // the same of manifests, in the order of platforms, attestations behind
	struct oci_descriptor *root; // the manifest, or the index of several
	char *config; // digest of the first platform's: the image's id
	GPtrArray *layers; // of the first platform: digests, as they are in the manifest
};
struct berth_build_bundle *berth_build_bundle_new(void);
void berth_build_bundle_free(struct berth_build_bundle *bundle);
struct berth_build_bundle *berth_build_bundle_make(const struct berth_build_out *out,
						   const struct berth_build_made *made, size_t count,
						   const struct berth_build_way *way, GError **error);
typedef struct berth_build_bundle berth_build_bundle;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_build_bundle, berth_build_bundle_free)

// A small blob of the store, leased; returns what describes it.
struct oci_descriptor *berth_build_put(const struct berth_build_out *out, const char *text, const char *media_type,
				       GError **error);

// attest.c. What the user wants to have attested of `made`: JSON of in-toto statements about `subject` (a manifest's
// digest; NULL: none), by the file's name that a folder has for it. An empty table: nothing.
bool berth_build_wants_attestations(const struct berth_build_request *request);
GHashTable *berth_build_statements(const struct berth_build_out *out, const struct berth_build_made *made,
				   const char *subject, GError **error);
// The predicate's type of a statement, from its text.
char *berth_build_statement_type(const char *statement);

// sbom.c. The packages that a root has, as an SPDX document.
json_t *berth_build_sbom(int root, const char *name, const char *created, GError **error);

// A client of the repository that a name is in.
struct berth_repository *berth_build_repository(const struct berth_build_out *out, const struct berth_image_name *name,
						bool push);

// The ways
bool berth_build_write_layout(const struct berth_build_out *out, const struct berth_build_bundle *bundle,
			      const struct berth_build_way *way, GError **error);
bool berth_build_write_files(const struct berth_build_out *out, const struct berth_build_made *made, size_t count,
			     int fd, GError **error);
bool berth_build_push_bundle(const struct berth_build_out *out, const struct berth_build_bundle *bundle,
			     const char *name, bool by_digest, GError **error);

// squash.c. `made` with the layers above its base as one. The caller frees the configuration and layers.
bool berth_build_squash(const struct berth_build_out *out, const struct berth_build_made *made,
			struct oci_image **ret_image, GPtrArray **ret_layers, GError **error);

void berth_build_warn(const struct berth_build_out *out, const char *text);

// The root of a result, mounted: a descriptor. -1 with *error; of one without layers -1 without.
int berth_build_root(const struct berth_build_out *out, const struct berth_build_made *made, GError **error);
