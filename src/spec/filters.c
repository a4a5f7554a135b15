// SPDX-License-Identifier: Apache-2.0
#include "spec/filters.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

// One filter's values: ["a", "b"], or {"a": true, "b": true} as old clients write it.
static char **read_values(const json_t *values)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	json_t *value;
	const char *key;
	size_t i;

	if (!json_is_array(values) && !json_is_object(values))
		return NULL;
	json_array_foreach(values, i, value)
	{
		if (!json_is_string(value))
			return NULL;
		g_strv_builder_add(builder, json_string_value(value));
	}
	json_object_foreach((json_t *) values, key, value)
	{
		if (!json_is_boolean(value))
			return NULL;
		if (json_is_true(value))
			g_strv_builder_add(builder, key);
	}
	return g_strv_builder_end(builder);
}

GHashTable *berth_filters_parse(const char *text, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(text, strlen(text), "filters", error);
	json_t *values;
	const char *name;

	if (!json)
		return NULL;
	if (!json_is_object(json)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter: expected an object of lists");
		return NULL;
	}
	g_autoptr(GHashTable) filters =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
	json_object_foreach(json, name, values)
	{
		char **list = read_values(values);
		if (!list) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"invalid filter '%s': expected a list of strings, or an object of true and "
					"false",
					name);
			return NULL;
		}
		g_hash_table_insert(filters, g_strdup(name), list);
	}
	return g_steal_pointer(&filters);
}

bool berth_filters_check(GHashTable *filters, const char *const *known, GError **error)
{
	GHashTableIter iter;
	void *name;

	if (!filters)
		return true;
	g_hash_table_iter_init(&iter, filters);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (!g_strv_contains(known, name))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid filter '%s'", (char *) name);
	return true;
}
