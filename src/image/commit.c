// SPDX-License-Identifier: Apache-2.0
// A container's changes become an image. The layer is written as an archive, which is what a push sends, and unpacked
// from there, so that what a container of the new image gets is what the archive says.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/limits.h"
#include "base/moment.h"
#include "image/layer-archive.h"

#include <string.h>

#define EMPTY_TAR "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

struct committing {
	struct berth_images *images;
	struct berth_lease *lease;
	const struct berth_image_commit *commit;
};

// The changes as a blob; *ret its digest, NULL if nothing is changed.
static bool write_layer(struct committing *this, char **ret, GError **error)
{
	struct berth_layer_archive archive;

	*ret = NULL;
	if (!berth_layer_archive_write(this->images->store, this->lease, this->commit->trees, &archive, error))
		return false;
	if (g_str_equal(archive.diff.diff_id, EMPTY_TAR)) {
		if (archive.ingest)
			berth_ingest_abort(archive.ingest, false);
		return true;
	}
	BERTH_FAILPOINT("image.commit.layer-written");
	if (archive.ingest && !berth_ingest_commit(archive.ingest, archive.diff.digest, archive.diff.size, NULL, error))
		return false;
	*ret = g_strdup(archive.diff.digest);
	return true;
}

// The base's configuration with what is new. `layer` NULL: there is none.
static struct oci_image *make_config(const struct committing *this, const struct berth_image_layer *layer,
				     GError **error)
{
	const struct berth_image_commit *commit = this->commit;
	struct oci_image *image = berth_images_config(this->images, commit->base, error);

	if (!image)
		return NULL;
	struct oci_history *history = berth_document_new(&oci_history_document);
	g_free(image->created);
	image->created = berth_moment_string(berth_moment_now());
	g_free(image->author);
	image->author = g_strdup(commit->author);
	oci_image_execution_free(image->config);
	image->config = berth_document_copy(&oci_image_execution_document, commit->config);
	history->created = g_strdup(image->created);
	history->created_by = g_strdup(commit->created_by);
	history->author = g_strdup(commit->author);
	history->comment = g_strdup(commit->comment);
	history->empty_layer = !layer;
	if (!image->history)
		image->history = berth_objects_new();
	g_ptr_array_add(image->history, history);
	if (!image->rootfs) {
		image->rootfs = berth_document_new(&oci_rootfs_document);
		image->rootfs->type = g_strdup("layers");
	}
	if (layer)
		berth_strings_add(&image->rootfs->diff_ids, g_strdup(layer->diff_id));
	return image;
}

static GPtrArray *copy_layers(struct committing *this, GError **error)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->images->store), error);
	g_autoptr(berth_image_record) base =
		transaction ? berth_image_record_get(transaction, this->commit->base, error) : NULL;

	if (!base)
		return NULL;
	GPtrArray *layers = berth_objects_new();
	for (guint i = 0; base->layers && i < base->layers->len; i++) {
		const struct berth_image_layer *layer = base->layers->pdata[i];
		berth_lease_add(this->lease, BERTH_RECORD_BLOB, layer->digest);
		berth_lease_add(this->lease, BERTH_RECORD_SNAPSHOT, layer->chain_id);
		g_ptr_array_add(layers, berth_document_copy(&berth_image_layer_document, layer));
	}
	return layers;
}

static char *finish(struct committing *this, const GPtrArray *layers, const struct berth_image_layer *layer,
		    const char *name, GError **error)
{
	g_autoptr(oci_image) image = make_config(this, layer, error);
	char *const names[] = {(char *) name, NULL};
	const struct berth_image_add add = {.image = image, .layers = layers, .names = names, .lease = this->lease};

	return image ? berth_images_add(this->images, &add, NULL, error) : NULL;
}

static char *commit(struct committing *this, const char *name, GError **error)
{
	GPtrArray *layers = copy_layers(this, error);
	g_autofree char *digest = NULL;
	struct berth_image_layer *layer = NULL;
	char *id = NULL;

	if (!layers)
		return NULL;
	bool done = write_layer(this, &digest, error);
	if (done && digest) {
		const struct berth_image_layer *below = layers->len ? layers->pdata[layers->len - 1] : NULL;
		layer = berth_image_layer_add(this->images, this->lease, digest, below ? below->chain_id : NULL, digest,
					      error);
		done = layer != NULL;
		if (done)
			g_ptr_array_add(layers, layer);
	}
	if (done)
		id = finish(this, layers, layer, name, error);
	for (guint i = 0; i < layers->len; i++)
		berth_image_layer_free(layers->pdata[i]);
	g_ptr_array_unref(layers);
	return id;
}

static bool parse_name(const char *text, char **ret_full, GError **error)
{
	struct berth_image_name name;

	if (!berth_image_name_parse(text, &name, error))
		return false;
	bool digest = name.digest != NULL;
	*ret_full = berth_image_name_full(&name);
	berth_image_name_clear(&name);
	return !digest || berth_error_set(error, BERTH_ERROR_INVALID, "cannot commit to a digest reference");
}

char *berth_images_commit(struct berth_images *images, const struct berth_image_commit *request, GError **error)
{
	g_autofree char *full = NULL;

	if (request->name && !parse_name(request->name, &full, error))
		return NULL;
	struct committing this = {images, berth_lease_new(images->store), request};
	char *id = commit(&this, full, error);
	berth_lease_release(this.lease);
	berth_images_collect(images);
	return id;
}
