// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/units.h"

#include <string.h>

#define TABLE "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"

struct options {
	char *format;
};

static const struct berth_flag flags[] = {
	{"format", 0, BERTH_FLAG_TEXT, offsetof(struct options, format), NULL, BERTH_LISTING_FORMAT_HELP},
	{0},
};

static const struct berth_column columns[] = {
	{"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"},
	{"Size", "SIZE"},     {"TotalCount", "TOTAL"},
	{"Type", "TYPE"},     {0},
};
static const struct berth_listing listing = {columns, NULL};

static int64_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void add_row(json_t *rows, const char *type, size_t total, size_t active, int64_t size, int64_t reclaimable)
{
	g_autofree char *shown = berth_size_format(size, false);
	g_autofree char *free_size = berth_size_format(reclaimable, false);
	g_autofree char *share = size > 0 ? g_strdup_printf("%s (%d%%)", free_size, (int) (reclaimable * 100 / size))
					  : g_steal_pointer(&free_size);
	g_autofree char *count = g_strdup_printf("%zu", total);
	g_autofree char *busy = g_strdup_printf("%zu", active);

	json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "Type", type, "TotalCount", count, "Active",
					      busy, "Size", shown, "Reclaimable", share));
}

// Layers that images share are counted once. What an image in use has to itself stays, and so does what it shares.
static void add_images(json_t *rows, const json_t *usage)
{
	const json_t *images = json_object_get(usage, "Images"), *image;
	int64_t size = number(usage, "LayersSize"), free_size = 0;
	size_t i, active = 0;

	json_array_foreach(images, i, image)
	{
		bool in_use = number(image, "Containers") > 0;
		free_size += in_use ? 0 : number(image, "Size") - MAX(number(image, "SharedSize"), 0);
		active += in_use;
	}
	// With no image in use the shared layers go, too.
	add_row(rows, "Images", json_array_size(images), active, size, active == 0 ? size : free_size);
}

static void add_containers(json_t *rows, const json_t *usage)
{
	const json_t *containers = json_object_get(usage, "Containers"), *container;
	int64_t size = 0, used = 0;
	size_t i, active = 0;

	json_array_foreach(containers, i, container)
	{
		const char *state = json_string_value(json_object_get(container, "State"));
		bool running =
			state && g_strv_contains((const char *const[]){"running", "paused", "restarting", NULL}, state);
		size += number(container, "SizeRw");
		used += running ? number(container, "SizeRw") : 0;
		active += running;
	}
	add_row(rows, "Containers", json_array_size(containers), active, size, size - used);
}

static int df_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *usage = berth_client_json(cli->client, "GET", "/system/df", NULL, error);
	BERTH_AUTO_JSON json_t *rows = json_array();

	if (!usage)
		return 1;
	add_images(rows, usage);
	add_containers(rows, usage);
	add_row(rows, "Local Volumes", json_array_size(json_object_get(usage, "Volumes")), 0, 0, 0);
	add_row(rows, "Build Cache", json_array_size(json_object_get(usage, "BuildCache")), 0, 0, 0);
	return berth_listing_print(&listing, options->format, TABLE, rows, error) ? 0 : 1;
}

const struct berth_command berth_command_df = {
	.arguments = "",
	.summary = "Show disk usage",
	.flags = flags,
	.options_size = sizeof(struct options),
	.main = df_main,
};
