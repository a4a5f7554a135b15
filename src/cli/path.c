// SPDX-License-Identifier: Apache-2.0
// Paths of requests with their queries.
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"

#include <string.h>

GString *berth_path_new(const char *format, const char *name, bool slashes)
{
	GString *path = g_string_new(NULL);
	const char *hole = name ? strstr(format, "%s") : NULL;

	g_string_append_len(path, format, hole ? hole - format : (gssize) strlen(format));
	if (hole) {
		g_string_append_uri_escaped(path, name, slashes ? "/:@" : ":", FALSE);
		g_string_append(path, hole + 2);
	}
	return path;
}

void berth_path_add(GString *path, const char *name, const char *value)
{
	if (!value)
		return;
	g_string_append_printf(path, "%c%s=", strchr(path->str, '?') ? '&' : '?', name);
	g_string_append_uri_escaped(path, value, NULL, FALSE);
}

void berth_path_add_switch(GString *path, const char *name, bool value)
{
	if (value)
		berth_path_add(path, name, "1");
}

void berth_path_add_integer(GString *path, const char *name, int64_t value)
{
	char text[24];

	g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
	berth_path_add(path, name, text);
}

bool berth_path_add_filters(GString *path, char *const *filters, GError **error)
{
	if (!filters || !filters[0])
		return true;
	BERTH_AUTO_JSON json_t *map = json_object();
	for (; *filters; filters++) {
		const char *equals = strchr(*filters, '=');
		if (!equals || equals == *filters)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid argument \"%s\" for \"-f, --filter\" flag: bad format of filter "
				"(expected name=value)",
				*filters);
		g_autofree char *name = g_strndup(*filters, (size_t) (equals - *filters));
		json_t *values = json_object_get(map, g_strstrip(name));
		if (!values)
			json_object_set_new(map, name, values = json_array());
		json_array_append_new(values, json_string(equals + 1));
	}
	g_autofree char *text = berth_json_text(map);
	berth_path_add(path, "filters", text);
	return true;
}
