// SPDX-License-Identifier: Apache-2.0
#include "api/route.h"

#include "api/api.h"

#include <string.h>

#define VERSION_DIGITS 4

// Reads up to VERSION_DIGITS digits; NULL if there is none.
static const char *read_number(const char *text, unsigned *ret)
{
	const char *at = text;

	*ret = 0;
	for (; g_ascii_isdigit(*at) && at - text < VERSION_DIGITS; at++)
		*ret = *ret * 10 + (unsigned) (*at - '0');
	return at == text ? NULL : at;
}

void berth_route_split_version(const char *path, const char **ret_path, unsigned *ret_version)
{
	unsigned major, minor = 0;

	*ret_path = path;
	*ret_version = 0;
	if (!g_str_has_prefix(path, "/v"))
		return;
	const char *rest = read_number(path + 2, &major);
	if (rest && *rest == '.')
		rest = read_number(rest + 1, &minor);
	if (!rest || *rest != '/')
		return;
	*ret_path = rest;
	*ret_version = MAX(major * 100 + MIN(minor, 99), 1);
}

static bool match(const char *pattern, const char *path, char **ret_argument)
{
	const char *open = strchr(pattern, '{');

	*ret_argument = NULL;
	if (!open)
		return strcmp(pattern, path) == 0;
	const char *suffix = strchr(open, '}') + 1;
	bool segments = memcmp(suffix - 4, ":.*", 3) == 0;
	size_t head = (size_t) (open - pattern), tail = strlen(suffix), length = strlen(path);
	if (length <= head + tail || strncmp(pattern, path, head) != 0 || strcmp(path + length - tail, suffix) != 0)
		return false;
	// One slash may stand in front, as in names of containers.
	if (!segments && memchr(path + head + 1, '/', length - head - tail - 1))
		return false;
	*ret_argument = g_strndup(path + head, length - head - tail);
	return true;
}

const struct berth_route *berth_route_find(const struct berth_route *routes, const char *method, const char *path,
					   unsigned version, bool upgrade, char **ret_argument)
{
	*ret_argument = NULL;
	for (const struct berth_route *route = routes; route->method; route++) {
		if (strcmp(route->method, method) != 0 || ((route->flags & BERTH_ROUTE_UPGRADE) && !upgrade) ||
		    (version != 0 && version < route->since))
			continue;
		if (match(route->path, path, ret_argument))
			return route;
	}
	return NULL;
}

bool berth_route_switch(const char *text)
{
	static const char *const no[] = {"", "0", "no", "false", "none"};
	g_autofree char *word = g_strstrip(g_ascii_strdown(text, -1));

	for (size_t i = 0; i < G_N_ELEMENTS(no); i++)
		if (strcmp(word, no[i]) == 0)
			return false;
	return true;
}

void berth_api_describe(GString *out)
{
	static const char *const types[] = {
		[BERTH_PARAMETER_TEXT] = "text",       [BERTH_PARAMETER_SWITCH] = "switch",
		[BERTH_PARAMETER_INTEGER] = "integer", [BERTH_PARAMETER_LIST] = "text, repeated",
		[BERTH_PARAMETER_FILTERS] = "filters", [BERTH_PARAMETER_MOMENT] = "moment",
	};

	g_string_append(out,
			"# The API\n\n"
			"The Docker Engine API, versions " API_VERSION_MIN_TEXT " to " API_VERSION_MAX_TEXT
			". Every route exists as it is and under `/v1.xx`. Made by `berthd --describe-api`.\n\n"
			"A *switch* is false when it is empty, 0, no, false or none, and true otherwise. *Filters* are "
			"JSON, `{\"name\": [\"value\"]}`. A *moment* is a Unix time or RFC 3339.\n");
	for (const struct berth_route *route = berth_routes; route->method; route++) {
		g_string_append_printf(out, "\n## %s %s\n\n%s%s (since %u.%02u).\n", route->method, route->path,
				       route->summary,
				       route->flags & BERTH_ROUTE_UPGRADE ? ", with the header `Upgrade: tcp`" : "",
				       route->since / 100, route->since % 100);
		if (!route->query)
			continue;
		g_string_append(out, "\n| query | is | |\n|---|---|---|\n");
		for (const struct berth_parameter *parameter = route->query; parameter->name; parameter++)
			g_string_append_printf(out, "| `%s` | %s%s | %s |\n", parameter->name, types[parameter->type],
					       parameter->required ? ", required" : "", parameter->help);
	}
}
