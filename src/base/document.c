// SPDX-License-Identifier: Apache-2.0
#include "base/document.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"

#include <string.h>

#define TWO_TO_64 18446744073709551616.0

// Where the parser stands, for error messages: a chain of names kept on the stack.
struct place {
	const struct place *outer;
	const char *name;
	unsigned depth;
};

static bool read_object(const struct berth_document *document, void *object, const json_t *json, const struct place *at,
			GError **error);

static char *place_name(const struct place *at)
{
	if (!at->outer)
		return g_strdup(at->name);
	g_autofree char *outer = place_name(at->outer);
	return g_strconcat(outer, ".", at->name, NULL);
}

static const char *type_name(const json_t *json)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string",
		[JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",        [JSON_NULL] = "null",
	};
	return names[json_typeof(json)];
}

static bool wrong_type(const struct place *at, const char *expected, const json_t *found, GError **error)
{
	g_autofree char *name = place_name(at);
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s: expected %s, found %s", name, expected,
			       type_name(found));
}

static void *member(const struct berth_field *field, const void *object)
{
	return (char *) object + field->offset;
}

static void set_fallbacks(const struct berth_document *document, void *object)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++) {
		void *value = member(field, object);
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

static bool read_strings(const struct berth_field *field, char ***value, const json_t *json, const struct place *at,
			 GError **error)
{
	g_autoptr(GStrvBuilder) strings = g_strv_builder_new();

	if (json_is_string(json) && (field->flags & BERTH_OR_STRING)) {
		g_strv_builder_add(strings, json_string_value(json));
	} else if (!json_is_array(json)) {
		return wrong_type(at, "an array of strings", json, error);
	}
	for (size_t i = 0; i < json_array_size(json); i++) {
		const json_t *element = json_array_get(json, i);
		if (!json_is_string(element))
			return wrong_type(at, "an array of strings", element, error);
		g_strv_builder_add(strings, json_string_value(element));
	}
	*value = g_strv_builder_end(strings);
	return true;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool read_set(char ***value, const json_t *json, const struct place *at, GError **error)
{
	if (!json_is_object(json))
		return wrong_type(at, "an object", json, error);

	char **set = g_new0(char *, json_object_size(json) + 1);
	size_t count = 0;
	for (void *i = json_object_iter((json_t *) json); i; i = json_object_iter_next((json_t *) json, i))
		set[count++] = g_strdup(json_object_iter_key(i));
	qsort(set, count, sizeof *set, compare_strings);
	*value = set;
	return true;
}

static bool read_map(GHashTable **value, const json_t *json, const struct place *at, GError **error)
{
	if (!json_is_object(json))
		return wrong_type(at, "an object", json, error);

	*value = berth_map_new();
	for (void *i = json_object_iter((json_t *) json); i; i = json_object_iter_next((json_t *) json, i)) {
		const struct place here = {at, json_object_iter_key(i), at->depth};
		const json_t *element = json_object_iter_value(i);
		if (!json_is_string(element))
			return wrong_type(&here, "a string", element, error);
		g_hash_table_insert(*value, g_strdup(here.name), g_strdup(json_string_value(element)));
	}
	return true;
}

static void *read_new_object(const struct berth_document *document, const json_t *json, const struct place *at,
			     GError **error)
{
	void *object = berth_document_new(document);
	if (!read_object(document, object, json, at, error)) {
		berth_document_free(document, object);
		return NULL;
	}
	return object;
}

static bool read_objects(const struct berth_document *of, GPtrArray **value, const json_t *json, const struct place *at,
			 GError **error)
{
	if (!json_is_array(json))
		return wrong_type(at, "an array", json, error);

	// Owned by the struct from the start: what was read so far is freed with it if a later element is wrong.
	*value = berth_objects_new();
	for (size_t i = 0; i < json_array_size(json); i++) {
		void *object = read_new_object(of, json_array_get(json, i), at, error);
		if (!object)
			return false;
		g_ptr_array_add(*value, object);
	}
	return true;
}

static bool read_map_of(const struct berth_field *field, GHashTable **value, const json_t *json, const struct place *at,
			GError **error)
{
	if (!json_is_object(json))
		return wrong_type(at, "an object", json, error);

	*value = berth_map_object_new(field->of);
	for (void *i = json_object_iter((json_t *) json); i; i = json_object_iter_next((json_t *) json, i)) {
		const struct place here = {at, json_object_iter_key(i), at->depth};
		const json_t *element = json_object_iter_value(i);
		void *object = NULL;
		bool good = true;

		if (json_is_null(element)) {
			// Kept as NULL: Docker writes {"80/tcp": null} for a port that is exposed and not published.
		} else if (field->type == BERTH_FIELD_MAP_OBJECT) {
			object = read_new_object(field->of, element, &here, error);
			good = object != NULL;
		} else {
			good = read_objects(field->of, (GPtrArray **) &object, element, &here, error);
		}
		g_hash_table_insert(*value, g_strdup(here.name), object);
		if (!good)
			return false;
	}
	return true;
}

static bool read_unsigned(uint64_t *value, const json_t *json, const struct place *at, GError **error)
{
	double real = json_real_value(json);

	// Integers over INT64_MAX arrive as reals (base/json.c).
	if (json_is_integer(json) && json_integer_value(json) >= 0)
		*value = (uint64_t) json_integer_value(json);
	else if (json_is_real(json) && real >= (double) INT64_MAX)
		*value = real >= TWO_TO_64 ? UINT64_MAX : (uint64_t) real;
	else if (json_is_integer(json)) {
		g_autofree char *name = place_name(at);
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: must not be negative", name);
	} else
		return wrong_type(at, "an integer", json, error);
	return true;
}

static bool read_number(const struct berth_field *field, void *value, const json_t *json, const struct place *at,
			GError **error)
{
	if (field->type == BERTH_FIELD_DOUBLE) {
		if (!json_is_number(json))
			return wrong_type(at, "a number", json, error);
		*(double *) value = json_number_value(json);
		return true;
	}
	if (field->type == BERTH_FIELD_UINT64)
		return read_unsigned(value, json, at, error);
	if (!json_is_integer(json))
		return wrong_type(at, "an integer", json, error);
	*(int64_t *) value = json_integer_value(json);
	return true;
}

static bool read_field(const struct berth_field *field, void *object, const json_t *json, const struct place *at,
		       GError **error)
{
	void *value = member(field, object);

	switch (field->type) {
	case BERTH_FIELD_STRING:
		if (!json_is_string(json))
			return wrong_type(at, "a string", json, error);
		*(char **) value = g_strdup(json_string_value(json));
		return true;
	case BERTH_FIELD_INT64:
	case BERTH_FIELD_UINT64:
	case BERTH_FIELD_DOUBLE:
		return read_number(field, value, json, at, error);
	case BERTH_FIELD_BOOL:
	case BERTH_FIELD_TRISTATE:
		if (!json_is_boolean(json))
			return wrong_type(at, "true or false", json, error);
		if (field->type == BERTH_FIELD_BOOL)
			*(bool *) value = json_is_true(json);
		else
			*(int *) value = json_is_true(json);
		return true;
	case BERTH_FIELD_STRINGS:
		return read_strings(field, value, json, at, error);
	case BERTH_FIELD_SET:
		return read_set(value, json, at, error);
	case BERTH_FIELD_MAP:
		return read_map(value, json, at, error);
	case BERTH_FIELD_OBJECT:
		*(void **) value = read_new_object(field->of, json, at, error);
		return *(void **) value != NULL;
	case BERTH_FIELD_OBJECTS:
		return read_objects(field->of, value, json, at, error);
	case BERTH_FIELD_MAP_OBJECT:
	case BERTH_FIELD_MAP_OBJECTS:
		return read_map_of(field, value, json, at, error);
	case BERTH_FIELD_JSON:
		*(json_t **) value = json_incref((json_t *) json);
		return true;
	case BERTH_FIELD_INLINE:
	case BERTH_FIELD_END:
		break;
	}
	g_assert_not_reached();
}

static bool knows_property(const struct berth_document *document, const char *name)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++)
		if (field->type == BERTH_FIELD_INLINE ? knows_property(field->of, name) : !strcmp(field->name, name))
			return true;
	return false;
}

static bool refuse_unknown(const struct berth_document *document, const json_t *json, const struct place *at,
			   GError **error)
{
	for (void *i = json_object_iter((json_t *) json); i; i = json_object_iter_next((json_t *) json, i)) {
		const struct place here = {at, json_object_iter_key(i), at->depth};
		if (knows_property(document, here.name))
			continue;
		g_autofree char *name = place_name(&here);
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: is not a known property", name);
	}
	return true;
}

static bool read_object(const struct berth_document *document, void *object, const json_t *json, const struct place *at,
			GError **error)
{
	if (!json_is_object(json))
		return wrong_type(at, "an object", json, error);
	if (at->depth > BERTH_LIMIT_DOCUMENT_DEPTH)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: nested deeper than %d", at->name,
				       BERTH_LIMIT_DOCUMENT_DEPTH);
	if (document->strict && !refuse_unknown(document, json, at, error))
		return false;

	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++) {
		const struct place here = {at, field->name, at->depth + 1};

		if (field->type == BERTH_FIELD_INLINE) {
			if (!read_object(field->of, member(field, object), json, at, error))
				return false;
			continue;
		}
		const json_t *value = json_object_get(json, field->name);
		if (value && !json_is_null(value)) {
			if (!read_field(field, object, value, &here, error))
				return false;
		} else if (field->flags & BERTH_REQUIRED) {
			g_autofree char *name = place_name(&here);
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s: is required", name);
		}
	}
	return true;
}

void *berth_document_parse(const struct berth_document *document, const json_t *json, GError **error)
{
	return read_new_object(document, json, &(struct place){NULL, document->name, 0}, error);
}

void *berth_document_parse_text(const struct berth_document *document, const char *text, size_t length,
				const char *what, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(text, length, what, error);
	if (!json)
		return NULL;
	void *object = berth_document_parse(document, json, error);
	if (!object && !g_str_equal(what, document->name))
		g_prefix_error(error, "%s: ", what);
	return object;
}

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
		json_object_set_new(object, *strings, json_object());
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
		json_object_set_new(object, key->data, json);
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
	const void *value = member(field, object);

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
			print_fields(field->of, member(field, object), version, json);
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
		free_field(field, member(field, object));
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
