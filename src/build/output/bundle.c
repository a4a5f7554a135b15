// SPDX-License-Identifier: Apache-2.0
// A result as the documents of an image: manifests, and an index where there are several, or attestations beside one
// (as BuildKit has them: an index whose further manifests refer to the first by annotations).
#include "build/output/internal.h"

#include "base/json.h"

#include <string.h>
#include <unistd.h>

#define REFERENCE_TYPE "vnd.docker.reference.type"
#define REFERENCE_DIGEST "vnd.docker.reference.digest"
#define PREDICATE_TYPE "in-toto.io/predicate-type"

struct berth_build_bundle *berth_build_bundle_new(void)
{
	struct berth_build_bundle *bundle = g_new0(struct berth_build_bundle, 1);

	bundle->blobs = g_ptr_array_new_with_free_func((GDestroyNotify) oci_descriptor_free);
	bundle->manifests = g_ptr_array_new_with_free_func((GDestroyNotify) oci_descriptor_free);
	bundle->layers = g_ptr_array_new_with_free_func(g_free);
	return bundle;
}

void berth_build_bundle_free(struct berth_build_bundle *bundle)
{
	if (!bundle)
		return;
	g_ptr_array_unref(bundle->blobs);
	g_ptr_array_unref(bundle->manifests);
	g_ptr_array_unref(bundle->layers);
	oci_descriptor_free(bundle->root);
	g_free(bundle->config);
	g_free(bundle);
}

struct oci_descriptor *berth_build_put(const struct berth_build_out *out, const char *text, const char *media_type,
				       GError **error)
{
	g_autofree char *digest = berth_blob_put(berth_store_blobs(out->store), text, strlen(text), error);

	if (!digest)
		return NULL;
	berth_lease_add(out->lease, BERTH_RECORD_BLOB, digest);
	struct oci_descriptor *descriptor = berth_document_new(&oci_descriptor_document);
	descriptor->media_type = g_strdup(media_type);
	descriptor->size = (int64_t) strlen(text);
	descriptor->digest = g_steal_pointer(&digest);
	return descriptor;
}

static struct oci_descriptor *copy(const struct oci_descriptor *descriptor)
{
	return berth_document_copy(&oci_descriptor_document, descriptor);
}

// A blob that every archive has once.
static void add_blob(struct berth_build_bundle *bundle, const struct oci_descriptor *descriptor)
{
	for (guint i = 0; i < bundle->blobs->len; i++)
		if (g_str_equal(((const struct oci_descriptor *) bundle->blobs->pdata[i])->digest, descriptor->digest))
			return;
	g_ptr_array_add(bundle->blobs, copy(descriptor));
}

static bool add_layer(const struct berth_build_out *out, struct berth_build_bundle *bundle,
		      struct oci_manifest *manifest, const char *digest, const struct berth_build_packing *packing,
		      GError **error)
{
	g_autoptr(oci_descriptor) layer = berth_document_new(&oci_descriptor_document);
	const char *media = NULL;

	layer->digest = berth_build_layer_blob(out, digest, packing, &media, error);
	if (!layer->digest)
		return false;
	layer->media_type = g_strdup(media);
	int fd = berth_blob_open(berth_store_blobs(out->store), layer->digest, &layer->size, error);
	if (fd < 0)
		return false;
	close(fd);
	add_blob(bundle, layer);
	g_ptr_array_add(manifest->layers, g_steal_pointer(&layer));
	return true;
}

static struct oci_manifest *new_manifest(const struct berth_build_packing *packing)
{
	struct oci_manifest *manifest = berth_document_new(&oci_manifest_document);

	manifest->schema_version = 2;
	manifest->media_type = g_strdup(packing->docker ? DOCKER_MEDIA_MANIFEST : OCI_MEDIA_MANIFEST);
	manifest->layers = berth_objects_new();
	return manifest;
}

static struct oci_descriptor *put_manifest(const struct berth_build_out *out, struct berth_build_bundle *bundle,
					   const struct oci_manifest *manifest, GError **error)
{
	g_autofree char *text = berth_document_print_text(&oci_manifest_document, manifest, 0);
	struct oci_descriptor *descriptor = berth_build_put(out, text, manifest->media_type, error);

	if (descriptor)
		g_ptr_array_add(bundle->manifests, descriptor);
	return descriptor;
}

static struct oci_platform *platform_of(const struct oci_image *image)
{
	struct oci_platform *platform = berth_document_new(&oci_platform_document);

	platform->os = g_strdup(image->os);
	platform->architecture = g_strdup(image->architecture);
	platform->variant = g_strdup(image->variant);
	return platform;
}

// Borrowed from the bundle.
static struct oci_descriptor *add_image(const struct berth_build_out *out, struct berth_build_bundle *bundle,
					const struct berth_build_made *made, const struct berth_build_way *way,
					GError **error)
{
	g_autofree char *text = berth_document_print_text(&oci_image_document, made->image, 0);
	const struct berth_build_packing *packing = &way->packing;
	g_autoptr(oci_manifest) manifest = new_manifest(packing);

	manifest->annotations = berth_build_annotations_of(way->annotations, BERTH_ANNOTATED_MANIFEST, made->platform);
	if (!(manifest->config =
		      berth_build_put(out, text, packing->docker ? DOCKER_MEDIA_CONFIG : OCI_MEDIA_CONFIG, error)))
		return NULL;
	add_blob(bundle, manifest->config);
	for (guint i = 0; i < made->layers->len; i++) {
		const struct berth_image_layer *layer = made->layers->pdata[i];
		if (!add_layer(out, bundle, manifest, layer->digest, packing, error))
			return NULL;
	}
	if (!bundle->config) {
		bundle->config = g_strdup(manifest->config->digest);
		for (guint i = 0; i < manifest->layers->len; i++)
			g_ptr_array_add(bundle->layers,
					g_strdup(((struct oci_descriptor *) manifest->layers->pdata[i])->digest));
	}
	struct oci_descriptor *descriptor = put_manifest(out, bundle, manifest, error);
	if (!descriptor)
		return NULL;
	descriptor->platform = platform_of(made->image);
	descriptor->annotations =
		berth_build_annotations_of(way->annotations, BERTH_ANNOTATED_MANIFEST_DESCRIPTOR, made->platform);
	return descriptor;
}

static bool add_statement(const struct berth_build_out *out, struct berth_build_bundle *bundle,
			  struct oci_manifest *manifest, json_t *diff_ids, const char *statement, GError **error)
{
	struct oci_descriptor *layer = berth_build_put(out, statement, IN_TOTO_MEDIA, error);

	if (!layer)
		return false;
	layer->annotations = berth_map_new();
	g_hash_table_insert(layer->annotations, g_strdup(PREDICATE_TYPE), berth_build_statement_type(statement));
	add_blob(bundle, layer);
	json_array_append_new(diff_ids, json_string(layer->digest));
	g_ptr_array_add(manifest->layers, layer);
	return true;
}

static int compare(const void *left, const void *right)
{
	return strcmp(left, right);
}

// The manifest that says what is attested of `subject`.
static bool add_attestations(const struct berth_build_out *out, struct berth_build_bundle *bundle,
			     const struct berth_build_made *made, const char *subject, GError **error)
{
	static const struct berth_build_packing plain = {.kind = BERTH_COMPRESSION_NONE};
	g_autoptr(GHashTable) statements = berth_build_statements(out, made, subject, error);
	g_autoptr(oci_manifest) manifest = new_manifest(&plain);
	BERTH_AUTO_JSON json_t *config = json_pack("{s:s, s:s, s:{}, s:{s:s, s:[]}}", "architecture", "unknown", "os",
						   "unknown", "config", "rootfs", "type", "layers", "diff_ids");

	if (!statements)
		return false;
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(statements), compare);
	for (GList *name = names; name; name = name->next)
		if (!add_statement(out, bundle, manifest,
				   json_object_get(json_object_get(config, "rootfs"), "diff_ids"),
				   g_hash_table_lookup(statements, name->data), error))
			return false;
	g_autofree char *text = berth_json_text(config);
	if (!(manifest->config = berth_build_put(out, text, OCI_MEDIA_CONFIG, error)))
		return false;
	add_blob(bundle, manifest->config);
	struct oci_descriptor *descriptor = put_manifest(out, bundle, manifest, error);
	if (!descriptor)
		return false;
	descriptor->annotations = berth_map_new();
	g_hash_table_insert(descriptor->annotations, g_strdup(REFERENCE_TYPE), g_strdup("attestation-manifest"));
	g_hash_table_insert(descriptor->annotations, g_strdup(REFERENCE_DIGEST), g_strdup(subject));
	descriptor->platform = berth_document_new(&oci_platform_document);
	descriptor->platform->os = g_strdup("unknown");
	descriptor->platform->architecture = g_strdup("unknown");
	return true;
}

static bool put_index(const struct berth_build_out *out, struct berth_build_bundle *bundle,
		      const struct berth_build_way *way, GError **error)
{
	g_autoptr(oci_index) index = berth_document_new(&oci_index_document);

	index->schema_version = 2;
	index->media_type = g_strdup(way->packing.docker ? DOCKER_MEDIA_INDEX : OCI_MEDIA_INDEX);
	index->manifests = berth_objects_new();
	for (guint i = 0; i < bundle->manifests->len; i++)
		g_ptr_array_add(index->manifests, copy(bundle->manifests->pdata[i]));
	index->annotations = berth_build_annotations_of(way->annotations, BERTH_ANNOTATED_INDEX, NULL);
	g_autofree char *text = berth_document_print_text(&oci_index_document, index, 0);
	bundle->root = berth_build_put(out, text, index->media_type, error);
	if (bundle->root)
		bundle->root->annotations =
			berth_build_annotations_of(way->annotations, BERTH_ANNOTATED_INDEX_DESCRIPTOR, NULL);
	return bundle->root;
}

static bool fill(const struct berth_build_out *out, struct berth_build_bundle *bundle,
		 const struct berth_build_made *made, size_t count, const struct berth_build_way *way, GError **error)
{
	g_autoptr(GPtrArray) subjects = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < count; i++) {
		const struct oci_descriptor *manifest = add_image(out, bundle, &made[i], way, error);
		if (!manifest)
			return false;
		g_ptr_array_add(subjects, g_strdup(manifest->digest));
	}
	for (size_t i = 0; i < count && berth_build_wants_attestations(out->request); i++)
		if (!add_attestations(out, bundle, &made[i], subjects->pdata[i], error))
			return false;
	if (bundle->manifests->len > 1)
		return put_index(out, bundle, way, error);
	bundle->root = copy(bundle->manifests->pdata[0]);
	return true;
}

struct berth_build_bundle *berth_build_bundle_make(const struct berth_build_out *out,
						   const struct berth_build_made *made, size_t count,
						   const struct berth_build_way *way, GError **error)
{
	g_autoptr(berth_build_bundle) bundle = berth_build_bundle_new();

	return fill(out, bundle, made, count, way, error) ? g_steal_pointer(&bundle) : NULL;
}
