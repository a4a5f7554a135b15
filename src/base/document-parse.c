// SPDX-License-Identifier: Apache-2.0
// Documents from JSON.
#include "base/document-internal.h"

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
	void *value = berth_document__member(field, object);

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
			if (!read_object(field->of, berth_document__member(field, object), json, at, error))
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
