// SPDX-License-Identifier: Apache-2.0
// What the parsers of options share: lists, CSV, pairs, paths.
#include "cli/container-options.h"

#include "base/error.h"

#include <string.h>

char **berth_split_csv(const char *text, GError **error)
{
	g_autoptr(GString) field = g_string_new(NULL);
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	bool quoted = false, closed = false; // within quotes; behind the closing one

	for (; *text; text++) {
		bool first = field->len == 0 && !quoted && !closed;
		if (*text == ',' && !quoted) {
			g_ptr_array_add(fields, g_strdup(field->str));
			g_string_truncate(field, 0);
			closed = false;
		} else if (*text == '"' && quoted && text[1] == '"') {
			g_string_append_c(field, *text++);
		} else if (*text == '"' && (quoted || first)) {
			closed = quoted;
			quoted = !quoted;
		} else if (closed || *text == '"') {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"a quote stands within a field that is not quoted as a whole (\"key=a,b\")");
			return NULL;
		} else {
			g_string_append_c(field, *text);
		}
	}
	if (quoted) {
		berth_error_set(error, BERTH_ERROR_INVALID, "a quote is not closed");
		return NULL;
	}
	g_ptr_array_add(fields, g_strdup(field->str));
	g_ptr_array_add(fields, NULL);
	return (char **) g_ptr_array_steal(fields, NULL);
}

char **berth_split_values(char *const *values)
{
	char **list = NULL;

	for (; values && *values; values++) {
		g_auto(GStrv) parts = g_strsplit(*values, ",", -1);
		for (char **part = parts; *part; part++)
			if (**part)
				berth_strings_add(&list, g_strdup(*part));
	}
	return list;
}

bool berth_parse_pair(void *data, const char *line, GError **error)
{
	GHashTable **map = data;
	const char *equals = strchr(line, '=');
	size_t length = equals ? (size_t) (equals - line) : strlen(line);

	if (length == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid label '%s': empty name", line);
	if (!*map)
		*map = berth_map_new();
	g_hash_table_insert(*map, g_strndup(line, length), g_strdup(equals ? equals + 1 : ""));
	return true;
}

char *berth_absolute_source(const char *source)
{
	g_autofree char *folder = *source == '.' ? g_get_current_dir() : NULL;

	return folder ? g_canonicalize_filename(source, folder) : g_strdup(source);
}
