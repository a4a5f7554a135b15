// SPDX-License-Identifier: Apache-2.0
#include "image/images-internal.h"

#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "image/decompress.h"

#include <string.h>

static struct oci_descriptor *describe(struct berth_images *images, const char *digest, const char *media_type,
				       GError **error)
{
	g_autoptr(oci_descriptor) descriptor = berth_document_new(&oci_descriptor_document);

	berth_fd fd = berth_blob_open(berth_store_blobs(images->store), digest, &descriptor->size, error);
	if (fd < 0)
		return NULL;
	if (!media_type) {
		g_autoptr(berth_decompressor) decompressor = berth_decompressor_new(berth_source_of_fd(fd), error);
		if (!decompressor)
			return NULL;
		enum berth_compression kind = berth_decompressor_kind(decompressor);
		media_type = kind == BERTH_COMPRESSION_GZIP   ? OCI_MEDIA_LAYER_GZIP
			     : kind == BERTH_COMPRESSION_ZSTD ? OCI_MEDIA_LAYER_ZSTD
							      : OCI_MEDIA_LAYER;
	}
	descriptor->digest = g_strdup(digest);
	descriptor->media_type = g_strdup(media_type);
	return g_steal_pointer(&descriptor);
}

GHashTable *berth_image_manifest_annotations(struct berth_images *images, const char *digest, GError **error)
{
	size_t length;
	g_autofree char *text =
		berth_blob_read(berth_store_blobs(images->store), digest, BERTH_LIMIT_MANIFEST, &length, error);
	g_autoptr(oci_manifest) manifest =
		text ? berth_document_parse_text(&oci_manifest_document, text, length, digest, error) : NULL;

	if (!manifest)
		return NULL;
	return manifest->annotations ? g_steal_pointer(&manifest->annotations) : berth_map_new();
}

char *berth_image_manifest_put(struct berth_images *images, const char *config, const GPtrArray *layers,
			       GHashTable *annotations, GError **error)
{
	g_autoptr(oci_manifest) manifest = berth_document_new(&oci_manifest_document);

	manifest->schema_version = 2;
	manifest->media_type = g_strdup(OCI_MEDIA_MANIFEST);
	manifest->layers = berth_objects_new();
	if (!(manifest->config = describe(images, config, OCI_MEDIA_CONFIG, error)))
		return NULL;
	for (guint i = 0; i < layers->len; i++) {
		const struct berth_image_layer *layer = layers->pdata[i];
		struct oci_descriptor *descriptor = describe(images, layer->digest, NULL, error);
		if (!descriptor)
			return NULL;
		g_ptr_array_add(manifest->layers, descriptor);
	}
	if (annotations && g_hash_table_size(annotations) > 0)
		manifest->annotations = berth_map_copy(annotations);
	g_autofree char *text = berth_document_print_text(&oci_manifest_document, manifest, 0);
	return berth_blob_put(berth_store_blobs(images->store), text, strlen(text), error);
}

struct berth_image_record *berth_image_record_new(const struct oci_image *image, char *manifest, GPtrArray *layers)
{
	struct berth_image_record *record = berth_document_new(&berth_image_record_document);

	record->manifest = manifest;
	record->layers = layers;
	// A time that cannot be read is an unknown one: images with odd ones exist and run.
	if (!image->created || !berth_moment_parse(image->created, &record->created, NULL))
		record->created = 0;
	if (image->config && image->config->labels)
		record->labels = berth_map_copy(image->config->labels);
	return record;
}
