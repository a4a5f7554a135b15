// SPDX-License-Identifier: Apache-2.0
#include "image/manifest-read.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "image/platform.h"
#include "store/blob.h"

#define MEDIA_ANY "application/octet-stream" // of configurations that old programs pushed

static bool check_descriptor(const struct oci_descriptor *descriptor, int64_t limit, GError **error)
{
	if (!berth_digest_valid(descriptor->digest))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid digest \"%s\": expected sha256: and 64 hexadecimal digits",
				       descriptor->digest);
	if (descriptor->size < 0 || descriptor->size > limit)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s has %" G_GINT64_FORMAT " bytes; at most %" G_GINT64_FORMAT " are possible",
				       descriptor->digest, descriptor->size, limit);
	return true;
}

static bool is_image_config(const char *media_type)
{
	return g_str_equal(media_type, OCI_MEDIA_CONFIG) || g_str_equal(media_type, DOCKER_MEDIA_CONFIG) ||
	       g_str_equal(media_type, MEDIA_ANY);
}

static bool is_layer(const char *media_type)
{
	static const char *const kinds[] = {
		OCI_MEDIA_LAYER,
		OCI_MEDIA_LAYER_GZIP,
		OCI_MEDIA_LAYER_ZSTD,
		DOCKER_MEDIA_LAYER_GZIP,
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
		"application/vnd.docker.image.rootfs.foreign.diff.tar",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		NULL,
	};

	return g_strv_contains(kinds, media_type);
}

static bool check_manifest(const struct oci_manifest *manifest, GError **error)
{
	if (manifest->schema_version != 2)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "schema version %" G_GINT64_FORMAT " is not supported: expected 2",
				       manifest->schema_version);
	if (!is_image_config(manifest->config->media_type))
		return berth_error_set(error, BERTH_ERROR_INVALID, "this is no image: its configuration is a %s",
				       manifest->config->media_type);
	if (manifest->layers->len > BERTH_LIMIT_LAYERS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has %u layers; at most %d are possible",
				       manifest->layers->len, BERTH_LIMIT_LAYERS);
	if (!check_descriptor(manifest->config, BERTH_LIMIT_MANIFEST, error))
		return false;
	for (guint i = 0; i < manifest->layers->len; i++) {
		const struct oci_descriptor *layer = manifest->layers->pdata[i];
		if (!check_descriptor(layer, BERTH_LIMIT_LAYER_BYTES, error))
			return false;
		if (!is_layer(layer->media_type))
			return berth_error_set(error, BERTH_ERROR_INVALID, "layer %u has the unknown media type %s",
					       i + 1, layer->media_type);
	}
	return true;
}

static struct oci_manifest *read_manifest(const json_t *json, GError **error)
{
	g_autoptr(oci_manifest) manifest = berth_document_parse(&oci_manifest_document, json, error);

	return manifest && check_manifest(manifest, error) ? g_steal_pointer(&manifest) : NULL;
}

static struct oci_descriptor *choose(const json_t *json, const struct oci_platform *platform, GError **error)
{
	g_autoptr(oci_index) index = berth_document_parse(&oci_index_document, json, error);
	const struct oci_descriptor *chosen = index ? berth_platform_choose(index, platform, error) : NULL;

	return chosen && check_descriptor(chosen, BERTH_LIMIT_MANIFEST, error)
		       ? berth_document_copy(&oci_descriptor_document, chosen)
		       : NULL;
}

bool berth_manifest_read(const char *text, size_t length, const char *what, const struct oci_platform *platform,
			 struct oci_manifest **ret_manifest, struct oci_descriptor **ret_chosen, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(text, length, what, error);

	*ret_manifest = NULL;
	*ret_chosen = NULL;
	if (!json)
		return false;
	bool index = json_object_get(json, "manifests") != NULL;
	if (index && json_object_get(json, "layers"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s is both a manifest and an index", what);
	if (index)
		return (*ret_chosen = choose(json, platform, error)) != NULL;
	if (!(*ret_manifest = read_manifest(json, error)))
		g_prefix_error(error, "manifest %s: ", what);
	return *ret_manifest != NULL;
}

bool berth_manifest_check_image(const struct oci_manifest *manifest, const struct oci_image *image, GError **error)
{
	guint layers = manifest->layers->len, diff_ids = g_strv_length(image->rootfs->diff_ids);

	if (!g_str_equal(image->os, "linux"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "it is for the operating system \"%s\", not for linux", image->os);
	if (diff_ids != layers)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the manifest has %u layers, the configuration says %u", layers, diff_ids);
	for (guint i = 0; i < diff_ids; i++)
		if (!berth_digest_valid(image->rootfs->diff_ids[i]))
			return berth_error_set(error, BERTH_ERROR_INVALID, "the configuration has the diff id \"%s\"",
					       image->rootfs->diff_ids[i]);
	return true;
}
