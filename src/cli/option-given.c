// SPDX-License-Identifier: Apache-2.0
// What a container is given by name: CDI devices among --device, --gpus, and --secret.
#include "cli/container-options.h"

#include "base/error.h"
#include "spec/api-secret.h"

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

// Secrets

static bool set_secret_field(struct api_secret_use *use, const char *key, const char *value, GError **error)
{
	const struct {
		const char *name;
		int64_t *value;
		unsigned base;
	} numbers[] = {{"uid", &use->uid, 10}, {"gid", &use->gid, 10}, {"mode", &use->mode, 8}};

	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (strcmp(numbers[i].name, key) == 0)
			return g_ascii_string_to_signed(value, numbers[i].base, 0,
							numbers[i].base == 8 ? 07777 : G_MAXINT32, numbers[i].value,
							NULL) ||
			       berth_error_set(error, BERTH_ERROR_INVALID, "invalid %s: \"%s\"", key, value);
	if (strcmp(key, "source") == 0 || strcmp(key, "src") == 0) {
		g_free(use->source);
		use->source = g_strdup(value);
		return true;
	}
	if (strcmp(key, "target") == 0 || strcmp(key, "dst") == 0) {
		g_free(use->target);
		use->target = g_strdup(value);
		return true;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "unexpected key '%s': there are source, target, uid, gid and mode", key);
}

static bool parse_secret(const char *text, struct api_secret_use *use, GError **error)
{
	g_auto(GStrv) fields = berth_split_csv(text, error);

	for (char **field = fields; field && *field; field++) {
		char *equals = strchr(*field, '=');
		if (!equals && field != fields)
			return berth_error_set(error, BERTH_ERROR_INVALID, "'%s' is no key=value", *field);
		if (equals)
			*equals = '\0';
		if (!set_secret_field(use, equals ? *field : "source", equals ? equals + 1 : *field, error))
			return false;
	}
	return fields && ((use->source && *use->source) ||
			  berth_error_set(error, BERTH_ERROR_INVALID, "the secret's name is missing"));
}

bool berth_parse_secrets(char *const *values, GPtrArray **ret, GError **error)
{
	for (; values && *values; values++) {
		struct api_secret_use *use = berth_document_new(&api_secret_use_document);
		if (!*ret)
			*ret = berth_objects_new();
		g_ptr_array_add(*ret, use);
		if (!parse_secret(*values, use, error)) {
			g_prefix_error(error, "invalid argument \"%s\" for \"--secret\" flag: ", *values);
			return false;
		}
	}
	return true;
}
