// SPDX-License-Identifier: Apache-2.0
// `inspect` and `inspect` of each kind of objects.
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "spec/api-container.h"
#include "spec/api-image.h"
#include "spec/api-network.h"

#include <stdio.h>
#include <string.h>

struct options {
	char *format, *type;
	bool size, verbose;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{"size", 's', BERTH_FLAG_SWITCH, AT(size), NULL, "Display total file sizes if the type is container"},
	{"type", 0, BERTH_FLAG_TEXT, AT(type), NULL, "Only inspect objects of the given type"},
	{0},
};
static const struct berth_flag container_flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{"size", 's', BERTH_FLAG_SWITCH, AT(size), NULL, "Display total file sizes"},
	{0},
};
static const struct berth_flag image_flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	BERTH_FLAG_NO_PLATFORM,
	{0},
};
static const struct berth_flag plain_flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{0},
};

static const struct berth_flag network_flags[] = {
	{"format", 'f', BERTH_FLAG_TEXT, AT(format), NULL, BERTH_OBJECT_FORMAT_HELP},
	{"verbose", 'v', BERTH_FLAG_SWITCH, AT(verbose), NULL, "Verbose output for diagnostics"},
	{0},
};

static const struct kind {
	const char *name, *path;
	const struct berth_document *document; // NULL: shown as it is
} kinds[] = {
	{"container", "/containers/%s/json", &api_container_inspect_document},
	{"image", "/images/%s/json", &api_image_inspect_document},
	{"network", "/networks/%s", &api_network_summary_document},
	{"volume", "/volumes/%s", NULL},
	{"secret", "/berth/secrets/%s", NULL},
};

static json_t *zero_of(const struct berth_field *field)
{
	switch (field->type) {
	case BERTH_FIELD_STRING:
		return json_string("");
	case BERTH_FIELD_INT64:
	case BERTH_FIELD_UINT64:
		return json_integer(0);
	case BERTH_FIELD_BOOL:
		return json_false();
	default:
		return json_null();
	}
}

// Adds to an object what its document has and the answer left out, so that a template finds Docker's zero values.
static void complete(const struct berth_document *document, json_t *object)
{
	for (const struct berth_field *field = document->fields; field->type != BERTH_FIELD_END; field++) {
		json_t *value = json_object_get(object, field->name);
		if (field->type == BERTH_FIELD_INLINE)
			complete(field->of, object);
		else if (!value)
			json_object_set_new(object, field->name, zero_of(field));
		else if (field->type == BERTH_FIELD_OBJECT && json_is_object(value))
			complete(field->of, value);
	}
}

static json_t *find(struct berth_cli *cli, const struct kind *kind, const char *name, const struct options *options,
		    GError **error)
{
	g_autoptr(GString) path = berth_path_new(kind->path, name, strcmp(kind->name, "image") == 0);

	berth_path_add_switch(path, "size", options->size && strcmp(kind->name, "container") == 0);
	berth_path_add_switch(path, "verbose", options->verbose);
	return berth_client_json(cli->client, "GET", path->str, NULL, error);
}

// The first object of that name, of any kind or of the kind `type`.
static json_t *find_any(struct berth_cli *cli, const char *type, const char *name, const struct options *options,
			const struct kind **ret_kind, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autoptr(GError) failure = NULL;
		if (type && *type && strcmp(type, kinds[i].name) != 0)
			continue;
		json_t *object = find(cli, &kinds[i], name, options, &failure);
		*ret_kind = &kinds[i];
		if (object)
			return object;
		bool missing = g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND);
		if (!missing || (type && *type)) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return NULL;
		}
	}
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such object: %s", name);
	return NULL;
}

static int inspect(struct berth_cli *cli, const struct options *options, const char *type, char **arguments,
		   GError **error)
{
	BERTH_AUTO_JSON json_t *objects = json_array();
	g_autoptr(GString) failures = g_string_new(NULL);
	const struct kind *kind;
	int status = 0;

	for (; *arguments; arguments++) {
		g_autoptr(GError) failure = NULL;
		BERTH_AUTO_JSON json_t *object = find_any(cli, type, *arguments, options, &kind, &failure);
		if (!object) {
			bool told = g_str_has_prefix(failure->message, BERTH_CLIENT_ERROR_PREFIX);
			g_string_append_printf(failures, "%s%s\n", told ? "" : "Error: ", failure->message);
			status = 1;
		} else if (!options->format || !*options->format) {
			json_array_append(objects, object);
		} else {
			if (kind->document)
				complete(kind->document, object);
			if (!berth_object_print(options->format, object, true, error))
				return 1;
		}
	}
	if (!options->format || !*options->format)
		berth_listing_show(objects);
	fflush(stdout);
	fputs(failures->str, stderr);
	return status;
}

static int inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	bool known = !options->type || !*options->type;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		known = known || strcmp(options->type, kinds[i].name) == 0;
	if (!known) {
		berth_error_set(error, BERTH_ERROR_INVALID, "\"%s\" is not a valid value for --type", options->type);
		return 1;
	}
	return inspect(cli, options, options->type, arguments, error);
}

static int container_inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	return inspect(cli, data, "container", arguments, error);
}

static int image_inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	return inspect(cli, data, "image", arguments, error);
}

static int network_inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	return inspect(cli, data, "network", arguments, error);
}

static int volume_inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	return inspect(cli, data, "volume", arguments, error);
}

static int secret_inspect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	return inspect(cli, data, "secret", arguments, error);
}

const struct berth_command berth_command_inspect = {
	.arguments = "NAME|ID [NAME|ID...]",
	.summary = "Return low-level information on containers, images, networks, volumes and secrets",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "object",
	.main = inspect_main,
};

const struct berth_command berth_command_container_inspect = {
	.arguments = "CONTAINER [CONTAINER...]",
	.summary = "Display detailed information on one or more containers",
	.flags = container_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "container",
	.main = container_inspect_main,
};

const struct berth_command berth_command_image_inspect = {
	.arguments = "IMAGE [IMAGE...]",
	.summary = "Display detailed information on one or more images",
	.flags = image_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "image",
	.main = image_inspect_main,
};

const struct berth_command berth_command_network_inspect = {
	.arguments = "NETWORK [NETWORK...]",
	.summary = "Display detailed information on one or more networks",
	.flags = network_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "network",
	.main = network_inspect_main,
};

const struct berth_command berth_command_volume_inspect = {
	.arguments = "VOLUME [VOLUME...]",
	.summary = "Display detailed information on one or more volumes",
	.flags = plain_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "volume",
	.main = volume_inspect_main,
};

const struct berth_command berth_command_secret_inspect = {
	.arguments = "SECRET [SECRET...]",
	.summary = "Display detailed information on one or more secrets",
	.description = "Its value is not among it.",
	.flags = plain_flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = -1,
	.main = secret_inspect_main,
};
