// SPDX-License-Identifier: Apache-2.0
#include "image/record.h"

#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"

#include <string.h>

#define VERSION 1

static const struct berth_field layer_fields[] = {
	BERTH_STRING(struct berth_image_layer, digest, "digest", BERTH_REQUIRED),
	BERTH_STRING(struct berth_image_layer, diff_id, "diffId", BERTH_REQUIRED),
	BERTH_STRING(struct berth_image_layer, chain_id, "chainId", BERTH_REQUIRED),
	BERTH_INT64(struct berth_image_layer, size, "size", BERTH_REQUIRED),
	{0},
};
const struct berth_document berth_image_layer_document = {"image layer", sizeof(struct berth_image_layer),
							  layer_fields};

static const struct berth_field image_fields[] = {
	BERTH_INT64(struct berth_image_record, version, "version", BERTH_REQUIRED),
	BERTH_STRING(struct berth_image_record, manifest, "manifest", BERTH_REQUIRED),
	BERTH_INT64(struct berth_image_record, created, "created", 0),
	BERTH_MAP(struct berth_image_record, labels, "labels", BERTH_OMIT_EMPTY),
	BERTH_FIELD_OF(struct berth_image_record, layers, "layers", BERTH_FIELD_OBJECTS, &berth_image_layer_document,
		       BERTH_REQUIRED),
	{0},
};
const struct berth_document berth_image_record_document = {"image record", sizeof(struct berth_image_record),
							   image_fields};

static const struct berth_field tag_fields[] = {
	BERTH_INT64(struct berth_tag_record, version, "version", BERTH_REQUIRED),
	BERTH_STRING(struct berth_tag_record, image, "image", BERTH_REQUIRED),
	BERTH_INT64(struct berth_tag_record, tagged, "tagged", 0),
	{0},
};
const struct berth_document berth_tag_record_document = {"tag record", sizeof(struct berth_tag_record), tag_fields};

struct berth_image_record *berth_image_record_get(struct berth_transaction *transaction, const char *id, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_IMAGE, id, error);

	return json ? berth_document_parse(&berth_image_record_document, json, error) : NULL;
}

int64_t berth_image_record_size(const struct berth_image_record *record)
{
	int64_t size = 0;

	for (guint i = 0; i < record->layers->len; i++)
		size += ((const struct berth_image_layer *) record->layers->pdata[i])->size;
	return size;
}

const char *berth_image_record_top(const struct berth_image_record *record)
{
	const GPtrArray *layers = record->layers;

	return layers->len > 0 ? ((const struct berth_image_layer *) layers->pdata[layers->len - 1])->chain_id : NULL;
}

static bool image_exists(struct berth_transaction *transaction, const char *id, bool *ret, GError **error)
{
	GError *failure = NULL;
	json_t *json = berth_record_get(transaction, BERTH_RECORD_IMAGE, id, &failure);

	*ret = json != NULL;
	json_decref(json);
	if (failure && !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_propagate_error(error, failure);
		return false;
	}
	g_clear_error(&failure);
	return true;
}

bool berth_image_record_put(struct berth_transaction *transaction, const char *id,
			    const struct berth_image_record *record, GError **error)
{
	g_autoptr(GArray) references = g_array_new(false, false, sizeof(struct berth_reference));
	struct berth_reference config = {BERTH_RECORD_BLOB, id}, manifest = {BERTH_RECORD_BLOB, record->manifest};

	g_array_append_val(references, config);
	g_array_append_val(references, manifest);
	for (guint i = 0; i < record->layers->len; i++) {
		const struct berth_image_layer *layer = record->layers->pdata[i];
		struct berth_reference blob = {BERTH_RECORD_BLOB, layer->digest};
		g_array_append_val(references, blob);
	}
	if (berth_image_record_top(record)) {
		struct berth_reference snapshot = {BERTH_RECORD_SNAPSHOT, berth_image_record_top(record)};
		g_array_append_val(references, snapshot);
	}
	struct berth_image_record written = *record;
	written.version = VERSION;
	return berth_record_put_document(transaction, BERTH_RECORD_IMAGE, id, NULL, &berth_image_record_document,
					 &written, (const struct berth_reference *) references->data, references->len,
					 error);
}

bool berth_image_record_add(struct berth_transaction *transaction, const char *id,
			    const struct berth_image_record *record, GError **error)
{
	bool exists;

	return image_exists(transaction, id, &exists, error) &&
	       (exists || berth_image_record_put(transaction, id, record, error));
}

bool berth_tag_record_put_digest(struct berth_transaction *transaction, const char *name, const char *digest,
				 const char *id, GError **error)
{
	struct berth_tag_record record = {VERSION, (char *) id, berth_moment_now()};
	struct berth_reference references[] = {{BERTH_RECORD_IMAGE, id}, {BERTH_RECORD_BLOB, digest}};

	return berth_record_put_document(transaction, BERTH_RECORD_TAG, name, NULL, &berth_tag_record_document, &record,
					 references, digest ? 2 : 1, error);
}

bool berth_tag_record_put(struct berth_transaction *transaction, const char *name, const char *id, GError **error)
{
	return berth_tag_record_put_digest(transaction, name, NULL, id, error);
}

char *berth_tag_record_image(struct berth_transaction *transaction, const char *name, GError **error)
{
	GError *failure = NULL;
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_TAG, name, &failure);

	if (!json) {
		if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			g_error_free(failure);
		else
			g_propagate_error(error, failure);
		return NULL;
	}
	g_autoptr(berth_tag_record) record = berth_document_parse(&berth_tag_record_document, json, error);
	return record ? g_steal_pointer(&record->image) : NULL;
}

static int compare(gconstpointer left, gconstpointer right)
{
	return strcmp(*(const char *const *) left, *(const char *const *) right);
}

char **berth_image_record_names(struct berth_transaction *transaction, const char *id, GError **error)
{
	g_auto(GStrv) users = berth_record_users(transaction, BERTH_RECORD_IMAGE, id, error);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	if (!users)
		return NULL;
	for (char **user = users; *user; user++)
		if (g_str_has_prefix(*user, BERTH_RECORD_TAG " "))
			g_ptr_array_add(names, g_strdup(*user + strlen(BERTH_RECORD_TAG " ")));
	g_ptr_array_sort(names, compare);
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_steal(names, NULL);
}
