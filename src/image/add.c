// SPDX-License-Identifier: Apache-2.0
// The last step of making an image here: its documents are written, then it is there, with its names.
#include "image/images-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/limits.h"

#include <string.h>

static bool same_repository(const char *by_digest, char *const *names)
{
	size_t length = strcspn(by_digest, "@");

	for (; names && *names; names++)
		if (strncmp(*names, by_digest, length) == 0 && (*names)[length] == ':' && !strchr(*names + length, '/'))
			return true;
	return false;
}

// The repository that its manifest came from, if it is none of these; the caller's. NULL without an error: there is
// none.
static char *foreign_repository(struct berth_transaction *transaction, const char *id, char *const *names,
				GError **error)
{
	g_auto(GStrv) known = berth_image_record_names(transaction, id, error);

	for (char **name = known; name && *name; name++)
		if (strchr(*name, '@') && !same_repository(*name, names))
			return g_strdup(*name);
	return NULL;
}

static bool is_annotated(struct berth_images *images, const char *manifest)
{
	g_autoptr(GHashTable) annotations = berth_image_manifest_annotations(images, manifest, NULL);

	return annotations && g_hash_table_size(annotations) > 0;
}

// What is there already under the id has the same content; its manifest may have other annotations, or compression.
static bool exchange(struct berth_images *images, struct berth_transaction *transaction, const char *id,
		     const struct berth_image_add *add, struct berth_image_record *record,
		     struct berth_image_record *there, GError **error)
{
	bool chosen = add->packed || (add->annotations && g_hash_table_size(add->annotations) > 0);
	GError *failure = NULL;

	if (!g_str_equal(there->manifest, record->manifest) && (chosen || is_annotated(images, there->manifest))) {
		g_autofree char *foreign = foreign_repository(transaction, id, add->names, &failure);
		if (failure) {
			g_propagate_error(error, failure);
			return false;
		}
		if (!foreign)
			return berth_image_record_put(transaction, id, record, error);
		if (chosen)
			return berth_error_set(error, BERTH_ERROR_CONFLICT,
					       "the image is the same as %s, whose manifest stays as it is: change the "
					       "image (a LABEL is enough), or bring it out with type=registry or "
					       "type=oci",
					       foreign);
	}
	char *own = record->manifest;
	record->manifest = there->manifest;
	there->manifest = own;
	return true;
}

// record->manifest is what the image has then.
static bool record(struct berth_images *images, const char *id, const struct berth_image_add *add,
		   struct berth_image_record *record, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);
	GError *failure = NULL;

	BERTH_FAILPOINT("image.add.recording");
	if (!transaction)
		return false;
	g_autoptr(berth_image_record) there = berth_image_record_get(transaction, id, &failure);
	if (!there && !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_propagate_error(error, failure);
		return false;
	}
	g_clear_error(&failure);
	if (!(there ? exchange(images, transaction, id, add, record, there, error)
		    : berth_image_record_put(transaction, id, record, error)))
		return false;
	for (char *const *name = add->names; name && *name; name++) {
		g_autofree char *familiar = berth_image_familiar(*name);
		if (!berth_tag_record_put(transaction, *name, id, error) ||
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
	char *manifest = berth_image_manifest_put(images, id, add->layers, add->annotations, error);
	if (!manifest)
		return NULL;
	berth_lease_add(add->lease, BERTH_RECORD_BLOB, manifest);
	BERTH_FAILPOINT("image.add.written");
	g_autoptr(berth_image_record) made = berth_image_record_new(add->image, manifest, copy_layers(add->layers));
	if (!record(images, id, add, made, error))
		return NULL;
	if (ret_manifest)
		*ret_manifest = g_strdup(made->manifest);
	return g_steal_pointer(&id);
}
