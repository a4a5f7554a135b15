// SPDX-License-Identifier: Apache-2.0
// Devices by request: CDI names among --device, and --gpus.
#include "cli/container-options.h"

#include "base/error.h"

#include <jansson.h>
#include <string.h>

// "vendor.com/class=name"; a path begins with a slash.
static bool is_cdi(const char *text)
{
	const char *slash = strchr(text, '/');

	return *text != '/' && slash && strchr(slash, '=');
}

static void add_request(json_t **requests, json_t *request)
{
	if (!*requests)
		*requests = json_array();
	json_array_append_new(*requests, request);
}

bool berth_parse_devices_all(char *const *values, struct api_host_config *host, GError **error)
{
	g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
	json_t *names = NULL;

	for (; values && *values; values++) {
		if (!is_cdi(*values)) {
			g_strv_builder_add(paths, *values);
			continue;
		}
		if (!names)
			names = json_array();
		json_array_append_new(names, json_string(*values));
	}
	if (names)
		add_request(&host->device_requests, json_pack("{s:s, s:o}", "Driver", "cdi", "DeviceIDs", names));
	g_auto(GStrv) rest = g_strv_builder_end(paths);
	return berth_parse_devices(rest, &host->devices, error);
}

static json_t *words(const char *text, const char *more)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", 0);
	json_t *list = json_array();

	for (char **part = parts; *part; part++)
		if (**part && (!more || strcmp(*part, more) != 0))
			json_array_append_new(list, json_string(*part));
	if (more)
		json_array_append_new(list, json_string(more));
	return list;
}

static bool parse_count(const char *text, json_t *request, GError **error)
{
	int64_t count = -1;

	if (strcmp(text, "all") != 0 && !g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, &count, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid count (%s): value must be either \"all\" or an integer", text);
	return json_object_set_new(request, "Count", json_integer(count)) == 0;
}

static bool parse_options(const char *text, json_t *request, GError **error)
{
	g_auto(GStrv) pairs = berth_split_csv(text, error);
	json_t *options = json_object();

	json_object_set_new(request, "Options", options);
	for (char **pair = pairs; pair && *pair; pair++) {
		char *equals = strchr(*pair, '=');
		if (!equals)
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid gpu option \"%s\": not key=value",
					       *pair);
		*equals = '\0';
		json_object_set_new(options, *pair, json_string(equals + 1));
	}
	return pairs != NULL;
}

static bool parse_field(const char *field, json_t *request, GError **error)
{
	const char *equals = strchr(field, '=');
	g_autofree char *key = equals ? g_strndup(field, (gsize) (equals - field)) : g_strdup("count");
	const char *value = equals ? equals + 1 : field;

	if (strcmp(key, "count") == 0)
		return parse_count(value, request, error);
	if (strcmp(key, "driver") == 0)
		return json_object_set_new(request, "Driver", json_string(value)) == 0;
	if (strcmp(key, "device") == 0)
		return json_object_set_new(request, "DeviceIDs", words(value, NULL)) == 0;
	if (strcmp(key, "capabilities") == 0) {
		json_object_set_new(request, "Capabilities", json_pack("[o]", words(value, "gpu")));
		return true;
	}
	if (strcmp(key, "options") == 0)
		return parse_options(value, request, error);
	return berth_error_set(
		error, BERTH_ERROR_INVALID,
		"unexpected key '%s' in '%s': --gpus takes count, device, driver, capabilities and options", key,
		field);
}

bool berth_parse_gpus(const char *text, json_t **requests, GError **error)
{
	if (!text)
		return true;
	g_auto(GStrv) fields = berth_split_csv(text, error);
	if (!fields)
		return false;
	json_t *request = json_pack("{s:[[s]]}", "Capabilities", "gpu");
	add_request(requests, request);
	for (char **field = fields; *field; field++)
		if (!parse_field(*field, request, error))
			return false;
	if (!json_object_get(request, "Count") && !json_object_get(request, "DeviceIDs"))
		json_object_set_new(request, "Count", json_integer(1));
	return true;
}
