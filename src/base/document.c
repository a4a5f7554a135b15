// SPDX-License-Identifier: Apache-2.0
// The lives of documents: new ones, copies, and their ends.
#include "base/document-internal.h"

#include "base/json.h"

#include <string.h>

static void set_fallbacks(const struct berth_document *document, void *object)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++) {
		void *value = berth_document__member(field, object);
		switch (field->type) {
		case BERTH_FIELD_INT64:
			*(int64_t *) value = field->fallback;
			break;
		case BERTH_FIELD_UINT64:
			*(uint64_t *) value = (uint64_t) field->fallback;
			break;
		case BERTH_FIELD_DOUBLE:
			*(double *) value = (double) field->fallback;
			break;
		case BERTH_FIELD_TRISTATE:
			*(int *) value = (int) field->fallback;
			break;
		case BERTH_FIELD_INLINE:
			set_fallbacks(field->of, value);
			break;
		default:
			break;
		}
	}
}

void *berth_document_new(const struct berth_document *document)
{
	void *object = g_malloc0(document->size);
	set_fallbacks(document, object);
	return object;
}

static void free_objects(const struct berth_document *of, GPtrArray *objects)
{
	if (!objects)
		return;
	for (unsigned i = 0; i < objects->len; i++)
		berth_document_free(of, objects->pdata[i]);
	g_ptr_array_unref(objects);
}

static void free_map_of(const struct berth_field *field, GHashTable *map)
{
	GHashTableIter iter;
	void *value;

	if (!map)
		return;
	g_hash_table_iter_init(&iter, map);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		if (field->type == BERTH_FIELD_MAP_OBJECT)
			berth_document_free(field->of, value);
		else
			free_objects(field->of, value);
	}
	g_hash_table_unref(map);
}

static void free_field(const struct berth_field *field, void *value)
{
	switch (field->type) {
	case BERTH_FIELD_STRING:
		g_free(*(char **) value);
		break;
	case BERTH_FIELD_STRINGS:
	case BERTH_FIELD_SET:
		g_strfreev(*(char ***) value);
		break;
	case BERTH_FIELD_MAP:
		g_clear_pointer((GHashTable **) value, g_hash_table_unref);
		break;
	case BERTH_FIELD_OBJECT:
		berth_document_free(field->of, *(void **) value);
		break;
	case BERTH_FIELD_INLINE:
		berth_document_clear(field->of, value);
		break;
	case BERTH_FIELD_OBJECTS:
		free_objects(field->of, *(GPtrArray **) value);
		break;
	case BERTH_FIELD_MAP_OBJECT:
	case BERTH_FIELD_MAP_OBJECTS:
		free_map_of(field, *(GHashTable **) value);
		break;
	case BERTH_FIELD_JSON:
		json_decref(*(json_t **) value);
		break;
	default:
		break;
	}
}

void berth_document_clear(const struct berth_document *document, void *object)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++)
		free_field(field, berth_document__member(field, object));
	memset(object, 0, document->size);
	set_fallbacks(document, object);
}

void berth_document_free(const struct berth_document *document, void *object)
{
	if (!object)
		return;
	berth_document_clear(document, object);
	g_free(object);
}

void *berth_document_copy(const struct berth_document *document, const void *object)
{
	if (!object)
		return NULL;
	BERTH_AUTO_JSON json_t *json = berth_document_print(document, object, 0);
	GError *error = NULL;
	void *copy = berth_document_parse(document, json, &error);
	// What was printed from a table is read back by it, unless a required string is NULL: a programmer's mistake.
	if (!copy)
		g_error("copying a document: %s", error->message);
	return copy;
}

void berth_strings_add(char ***strings, char *string)
{
	size_t length = *strings ? g_strv_length(*strings) : 0;

	*strings = g_renew(char *, *strings, length + 2);
	(*strings)[length] = string;
	(*strings)[length + 1] = NULL;
}

GHashTable *berth_map_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

GHashTable *berth_map_copy(GHashTable *map)
{
	GHashTable *copy = berth_map_new();
	GHashTableIter iter;
	void *name, *value;

	if (!map)
		return copy;
	g_hash_table_iter_init(&iter, map);
	while (g_hash_table_iter_next(&iter, &name, &value))
		g_hash_table_insert(copy, g_strdup(name), g_strdup(value));
	return copy;
}

GPtrArray *berth_objects_new(void)
{
	return g_ptr_array_new();
}

GHashTable *berth_map_object_new(G_GNUC_UNUSED const struct berth_document *of)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}
