// SPDX-License-Identifier: Apache-2.0
#include "build/output/cache-internal.h"

#include "base/error.h"

#include <string.h>
#include <unistd.h>

static struct berth_cached_layer *record_of(const struct berth_build_cache_entry *entry, const char *digest)
{
	struct berth_cached_layer *record = berth_document_new(&berth_cached_layer_document);

	record->key = g_strdup(entry->key);
	record->parent = g_strdup(entry->parent);
	record->description = g_strdup(entry->description);
	record->type = g_strdup(entry->type);
	record->created = entry->created;
	record->diff_id = g_strdup(entry->layer->diff_id);
	record->digest = g_strdup(digest);
	return record;
}

static struct berth_cache_index *new_index(void)
{
	struct berth_cache_index *index = berth_document_new(&berth_cache_index_document);

	index->version = CACHE_VERSION;
	index->records = berth_objects_new();
	return index;
}

json_t *berth_build_cache_inline(const struct berth_build_out *out)
{
	char *const *to = out->request->cache_to;
	bool wanted = false;

	for (; to && *to; to++) {
		__attribute__((cleanup(berth_cache_place_clear))) struct berth_cache_place place;
		wanted = wanted ||
			 (berth_cache_place_read(*to, false, &place, NULL) && g_str_equal(place.type, "inline"));
	}
	if (!wanted || !out->cache)
		return NULL;
	g_autoptr(berth_cache_index) index = new_index();
	for (guint i = 0; i < out->cache->len; i++) {
		const struct berth_build_cache_entry *entry = out->cache->pdata[i];
		if (entry->in_result)
			g_ptr_array_add(index->records, record_of(entry, NULL));
	}
	return berth_document_print(&berth_cache_index_document, index, 0);
}

static bool add_entry(const struct berth_build_out *out, const struct berth_build_cache_entry *entry,
		      const struct berth_build_packing *packing, struct berth_build_bundle *bundle,
		      struct berth_cache_index *index, struct oci_manifest *manifest, GError **error)
{
	const char *media;
	g_autofree char *digest = berth_build_layer_blob(out, entry->layer->digest, packing, &media, error);

	if (!digest)
		return false;
	g_ptr_array_add(index->records, record_of(entry, digest));
	for (guint i = 0; i < manifest->layers->len; i++)
		if (g_str_equal(((struct oci_descriptor *) manifest->layers->pdata[i])->digest, digest))
			return true;
	struct oci_descriptor *layer = berth_document_new(&oci_descriptor_document);
	g_ptr_array_add(manifest->layers, layer);
	layer->media_type = g_strdup(media);
	int fd = berth_blob_open(berth_store_blobs(out->store), digest, &layer->size, error);
	layer->digest = g_steal_pointer(&digest);
	if (fd < 0)
		return false;
	close(fd);
	g_ptr_array_add(bundle->blobs, berth_document_copy(&oci_descriptor_document, layer));
	return true;
}

static bool fill(const struct berth_build_out *out, bool max, const struct berth_build_packing *packing,
		 struct berth_build_bundle *bundle, GError **error)
{
	g_autoptr(berth_cache_index) index = new_index();
	g_autoptr(oci_manifest) manifest = berth_document_new(&oci_manifest_document);

	manifest->schema_version = 2;
	manifest->media_type = g_strdup(OCI_MEDIA_MANIFEST);
	manifest->layers = berth_objects_new();
	for (guint i = 0; out->cache && i < out->cache->len; i++) {
		const struct berth_build_cache_entry *entry = out->cache->pdata[i];
		if ((max || entry->in_result) && !add_entry(out, entry, packing, bundle, index, manifest, error))
			return false;
	}
	g_autofree char *text = berth_document_print_text(&berth_cache_index_document, index, 0);
	if (!(manifest->config = berth_build_put(out, text, CACHE_MEDIA, error)))
		return false;
	g_ptr_array_add(bundle->blobs, berth_document_copy(&oci_descriptor_document, manifest->config));
	g_autofree char *whole = berth_document_print_text(&oci_manifest_document, manifest, 0);
	if (!(bundle->root = berth_build_put(out, whole, OCI_MEDIA_MANIFEST, error)))
		return false;
	g_ptr_array_add(bundle->manifests, berth_document_copy(&oci_descriptor_document, bundle->root));
	bundle->config = g_strdup(manifest->config->digest);
	return true;
}

struct berth_build_bundle *berth_build_cache_bundle(const struct berth_build_out *out, bool max,
						    const struct berth_build_packing *packing, GError **error)
{
	g_autoptr(berth_build_bundle) bundle = berth_build_bundle_new();

	return fill(out, max, packing, bundle, error) ? g_steal_pointer(&bundle) : NULL;
}

static bool export_to(const struct berth_build_out *out, const struct berth_cache_place *place, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(berth_build_bundle) bundle = berth_build_cache_bundle(out, place->max, &place->packing, &failure);

	if (bundle && berth_build_push_bundle(out, bundle, place->ref, false, &failure))
		return true;
	if (place->ignore_error) {
		g_autofree char *text = g_strdup_printf("the cache was not exported: %s", failure->message);
		berth_build_warn(out, text);
		return true;
	}
	g_propagate_error(error, g_steal_pointer(&failure));
	g_prefix_error(error, "exporting the cache: ");
	return false;
}

bool berth_build_cache_export(const struct berth_build_out *out, GError **error)
{
	for (char *const *to = out->request->cache_to; to && *to; to++) {
		__attribute__((cleanup(berth_cache_place_clear))) struct berth_cache_place place;
		if (!berth_cache_place_read(*to, false, &place, error) ||
		    (g_str_equal(place.type, "registry") && !export_to(out, &place, error)))
			return false;
	}
	return true;
}
