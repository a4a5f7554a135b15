// SPDX-License-Identifier: Apache-2.0
#include "build/output/cache-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (256 << 10)

// One place that records come from.
struct import {
	struct berth_repository *repository; // NULL: a layout
	struct berth_build_tree *layout;
	struct oci_manifest *manifest;
	struct berth_cache_index *index;
	char **diff_ids; // of an image's layers (inline); NULL: records name their blobs
};

struct found {
	const struct import *import;
	const struct berth_cached_layer *record;
	struct berth_build_cache_entry entry;
};

struct berth_build_imports {
	struct berth_build_out out;
	struct berth_build_tree *(*tree)(void *data, const char *name, GError **error);
	void *data;
	pthread_mutex_t lock; // of what follows
	bool opened;
	GPtrArray *imports; // of struct import
	GHashTable *records; // key -> struct found
};

static void import_free(void *data)
{
	struct import *import = data;

	berth_repository_free(import->repository);
	if (import->layout)
		berth_build_tree_unref(import->layout);
	oci_manifest_free(import->manifest);
	berth_cache_index_free(import->index);
	g_strfreev(import->diff_ids);
	g_free(import);
}

struct berth_build_imports *
berth_build_imports_new(const struct berth_build_out *out,
			struct berth_build_tree *(*tree)(void *data, const char *name, GError **error), void *data)
{
	struct berth_build_imports *imports = g_new0(struct berth_build_imports, 1);

	imports->out = *out;
	imports->tree = tree;
	imports->data = data;
	pthread_mutex_init(&imports->lock, NULL);
	imports->imports = g_ptr_array_new_with_free_func(import_free);
	imports->records = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	return imports;
}

void berth_build_imports_free(struct berth_build_imports *imports)
{
	if (!imports)
		return;
	g_hash_table_unref(imports->records);
	g_ptr_array_unref(imports->imports);
	pthread_mutex_destroy(&imports->lock);
	g_free(imports);
}

// Reading

static struct oci_manifest *parse_manifest(const char *text, size_t length, GError **error)
{
	return berth_document_parse_text(&oci_manifest_document, text, length, "manifest of a cache", error);
}

// A small blob of the import, checked against its digest; NULL-terminated, the caller's.
static char *read_blob(struct berth_build_imports *imports, struct import *import,
		       const struct oci_descriptor *descriptor, size_t *ret_length, GError **error);

// The platform's manifest of an index, as far as an inline cache has one.
static const struct oci_descriptor *choose(const struct oci_index *index)
{
	for (guint i = 0; index->manifests && i < index->manifests->len; i++) {
		const struct oci_descriptor *manifest = index->manifests->pdata[i];
		if (!manifest->platform || g_strcmp0(manifest->platform->os, "unknown") != 0)
			return manifest;
	}
	return NULL;
}

static bool read_registry(struct berth_build_imports *imports, struct import *import, const char *ref, GError **error)
{
	struct berth_image_name name;
	struct berth_manifest manifest = {0};

	if (!berth_image_name_parse(ref, &name, error))
		return false;
	import->repository = berth_build_repository(&imports->out, &name, false);
	bool read =
		berth_repository_manifest(import->repository, name.digest ? name.digest : name.tag, &manifest, error);
	if (read && (g_strcmp0(manifest.media_type, OCI_MEDIA_INDEX) == 0 ||
		     g_strcmp0(manifest.media_type, DOCKER_MEDIA_INDEX) == 0)) {
		g_autoptr(oci_index) index = berth_document_parse_text(&oci_index_document, manifest.text,
								       manifest.length, "index of a cache", error);
		const struct oci_descriptor *own = index ? choose(index) : NULL;
		g_autofree char *digest = own ? g_strdup(own->digest) : NULL;
		berth_manifest_clear(&manifest);
		memset(&manifest, 0, sizeof manifest);
		read = index && (digest ? berth_repository_manifest(import->repository, digest, &manifest, error)
					: berth_error_set(error, BERTH_ERROR_NOT_FOUND, "%s: has no manifest", ref));
	}
	if (read)
		import->manifest = parse_manifest(manifest.text, manifest.length, error);
	berth_manifest_clear(&manifest);
	berth_image_name_clear(&name);
	return import->manifest != NULL;
}

static bool read_layout(struct berth_build_imports *imports, struct import *import, const char *source, GError **error)
{
	gsize length;

	import->layout = imports->tree(imports->data, source, error);
	g_autoptr(GBytes) text =
		import->layout ? berth_build_tree_read(import->layout, "index.json", BERTH_LIMIT_MANIFEST, error)
			       : NULL;
	if (!text)
		return false;
	const char *bytes = g_bytes_get_data(text, &length);
	g_autoptr(oci_index) index =
		berth_document_parse_text(&oci_index_document, bytes, length, "index.json of a cache", error);
	const struct oci_descriptor *own = index ? choose(index) : NULL;
	if (!own)
		return index && berth_error_set(error, BERTH_ERROR_NOT_FOUND, "index.json names no manifest");
	g_autofree char *manifest = read_blob(imports, import, own, &length, error);
	if (manifest)
		import->manifest = parse_manifest(manifest, length, error);
	return import->manifest != NULL;
}

// Of a cache its own document; of an image what its configuration has of one.
static bool read_index(struct berth_build_imports *imports, struct import *import, GError **error)
{
	const struct oci_descriptor *config = import->manifest->config;
	size_t length;

	if (!config)
		return berth_error_set(error, BERTH_ERROR_INVALID, "its manifest has no configuration");
	g_autofree char *text = read_blob(imports, import, config, &length, error);
	if (!text)
		return false;
	if (g_strcmp0(config->media_type, CACHE_MEDIA) == 0) {
		import->index =
			berth_document_parse_text(&berth_cache_index_document, text, length, "build cache", error);
	} else {
		g_autoptr(oci_image) image = berth_document_parse_text(&oci_image_document, text, length,
								       "configuration of an image", error);
		if (!image)
			return false;
		if (!image->build_cache || !image->rootfs)
			return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "it has no build cache in it");
		import->diff_ids = g_strdupv(image->rootfs->diff_ids);
		import->index = berth_document_parse(&berth_cache_index_document, image->build_cache, error);
	}
	if (import->index && import->index->version > CACHE_VERSION)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "it was written by a newer version of Berth (%" G_GINT64_FORMAT ")",
				       import->index->version);
	return import->index != NULL;
}

static void add_records(struct berth_build_imports *imports, const struct import *import)
{
	const GPtrArray *records = import->index->records;

	for (guint i = 0; records && i < records->len; i++) {
		const struct berth_cached_layer *record = records->pdata[i];
		if (g_hash_table_contains(imports->records, record->key))
			continue;
		struct found *found = g_new0(struct found, 1);
		found->import = import;
		found->record = record;
		found->entry = (struct berth_build_cache_entry){.key = record->key,
								.parent = record->parent,
								.description = record->description,
								.type = record->type ? record->type : "regular",
								.created = record->created};
		g_hash_table_insert(imports->records, record->key, found);
	}
}

static void open_place(struct berth_build_imports *imports, const char *text)
{
	__attribute__((cleanup(berth_cache_place_clear))) struct berth_cache_place place;
	struct import *import = g_new0(struct import, 1);
	g_autoptr(GError) failure = NULL;

	g_ptr_array_add(imports->imports, import);
	bool read = berth_cache_place_read(text, true, &place, &failure) &&
		    (place.source ? read_layout(imports, import, place.source, &failure)
				  : read_registry(imports, import, place.ref, &failure)) &&
		    read_index(imports, import, &failure);
	if (read) {
		add_records(imports, import);
		return;
	}
	g_autofree char *warning = g_strdup_printf("--cache-from %s: %s", text, failure->message);
	berth_build_warn(&imports->out, warning);
}

// Blobs

// A blob of a layout into the store.
static bool take_blob(struct berth_build_imports *imports, const struct import *import,
		      const struct oci_descriptor *descriptor, GError **error)
{
	if (!berth_digest_valid(descriptor->digest))
		return berth_error_set(error, BERTH_ERROR_INVALID, "\"%s\" is no digest", descriptor->digest);
	g_autofree char *path = g_strconcat("blobs/sha256/", descriptor->digest + strlen("sha256:"), NULL);
	g_autofree uint8_t *chunk = g_malloc(CHUNK);
	berth_fd fd = berth_root_open_regular(berth_build_tree_folder(import->layout), path, error);
	ssize_t length;
	bool good = true;

	struct berth_ingest *ingest =
		fd < 0 ? NULL : berth_blob_ingest(berth_store_blobs(imports->out.store), NULL, NULL, error);
	if (!ingest)
		return false;
	while (good && (length = berth_read_full(fd, chunk, CHUNK)) != 0)
		good = length < 0 ? berth_error_set_errno(error, errno, "read %s", path)
		       : berth_ingest_size(ingest) + length > descriptor->size
			       ? berth_error_set(error, BERTH_ERROR_INVALID,
						 "%s is larger than its descriptor says: %" G_GINT64_FORMAT " bytes",
						 path, descriptor->size)
			       : berth_ingest_write(ingest, chunk, (size_t) length, error);
	if (!good) {
		berth_ingest_abort(ingest, false);
		return false;
	}
	return berth_ingest_commit(ingest, descriptor->digest, descriptor->size, NULL, error);
}

static bool fetch_blob(struct berth_build_imports *imports, const struct import *import,
		       const struct oci_descriptor *descriptor, GError **error)
{
	struct berth_blobs *blobs = berth_store_blobs(imports->out.store);

	berth_lease_add(imports->out.lease, BERTH_RECORD_BLOB, descriptor->digest);
	if (berth_blob_exists(blobs, descriptor->digest))
		return true;
	if (import->layout)
		return take_blob(imports, import, descriptor, error);
	struct berth_ingest *ingest = berth_blob_ingest(blobs, descriptor->digest, NULL, error);
	if (!ingest)
		return false;
	if (!berth_repository_fetch(import->repository, descriptor, ingest, NULL, NULL, error)) {
		berth_ingest_abort(ingest, true);
		return false;
	}
	return berth_ingest_commit(ingest, descriptor->digest, descriptor->size, NULL, error);
}

static char *read_blob(struct berth_build_imports *imports, struct import *import,
		       const struct oci_descriptor *descriptor, size_t *ret_length, GError **error)
{
	if (descriptor->size > BERTH_LIMIT_MANIFEST) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s is larger than %d bytes", descriptor->digest,
				(int) BERTH_LIMIT_MANIFEST);
		return NULL;
	}
	return fetch_blob(imports, import, descriptor, error)
		       ? berth_blob_read(berth_store_blobs(imports->out.store), descriptor->digest,
					 BERTH_LIMIT_MANIFEST, ret_length, error)
		       : NULL;
}

// Finding

static const struct oci_descriptor *layer_of(const struct found *found)
{
	const struct import *import = found->import;
	const GPtrArray *layers = import->manifest->layers;

	for (guint i = 0; layers && i < layers->len; i++) {
		const struct oci_descriptor *layer = layers->pdata[i];
		if (import->diff_ids) {
			if (i < g_strv_length(import->diff_ids) &&
			    g_str_equal(import->diff_ids[i], found->record->diff_id))
				return layer;
		} else if (g_strcmp0(layer->digest, found->record->digest) == 0) {
			return layer;
		}
	}
	return NULL;
}

static struct berth_image_layer *bring(struct berth_build_imports *imports, const struct found *found,
				       const char *parent, GError **error)
{
	const struct oci_descriptor *layer = layer_of(found);

	if (!layer) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "the layer of its record %s is missing",
				found->record->key);
		return NULL;
	}
	return fetch_blob(imports, found->import, layer, error)
		       ? berth_image_layer_add(imports->out.images, imports->out.lease, layer->digest, parent,
					       found->record->diff_id, error)
		       : NULL;
}

struct berth_image_layer *berth_build_imports_find(struct berth_build_imports *imports, const char *key,
						   const char *parent, const struct berth_build_cache_entry **ret,
						   GError **error)
{
	g_autoptr(GError) failure = NULL;
	struct berth_image_layer *layer = NULL;

	pthread_mutex_lock(&imports->lock);
	if (!imports->opened)
		for (char *const *from = imports->out.request->cache_from; from && *from; from++)
			open_place(imports, *from);
	imports->opened = true;
	struct found *found = g_hash_table_lookup(imports->records, key);
	if (found && !(layer = bring(imports, found, parent, &failure)))
		g_hash_table_remove(imports->records, key);
	pthread_mutex_unlock(&imports->lock);
	if (layer)
		*ret = &found->entry;
	if (failure && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CANCELED)) {
		g_propagate_error(error, g_steal_pointer(&failure));
	} else if (failure) {
		g_autofree char *warning = g_strdup_printf("the cache's record %s: %s", key, failure->message);
		berth_build_warn(&imports->out, warning);
	}
	return layer;
}
