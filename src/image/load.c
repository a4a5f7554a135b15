// SPDX-License-Identifier: Apache-2.0
// An archive says what images it has in index.json (OCI layout), in manifest.json (`docker save`), or in both. They are
// found first, by the digest of their configurations, then made, and become visible together in one transaction.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/limits.h"
#include "image/archive.h"

#include <string.h>

#define INDEX_DEPTH 4 // of indexes in indexes
#define DOCKER_MANIFEST "manifest.json"
#define OCI_INDEX "index.json"
#define ANNOTATION_ATTESTATION "vnd.docker.reference.type"

struct found {
	char *id; // digest of its configuration
	char *manifest; // digest, or NULL if it has none yet
	GPtrArray *layers; // paths in the archive
	GPtrArray *names; // full
	struct berth_image_record *record; // when it is made
};

struct loading {
	struct berth_images *images;
	struct berth_lease *lease;
	struct berth_image_archive *archive;
	GPtrArray *found; // of struct found, in the order of the archive
};

static void found_free(gpointer data)
{
	struct found *found = data;

	g_free(found->id);
	g_free(found->manifest);
	g_ptr_array_unref(found->layers);
	g_ptr_array_unref(found->names);
	berth_image_record_free(found->record);
	g_free(found);
}

// The image with that configuration, new if it was not seen yet.
static struct found *find(struct loading *this, const char *id)
{
	for (guint i = 0; i < this->found->len; i++) {
		struct found *found = this->found->pdata[i];
		if (g_str_equal(found->id, id))
			return found;
	}
	struct found *found = g_new0(struct found, 1);
	found->id = g_strdup(id);
	found->layers = g_ptr_array_new_with_free_func(g_free);
	found->names = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(this->found, found);
	return found;
}

static bool add_name(struct found *found, const char *text, GError **error)
{
	struct berth_image_name name;

	if (!berth_image_name_parse(text, &name, error)) {
		g_prefix_error(error, "the archive's image name \"%s\": ", text);
		return false;
	}
	g_autofree char *full = berth_image_name_full(&name);
	berth_image_name_clear(&name);
	if (!g_ptr_array_find_with_equal_func(found->names, full, g_str_equal, NULL))
		g_ptr_array_add(found->names, g_steal_pointer(&full));
	return true;
}

static json_t *read_json(struct loading *this, const char *path, GError **error)
{
	size_t length;
	g_autofree char *text = berth_image_archive_text(this->archive, path, &length, error);

	return text ? berth_json_parse(text, length, path, error) : NULL;
}

static char *blob_path(const char *digest, GError **error)
{
	if (berth_digest_valid(digest))
		return g_strconcat("blobs/sha256/", digest + strlen("sha256:"), NULL);
	berth_error_set(error, BERTH_ERROR_INVALID, "invalid digest \"%s\": expected sha256: and 64 hexadecimal digits",
			digest);
	return NULL;
}

// The path of what a descriptor describes; its size is checked, its digest was when the archive was read.
static char *described_path(struct loading *this, const struct oci_descriptor *descriptor, GError **error)
{
	g_autofree char *path = blob_path(descriptor->digest, error);
	int64_t size;

	g_autofree char *digest = path ? berth_image_archive_blob(this->archive, path, &size, error) : NULL;
	if (!digest)
		return NULL;
	if (size == descriptor->size)
		return g_steal_pointer(&path);
	berth_error_set(error, BERTH_ERROR_INVALID,
			"%s has %" G_GINT64_FORMAT " bytes, its descriptor says %" G_GINT64_FORMAT, path, size,
			descriptor->size);
	return NULL;
}

// containerd's and Docker's annotation is a whole name; the specification's may be a tag only, which names nothing.
static bool add_annotated_name(struct found *found, GHashTable *annotations, GError **error)
{
	const char *name = annotations ? g_hash_table_lookup(annotations, CONTAINERD_ANNOTATION_IMAGE_NAME) : NULL;
	const char *reference = annotations ? g_hash_table_lookup(annotations, OCI_ANNOTATION_REF_NAME) : NULL;

	if (name)
		return add_name(found, name, error);
	return !reference || !strpbrk(reference, ":/") || add_name(found, reference, error);
}

static bool find_manifest(struct loading *this, const struct oci_descriptor *descriptor, const char *path,
			  const json_t *json, GHashTable *annotations, GError **error)
{
	g_autoptr(oci_manifest) manifest = berth_document_parse(&oci_manifest_document, json, error);
	g_autofree char *config = manifest ? described_path(this, manifest->config, error) : NULL;

	if (!config) {
		g_prefix_error(error, "%s: ", path);
		return false;
	}
	struct found *found = find(this, manifest->config->digest);
	if (!found->manifest) {
		found->manifest = g_strdup(descriptor->digest);
		for (guint i = 0; i < manifest->layers->len; i++) {
			char *layer = described_path(this, manifest->layers->pdata[i], error);
			if (!layer)
				return false;
			g_ptr_array_add(found->layers, layer);
		}
	}
	return add_annotated_name(found, annotations, error);
}

static bool runs_here(const struct oci_descriptor *descriptor)
{
	const struct oci_platform *platform = descriptor->platform;

	return platform && g_str_equal(platform->os, "linux") &&
	       g_str_equal(platform->architecture, berth_image_architecture());
}

static bool is_attestation(const struct oci_descriptor *descriptor)
{
	return descriptor->annotations && g_hash_table_contains(descriptor->annotations, ANNOTATION_ATTESTATION);
}

// Of the images of several platforms: the one for this machine, or the only one.
static const struct oci_descriptor *choose(const struct oci_index *index, const char *path, GError **error)
{
	const struct oci_descriptor *chosen = NULL;
	guint images = 0;

	for (guint i = 0; i < index->manifests->len; i++) {
		const struct oci_descriptor *descriptor = index->manifests->pdata[i];
		if (is_attestation(descriptor))
			continue;
		if (runs_here(descriptor))
			return descriptor;
		images++;
		chosen = descriptor;
	}
	if (images == 1)
		return chosen;
	berth_error_set(error, BERTH_ERROR_INVALID, "%s has no image for linux/%s", path, berth_image_architecture());
	return NULL;
}

static bool find_described(struct loading *this, const struct oci_descriptor *descriptor, GHashTable *annotations,
			   int depth, GError **error)
{
	g_autofree char *path = described_path(this, descriptor, error);
	BERTH_AUTO_JSON json_t *json = path ? read_json(this, path, error) : NULL;

	if (!json)
		return false;
	if (!json_object_get(json, "manifests"))
		return find_manifest(this, descriptor, path, json, annotations, error);
	if (depth == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: indexes are nested too deep", path);
	g_autoptr(oci_index) index = berth_document_parse(&oci_index_document, json, error);
	const struct oci_descriptor *chosen = index ? choose(index, path, error) : NULL;
	return chosen && find_described(this, chosen, annotations, depth - 1, error);
}

// Several platforms may also stand side by side in the outer index.
static bool is_for_another(const struct oci_index *index, const struct oci_descriptor *descriptor)
{
	bool better = false;

	for (guint i = 0; i < index->manifests->len; i++)
		better = better || runs_here(index->manifests->pdata[i]);
	return is_attestation(descriptor) || (better && descriptor->platform && !runs_here(descriptor));
}

static bool find_oci(struct loading *this, GError **error)
{
	BERTH_AUTO_JSON json_t *json = read_json(this, OCI_INDEX, error);
	g_autoptr(oci_index) index = json ? berth_document_parse(&oci_index_document, json, error) : NULL;

	if (!index)
		return false;
	for (guint i = 0; i < index->manifests->len; i++) {
		const struct oci_descriptor *descriptor = index->manifests->pdata[i];
		if (!is_for_another(index, descriptor) &&
		    !find_described(this, descriptor, descriptor->annotations, INDEX_DEPTH, error))
			return false;
	}
	return true;
}

// "<64 hex>.json" and "blobs/sha256/<64 hex>" promise a digest.
static bool check_config_name(const char *path, const char *id, GError **error)
{
	g_autofree char *base = g_path_get_basename(path);
	g_autofree char *digest = g_strdup_printf("sha256:%.*s", (int) strcspn(base, "."), base);

	return !berth_digest_valid(digest) || g_str_equal(digest, id) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "%s: its content has the digest %s", path, id);
}

static bool find_docker_image(struct loading *this, const json_t *json, GError **error)
{
	g_autoptr(oci_docker_archive_image) image =
		berth_document_parse(&oci_docker_archive_image_document, json, error);
	g_autofree char *id = image ? berth_image_archive_blob(this->archive, image->config, NULL, error) : NULL;

	if (!id || !check_config_name(image->config, id, error))
		return false;
	struct found *found = find(this, id);
	if (!found->manifest && found->layers->len == 0)
		for (char **layer = image->layers; *layer; layer++)
			g_ptr_array_add(found->layers, g_strdup(*layer));
	for (char **name = image->repo_tags; name && *name; name++)
		if (!add_name(found, *name, error))
			return false;
	return true;
}

static bool find_docker(struct loading *this, GError **error)
{
	BERTH_AUTO_JSON json_t *json = read_json(this, DOCKER_MANIFEST, error);
	size_t index;
	json_t *image;

	if (!json)
		return false;
	if (!json_is_array(json))
		return berth_error_set(error, BERTH_ERROR_INVALID, DOCKER_MANIFEST ": expected an array");
	json_array_foreach(json, index, image) if (!find_docker_image(this, image, error)) return false;
	return true;
}

static bool find_images(struct loading *this, GError **error)
{
	bool oci = berth_image_archive_has(this->archive, OCI_INDEX);
	bool docker = berth_image_archive_has(this->archive, DOCKER_MANIFEST);

	if (!oci && !docker)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "this is no archive of images: it has neither " DOCKER_MANIFEST " nor " OCI_INDEX
				       " (a root file system is for `import`)");
	if ((oci && !find_oci(this, error)) || (docker && !find_docker(this, error)))
		return false;
	return this->found->len > 0 || berth_error_set(error, BERTH_ERROR_INVALID, "the archive has no images in it");
}

static struct oci_image *read_config(struct loading *this, const struct found *found, GError **error)
{
	g_autoptr(oci_image) image = berth_images_config(this->images, found->id, error);
	guint layers = found->layers->len;

	if (!image)
		return NULL;
	guint diff_ids = g_strv_length(image->rootfs->diff_ids);
	if (!g_str_equal(image->os, "linux"))
		berth_error_set(error, BERTH_ERROR_INVALID, "it is for the operating system \"%s\", not for linux",
				image->os);
	else if (layers != diff_ids)
		berth_error_set(error, BERTH_ERROR_INVALID, "it has %u layers, its configuration says %u", layers,
				diff_ids);
	else if (layers > BERTH_LIMIT_LAYERS)
		berth_error_set(error, BERTH_ERROR_INVALID, "it has %u layers; at most %d are possible", layers,
				BERTH_LIMIT_LAYERS);
	else
		return g_steal_pointer(&image);
	return NULL;
}

static bool make_layers(struct loading *this, struct found *found, const struct oci_image *image, GPtrArray *layers,
			GError **error)
{
	const char *parent = NULL;

	for (guint i = 0; i < found->layers->len; i++) {
		g_autofree char *blob = berth_image_archive_blob(this->archive, found->layers->pdata[i], NULL, error);
		struct berth_image_layer *layer = blob ? berth_image_layer_add(this->images, this->lease, blob, parent,
									       image->rootfs->diff_ids[i], error)
						       : NULL;
		if (!layer) {
			g_prefix_error(error, "layer %u: ", i + 1);
			return false;
		}
		g_ptr_array_add(layers, layer);
		parent = layer->chain_id;
		// The archive's manifest describes the blob that came.
		if (!g_str_equal(layer->digest, blob))
			g_clear_pointer(&found->manifest, g_free);
	}
	return true;
}

// Unpacks the layers and fills in the record.
static bool make(struct loading *this, struct found *found, GError **error)
{
	g_autoptr(oci_image) image = read_config(this, found, error);

	if (!image)
		return false;
	GPtrArray *layers = berth_objects_new();
	bool done = make_layers(this, found, image, layers, error) &&
		    (found->manifest ||
		     (found->manifest = berth_image_manifest_put(this->images, found->id, layers, NULL, error)));
	found->record = berth_image_record_new(image, g_strdup(found->manifest), layers);
	return done;
}

static bool record(struct loading *this, struct berth_transaction *transaction, const struct found *found,
		   GError **error)
{
	const char *name = found->names->len > 0 ? found->names->pdata[0] : NULL;
	g_autofree char *familiar = name ? berth_image_familiar(name) : NULL;

	if (!berth_image_record_add(transaction, found->id, found->record, error) ||
	    !berth_images_tell(this->images, transaction, "load", found->id, familiar, error))
		return false;
	for (guint i = 0; i < found->names->len; i++)
		if (!berth_tag_record_put(transaction, found->names->pdata[i], found->id, error))
			return false;
	return true;
}

static bool record_all(struct loading *this, GError **error)
{
	BERTH_FAILPOINT("image.load.recording");
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->images->store), error);

	if (!transaction)
		return false;
	for (guint i = 0; i < this->found->len; i++)
		if (!record(this, transaction, this->found->pdata[i], error))
			return false;
	return berth_transaction_commit(transaction, error);
}

static bool load(struct loading *this, int fd, GError **error)
{
	this->archive = berth_image_archive_read(berth_store_blobs(this->images->store), fd, error);
	if (!this->archive || !find_images(this, error))
		return false;
	for (guint i = 0; i < this->found->len; i++) {
		struct found *found = this->found->pdata[i];
		if (make(this, found, error))
			continue;
		g_prefix_error(error,
			       "image %s: ", found->names->len > 0 ? (char *) found->names->pdata[0] : found->id);
		return false;
	}
	return record_all(this, error);
}

static void report(const struct found *found, berth_progress_fn *progress, void *data)
{
	for (guint i = 0; i < found->names->len; i++) {
		g_autofree char *familiar = berth_image_familiar(found->names->pdata[i]);
		g_autofree char *line = g_strdup_printf("Loaded image: %s\n", familiar);
		progress(data, &(struct api_progress){.stream = line});
	}
	if (found->names->len == 0) {
		g_autofree char *line = g_strdup_printf("Loaded image ID: %s\n", found->id);
		progress(data, &(struct api_progress){.stream = line});
	}
}

bool berth_images_load(struct berth_images *images, int fd, berth_progress_fn *progress, void *data, GError **error)
{
	struct loading this = {.images = images, .lease = berth_lease_new(images->store)};

	this.found = g_ptr_array_new_with_free_func(found_free);
	bool done = load(&this, fd, error);
	for (guint i = 0; done && progress && i < this.found->len; i++)
		report(this.found->pdata[i], progress, data);
	g_ptr_array_unref(this.found);
	berth_image_archive_free(this.archive);
	berth_lease_release(this.lease);
	// Also after success: the archive may have had more than its images need.
	berth_images_collect(images);
	return done;
}
