// SPDX-License-Identifier: Apache-2.0
// Documents to JSON.
#include "base/document-internal.h"

#include "base/json.h"

static json_t *print_string(const char *string)
{
	// What is not UTF-8 (a file's name, a variable's value) cannot stand in JSON; it is shown with replacement
	// characters rather than lost.
	json_t *json = json_string(string ? string : "");
	if (json)
		return json;
	g_autofree char *valid = g_utf8_make_valid(string, -1);
	return json_string(valid);
}

// Takes the value over.
static void set(json_t *object, const char *key, json_t *value)
{
	g_autofree char *valid = g_utf8_validate(key, -1, NULL) ? NULL : g_utf8_make_valid(key, -1);

	json_object_set_new_nocheck(object, valid ? valid : key, value);
}

static json_t *print_strings(char *const *strings)
{
	json_t *array = json_array();
	for (; strings && *strings; strings++)
		json_array_append_new(array, print_string(*strings));
	return array;
}

static json_t *print_set(char *const *strings)
{
	json_t *object = json_object();
	for (; strings && *strings; strings++)
		set(object, *strings, json_object());
	return object;
}

static json_t *print_objects(const struct berth_document *of, const GPtrArray *objects, unsigned version)
{
	json_t *array = json_array();
	for (unsigned i = 0; objects && i < objects->len; i++)
		json_array_append_new(array, berth_document_print(of, objects->pdata[i], version));
	return array;
}

static json_t *print_map(const struct berth_field *field, GHashTable *map, unsigned version)
{
	json_t *object = json_object();
	g_autoptr(GList) keys = map ? g_list_sort(g_hash_table_get_keys(map), (GCompareFunc) strcmp) : NULL;

	for (GList *key = keys; key; key = key->next) {
		const void *value = g_hash_table_lookup(map, key->data);
		json_t *json = NULL;

		if (field->type == BERTH_FIELD_MAP)
			json = print_string(value);
		else if (!value)
			json = json_null();
		else if (field->type == BERTH_FIELD_MAP_OBJECT)
			json = berth_document_print(field->of, value, version);
		else
			json = print_objects(field->of, value, version);
		set(object, key->data, json);
	}
	return object;
}

static json_t *print_unsigned(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t) value) : json_real((double) value);
}

static bool is_empty(const struct berth_field *field, const void *value)
{
	switch (field->type) {
	case BERTH_FIELD_INT64:
		return *(const int64_t *) value == field->fallback;
	case BERTH_FIELD_UINT64:
		return *(const uint64_t *) value == (uint64_t) field->fallback;
	case BERTH_FIELD_DOUBLE:
		return *(const double *) value == (double) field->fallback;
	case BERTH_FIELD_TRISTATE:
		return *(const int *) value == (int) field->fallback;
	case BERTH_FIELD_BOOL:
		return !*(const bool *) value;
	default:
		return !*(void *const *) value;
	}
}

// Returns a new reference, or NULL for a field that is left out.
static json_t *print_field(const struct berth_field *field, const void *object, unsigned version)
{
	const void *value = berth_document__member(field, object);

	if (is_empty(field, value)) {
		if (field->flags & BERTH_OMIT_EMPTY)
			return NULL;
		if (field->flags & BERTH_NULL_EMPTY)
			return json_null();
	}
	switch (field->type) {
	case BERTH_FIELD_STRING:
		return print_string(*(char *const *) value);
	case BERTH_FIELD_INT64:
		return *(const int64_t *) value == BERTH_UNSET ? json_null() : json_integer(*(const int64_t *) value);
	case BERTH_FIELD_UINT64:
		return print_unsigned(*(const uint64_t *) value);
	case BERTH_FIELD_DOUBLE:
		return json_real(*(const double *) value);
	case BERTH_FIELD_BOOL:
		return json_boolean(*(const bool *) value);
	case BERTH_FIELD_TRISTATE:
		return *(const int *) value < 0 ? json_null() : json_boolean(*(const int *) value);
	case BERTH_FIELD_STRINGS:
		return print_strings(*(char **const *) value);
	case BERTH_FIELD_SET:
		return print_set(*(char **const *) value);
	case BERTH_FIELD_OBJECT: {
		const void *inner = *(void *const *) value;
		return inner ? berth_document_print(field->of, inner, version) : json_null();
	}
	case BERTH_FIELD_OBJECTS:
		return print_objects(field->of, *(GPtrArray *const *) value, version);
	case BERTH_FIELD_MAP:
	case BERTH_FIELD_MAP_OBJECT:
	case BERTH_FIELD_MAP_OBJECTS:
		return print_map(field, *(GHashTable *const *) value, version);
	case BERTH_FIELD_JSON: {
		json_t *json = *(json_t *const *) value;
		return json ? json_deep_copy(json) : json_null(); // an object of its own, which other threads may have
	}
	case BERTH_FIELD_INLINE:
	case BERTH_FIELD_END:
		break;
	}
	g_assert_not_reached();
}

static bool in_version(const struct berth_field *field, unsigned version)
{
	return version == 0 ||
	       ((field->since == 0 || version >= field->since) && (field->until == 0 || version <= field->until));
}

static void print_fields(const struct berth_document *document, const void *object, unsigned version, json_t *json)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++) {
		if (!in_version(field, version))
			continue;
		if (field->type == BERTH_FIELD_INLINE) {
			print_fields(field->of, berth_document__member(field, object), version, json);
			continue;
		}
		json_t *value = print_field(field, object, version);
		if (value)
			json_object_set_new(json, field->name, value);
	}
}

json_t *berth_document_print(const struct berth_document *document, const void *object, unsigned version)
{
	json_t *json = json_object();
	print_fields(document, object, version, json);
	return json;
}

char *berth_document_print_text(const struct berth_document *document, const void *object, unsigned version)
{
	BERTH_AUTO_JSON json_t *json = berth_document_print(document, object, version);
	return berth_json_text(json);
}
