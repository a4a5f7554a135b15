// SPDX-License-Identifier: Apache-2.0
// `volume create`, `volume ls`, `volume rm` and `volume clone`.
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/rows.h"
#include "cli/config.h"
#include "cli/units.h"

#include <stdio.h>
#include <string.h>

#define CLUSTER "volumes of a cluster"

struct create_options {
	char **labels, **options;
	char *driver, *name, *size;
};

#define AT(member) offsetof(struct create_options, member)
static const struct berth_flag create_flags[] = {
	{"driver", 'd', BERTH_FLAG_TEXT, AT(driver), NULL, "Specify volume driver name", "local"},
	{"label", 0, BERTH_FLAG_LIST, AT(labels), NULL, "Set metadata for a volume"},
	{"name", 0, BERTH_FLAG_TEXT, AT(name), NULL, "Specify volume name", .flags = BERTH_FLAG_HIDDEN},
	{"opt", 'o', BERTH_FLAG_LIST, AT(options), "map",
	 "Set driver specific options (type, device, o, size, uid, gid, mode of the driver local)"},
	BERTH_FLAG_NOT_HERE("availability", BERTH_FLAG_TEXT, CLUSTER),
	BERTH_FLAG_NOT_HERE("group", BERTH_FLAG_TEXT, CLUSTER),
	BERTH_FLAG_NOT_HERE("limit-bytes", BERTH_FLAG_BYTES, CLUSTER),
	BERTH_FLAG_NOT_HERE("required-bytes", BERTH_FLAG_BYTES, CLUSTER),
	BERTH_FLAG_NOT_HERE("scope", BERTH_FLAG_TEXT, CLUSTER),
	BERTH_FLAG_NOT_HERE("secret", BERTH_FLAG_LIST, CLUSTER),
	BERTH_FLAG_NOT_HERE("sharing", BERTH_FLAG_TEXT, CLUSTER),
	BERTH_FLAG_NOT_HERE("topology-preferred", BERTH_FLAG_LIST, CLUSTER),
	BERTH_FLAG_NOT_HERE("topology-required", BERTH_FLAG_LIST, CLUSTER),
	BERTH_FLAG_NOT_HERE("type", BERTH_FLAG_TEXT, CLUSTER),
	{0},
};
#undef AT

static int create_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct create_options *options = data;

	if (options->name && arguments[0]) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"conflicting options: cannot specify a volume name through both --name and as a "
				"positional arg");
		return 1;
	}
	const char *name = arguments[0] ? arguments[0] : options->name ? options->name : "";
	BERTH_AUTO_JSON json_t *driver_options = berth_pairs_json(options->options, "opt", true, error);
	BERTH_AUTO_JSON json_t *labels =
		driver_options ? berth_pairs_json(options->labels, "label", true, error) : NULL;
	if (!labels)
		return 1;
	BERTH_AUTO_JSON json_t *request = json_pack("{s:s, s:s, s:O, s:O}", "Name", name, "Driver", options->driver,
						    "DriverOpts", driver_options, "Labels", labels);
	if (!request) {
		berth_error_set(error, BERTH_ERROR_INVALID, "invalid volume name or driver: it is not UTF-8");
		return 1;
	}
	g_autofree char *body = berth_json_text(request);
	BERTH_AUTO_JSON json_t *created = berth_client_json(cli->client, "POST", "/volumes/create", body, error);
	if (!created)
		return 1;
	puts(json_string_value(json_object_get(created, "Name")));
	return 0;
}

const struct berth_command berth_command_volume_create = {
	.arguments = "[VOLUME]",
	.summary = "Create a volume",
	.flags = create_flags,
	.options_size = sizeof(struct create_options),
	.max_arguments = 1,
	.main = create_main,
};

struct list_options {
	char **filters;
	char *format;
	bool quiet, size;
};

#define AT(member) offsetof(struct list_options, member)
static const struct berth_flag list_flags[] = {
	BERTH_FLAG_NOT_HERE("cluster", BERTH_FLAG_SWITCH, CLUSTER),
	{"filter", 'f', BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"dangling=true\")"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only display volume names"},
	{"size", 's', BERTH_FLAG_SWITCH, AT(size), NULL,
	 "Display how much the volumes take and how many containers use "
	 "them"},
	{0},
};

static const struct berth_column columns[] = {
	{"Availability", "AVAILABILITY"},
	{"Driver", "DRIVER"},
	{"Group", "GROUP"},
	{"Labels", "LABELS"},
	{"Links", "LINKS"},
	{"Mountpoint", "MOUNTPOINT"},
	{"Name", "VOLUME NAME"},
	{"Scope", "SCOPE"},
	{"Size", "SIZE"},
	{"Status", "STATUS"},
	{0},
};
static const struct berth_template_method methods[] = {{"Label", berth_listing_label}, {0}};
const struct berth_listing berth_volume_listing = {columns, methods, false};

// What is not known of a volume is -1 or not told.
static char *size_of(const json_t *usage)
{
	const json_t *size = json_object_get(usage, "Size");

	return json_is_integer(size) && json_integer_value(size) >= 0
		       ? berth_size_format(json_integer_value(size), false)
		       : g_strdup("N/A");
}

static char *links_of(const json_t *usage)
{
	const json_t *count = json_object_get(usage, "RefCount");

	return json_is_integer(count) && json_integer_value(count) >= 0
		       ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(count))
		       : g_strdup("N/A");
}

static json_t *make_row(const json_t *volume)
{
	const json_t *usage = json_object_get(volume, "UsageData");
	g_autofree char *labels = berth_labels_text(json_object_get(volume, "Labels"));
	g_autofree char *size = size_of(usage), *links = links_of(usage);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O?}", "Name",
			 berth_json_member(volume, "Name"), "Driver", berth_json_member(volume, "Driver"), "Scope",
			 berth_json_member(volume, "Scope"), "Mountpoint", berth_json_member(volume, "Mountpoint"),
			 "Labels", labels, "Size", size, "Links", links, "Availability", "N/A", "Group", "N/A",
			 "Status", "N/A", "labels", json_object_get(volume, "Labels"));
}

json_t *berth_volume_rows(const json_t *volumes)
{
	json_t *rows = json_array();
	const json_t *volume;
	size_t i;

	json_array_foreach(volumes, i, volume) json_array_append_new(rows, make_row(volume));
	return rows;
}

static int list_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct list_options *options = data;
	g_autoptr(GString) path = berth_path_new("/volumes", NULL, false);
	const char *format =
		berth_config_list_format(cli, "volumesFormat", options->format, options->quiet, "{{.Name}}");
	const json_t *warning;
	size_t i;

	berth_path_add_switch(path, "size", options->size);
	if (!berth_path_add_filters(path, options->filters, error))
		return 1;
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "GET", path->str, NULL, error);
	if (!answer)
		return 1;
	json_array_foreach(json_object_get(answer, "Warnings"), i, warning)
		fprintf(stderr, "WARNING: %s\n", json_string_value(warning));
	json_t *volumes = json_object_get(answer, "Volumes");
	berth_listing_sort(volumes, "Name");
	BERTH_AUTO_JSON json_t *rows = berth_volume_rows(volumes);
	const char *fallback =
		options->size ? "{{.Driver}}\t{{.Name}}\t{{.Links}}\t{{.Size}}" : "{{.Driver}}\t{{.Name}}";
	return berth_listing_print(&berth_volume_listing, format, fallback, rows, error) ? 0 : 1;
}

const struct berth_command berth_command_volume_ls = {
	.arguments = "",
	.summary = "List volumes",
	.flags = list_flags,
	.options_size = sizeof(struct list_options),
	.listing = &berth_volume_listing,
	.main = list_main,
};
#undef AT

struct remove_options {
	bool force;
};

static const struct berth_flag remove_flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, offsetof(struct remove_options, force), NULL,
	 "Force the removal of one or more volumes"},
	{0},
};

static bool remove_one(struct berth_cli *cli, const void *data, const char *name, GError **error)
{
	const struct remove_options *options = data;
	g_autoptr(GString) path = berth_path_new("/volumes/%s", name, false);

	berth_path_add_switch(path, "force", options->force);
	return berth_cli_do(cli, "DELETE", path, name, error);
}

const struct berth_command berth_command_volume_rm = {
	.arguments = "VOLUME [VOLUME...]",
	.summary = "Remove one or more volumes",
	.description = "A volume that a container uses, running or not, cannot be removed.",
	.flags = remove_flags,
	.options_size = sizeof(struct remove_options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "volume",
	.each = remove_one,
};

static int clone_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/volumes/%s/clone", arguments[0], false);

	berth_path_add(path, "to", arguments[1]);
	return berth_cli_do(cli, "POST", path, arguments[1], error) ? 0 : 1;
}

const struct berth_command berth_command_volume_clone = {
	.arguments = "VOLUME NEW-VOLUME",
	.summary = "Copy a volume with all that is in it to a new one",
	.description =
		"The new volume has the driver, the options and the labels of the first, and a copy of its files; "
		"where the file system can, they share their blocks until one of them is written.",
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "volume",
	.main = clone_main,
};
