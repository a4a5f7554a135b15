// SPDX-License-Identifier: Apache-2.0
// Property names that are a document's but for the case of their letters: Go's decoder, and so dockerd, takes them.
#include "base/document.h"

static size_t count_known(const struct berth_document *document, const json_t *json)
{
	size_t count = 0;

	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++)
		if (field->type == BERTH_FIELD_INLINE)
			count += count_known(field->of, json);
		else
			count += json_object_get(json, field->name) != NULL;
	return count;
}

// How the document spells it; NULL if it has no such property.
static const char *spelling_of(const struct berth_document *document, const char *name)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++) {
		const char *found = NULL;
		if (field->type == BERTH_FIELD_INLINE)
			found = spelling_of(field->of, name);
		else if (g_ascii_strcasecmp(field->name, name) == 0)
			found = field->name;
		if (found)
			return found;
	}
	return NULL;
}

static void spell_names(const struct berth_document *document, json_t *json)
{
	g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
	const char *name;
	json_t *value;

	if (count_known(document, json) == json_object_size(json))
		return;
	json_object_foreach(json, name, value) g_ptr_array_add(others, g_strdup(name));
	for (guint i = 0; i < others->len; i++) {
		const char *spelling = spelling_of(document, others->pdata[i]);
		if (spelling && !json_object_get(json, spelling))
			json_object_set(json, spelling, json_object_get(json, others->pdata[i]));
	}
}

static void spell_elements(const struct berth_document *document, json_t *json)
{
	const char *name;
	json_t *value;
	size_t i;

	json_array_foreach(json, i, value) berth_document_spell(document, value);
	json_object_foreach(json, name, value) berth_document_spell(document, value);
}

// What is within the properties, whose names are right by now.
static void spell_values(const struct berth_document *document, json_t *json)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++) {
		json_t *value = json_object_get(json, field->name), *element;
		const char *name;

		if (field->type == BERTH_FIELD_INLINE)
			spell_values(field->of, json);
		else if (field->type == BERTH_FIELD_OBJECT)
			berth_document_spell(field->of, value);
		else if (field->type == BERTH_FIELD_OBJECTS || field->type == BERTH_FIELD_MAP_OBJECT)
			spell_elements(field->of, value);
		else if (field->type == BERTH_FIELD_MAP_OBJECTS)
			json_object_foreach(value, name, element) spell_elements(field->of, element);
	}
}

void berth_document_spell(const struct berth_document *document, json_t *json)
{
	if (!json_is_object(json))
		return;
	spell_names(document, json);
	spell_values(document, json);
}
