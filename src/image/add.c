// SPDX-License-Identifier: Apache-2.0
// The last step of making an image here: its documents are written, then it is there, with its names.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/limits.h"

#include <string.h>

static bool record(struct berth_images *images, const char *id, const struct berth_image_record *record,
		   char *const *names, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);

	BERTH_FAILPOINT("image.add.recording");
	if (!transaction || !berth_image_record_add(transaction, id, record, error))
		return false;
	for (; names && *names; names++) {
		g_autofree char *familiar = berth_image_familiar(*names);
		if (!berth_tag_record_put(transaction, *names, id, error) ||
		    !berth_images_tell(images, transaction, "tag", id, familiar, error))
			return false;
	}
	return berth_transaction_commit(transaction, error);
}

static GPtrArray *copy_layers(const GPtrArray *layers)
{
	GPtrArray *copy = berth_objects_new();

	for (guint i = 0; i < layers->len; i++)
		g_ptr_array_add(copy, berth_document_copy(&berth_image_layer_document, layers->pdata[i]));
	return copy;
}

char *berth_images_add(struct berth_images *images, const struct berth_image_add *add, char **ret_manifest,
		       GError **error)
{
	g_autofree char *text = berth_document_print_text(&oci_image_document, add->image, 0);

	if (add->layers->len > BERTH_LIMIT_LAYERS) {
		berth_error_set(error, BERTH_ERROR_INVALID, "max depth exceeded: more than %d layers",
				BERTH_LIMIT_LAYERS);
		return NULL;
	}
	g_autofree char *id = berth_blob_put(berth_store_blobs(images->store), text, strlen(text), error);
	if (!id)
		return NULL;
	berth_lease_add(add->lease, BERTH_RECORD_BLOB, id);
	char *manifest = berth_image_manifest_put(images, id, add->layers, error);
	if (!manifest)
		return NULL;
	berth_lease_add(add->lease, BERTH_RECORD_BLOB, manifest);
	BERTH_FAILPOINT("image.add.written");
	if (ret_manifest)
		*ret_manifest = g_strdup(manifest);
	g_autoptr(berth_image_record) made = berth_image_record_new(add->image, manifest, copy_layers(add->layers));
	if (record(images, id, made, add->names, error))
		return g_steal_pointer(&id);
	if (ret_manifest)
		g_clear_pointer(ret_manifest, g_free);
	return NULL;
}
