// SPDX-License-Identifier: Apache-2.0
// `system df`: a row for each kind of objects, or with --verbose a list of each.
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/rows.h"
#include "cli/units.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define TABLE "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"
#define IMAGES                                                                                                         \
	"{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t"         \
	"{{.Containers}}"
#define CONTAINERS                                                                                                     \
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}"
#define VOLUMES "{{.Name}}\t{{.Links}}\t{{.Size}}"
#define CACHE "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}"

struct options {
	char *format;
	bool verbose;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"verbose", 'v', BERTH_FLAG_SWITCH, AT(verbose), NULL, "Show detailed information on space usage"},
	{0},
};

static const struct berth_column columns[] = {
	{"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"},
	{"Size", "SIZE"},     {"TotalCount", "TOTAL"},
	{"Type", "TYPE"},     {0},
};
static const struct berth_listing listing = {columns, NULL, false};

struct total {
	const char *type;
	size_t count, active;
	int64_t size, reclaimable;
};

static int64_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void add_row(json_t *rows, const struct total *total)
{
	g_autofree char *shown = berth_size_format(total->size, false);
	g_autofree char *free_size = berth_size_format(total->reclaimable, false);
	g_autofree char *share = total->size > 0 ? g_strdup_printf("%s (%d%%)", free_size,
								   (int) (total->reclaimable * 100 / total->size))
						 : g_steal_pointer(&free_size);
	g_autofree char *count = g_strdup_printf("%zu", total->count);
	g_autofree char *busy = g_strdup_printf("%zu", total->active);

	json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "Type", total->type, "TotalCount", count,
					      "Active", busy, "Size", shown, "Reclaimable", share));
}

// Layers that images share are counted once. What an image in use has to itself stays, and so does what it shares.
static struct total sum_images(const json_t *usage)
{
	const json_t *images = json_object_get(usage, "Images"), *image;
	struct total total = {"Images", json_array_size(images), 0, number(usage, "LayersSize"), 0};
	size_t i;

	json_array_foreach(images, i, image)
	{
		bool in_use = number(image, "Containers") > 0;
		total.reclaimable += in_use ? 0 : number(image, "Size") - MAX(number(image, "SharedSize"), 0);
		total.active += in_use;
	}
	if (total.active == 0) // the shared layers go, too
		total.reclaimable = total.size;
	return total;
}

static struct total sum_containers(const json_t *usage)
{
	const json_t *containers = json_object_get(usage, "Containers"), *container;
	struct total total = {"Containers", json_array_size(containers), 0, 0, 0};
	size_t i;

	json_array_foreach(containers, i, container)
	{
		const char *state = json_string_value(json_object_get(container, "State"));
		bool running =
			state && g_strv_contains((const char *const[]){"running", "paused", "restarting", NULL}, state);
		total.size += number(container, "SizeRw");
		total.reclaimable += running ? 0 : number(container, "SizeRw");
		total.active += running;
	}
	return total;
}

static struct total sum_volumes(const json_t *usage)
{
	const json_t *volumes = json_object_get(usage, "Volumes"), *volume;
	struct total total = {"Local Volumes", json_array_size(volumes), 0, 0, 0};
	size_t i;

	json_array_foreach(volumes, i, volume)
	{
		const json_t *data = json_object_get(volume, "UsageData");
		int64_t size = MAX(number(data, "Size"), 0);
		bool in_use = number(data, "RefCount") > 0;
		total.size += size;
		total.reclaimable += in_use ? 0 : size;
		total.active += in_use;
	}
	return total;
}

// What images have of it stays when the cache goes.
static struct total sum_cache(const json_t *usage)
{
	const json_t *records = json_object_get(usage, "BuildCache"), *record;
	struct total total = {"Build Cache", json_array_size(records), 0, 0, 0};
	size_t i;

	json_array_foreach(records, i, record)
	{
		bool in_use = json_is_true(json_object_get(record, "InUse"));
		bool shared = json_is_true(json_object_get(record, "Shared"));
		total.size += number(record, "Size");
		total.reclaimable += in_use || shared ? 0 : number(record, "Size");
		total.active += in_use;
	}
	return total;
}

static bool print_totals(const json_t *usage, const char *format, GError **error)
{
	const struct total totals[] = {sum_images(usage), sum_containers(usage), sum_volumes(usage), sum_cache(usage)};
	BERTH_AUTO_JSON json_t *rows = json_array();

	for (size_t i = 0; i < G_N_ELEMENTS(totals); i++)
		add_row(rows, &totals[i]);
	return berth_listing_print(&listing, format, TABLE, rows, error);
}

// The columns' fields only.
static json_t *visible(const struct berth_listing *of, const json_t *rows)
{
	json_t *shown = json_array(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_t *object = json_object();
		for (const struct berth_column *column = of->columns; column->name; column++)
			json_object_set(object, column->name, json_object_get(row, column->name));
		json_array_append_new(shown, object);
	}
	return shown;
}

static bool print_lists(json_t *const rows[4], int64_t cache_size, GError **error)
{
	printf("Images space usage:\n\n");
	if (!berth_listing_print(&berth_image_listing, NULL, IMAGES, rows[0], error))
		return false;
	printf("\nContainers space usage:\n\n");
	if (!berth_listing_print(&berth_container_listing, NULL, CONTAINERS, rows[1], error))
		return false;
	printf("\nLocal Volumes space usage:\n\n");
	if (!berth_listing_print(&berth_volume_listing, NULL, VOLUMES, rows[2], error))
		return false;
	g_autofree char *size = berth_size_format(cache_size, false);
	printf("\nBuild cache usage: %s\n\n", size);
	return berth_listing_print(&berth_build_cache_listing, NULL, CACHE, rows[3], error);
}

static bool print_verbose(const json_t *usage, const char *format, GError **error)
{
	bool formatted = !berth_listing_is_table(format);
	const struct berth_row_manner manner = {.whole = formatted, .usage = true};
	BERTH_AUTO_JSON json_t *images = berth_image_rows(json_object_get(usage, "Images"), &manner, error);
	BERTH_AUTO_JSON json_t *containers =
		images ? berth_container_rows(json_object_get(usage, "Containers"), &manner, error) : NULL;
	BERTH_AUTO_JSON json_t *volumes = berth_volume_rows(json_object_get(usage, "Volumes"));
	BERTH_AUTO_JSON json_t *cache = berth_build_cache_rows(json_object_get(usage, "BuildCache"), formatted);

	if (!containers)
		return false;
	if (!formatted)
		return print_lists((json_t *const[]){images, containers, volumes, cache}, sum_cache(usage).size, error);
	BERTH_AUTO_JSON json_t *all = json_pack("{s:o, s:o, s:o, s:o}", "Images", visible(&berth_image_listing, images),
						"Containers", visible(&berth_container_listing, containers), "Volumes",
						visible(&berth_volume_listing, volumes), "BuildCache",
						visible(&berth_build_cache_listing, cache));
	return berth_object_print(format, all, true, error);
}

static int df_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *usage = berth_client_json(cli->client, "GET", "/system/df", NULL, error);

	if (!usage)
		return 1;
	return (options->verbose ? print_verbose : print_totals)(usage, options->format, error) ? 0 : 1;
}

const struct berth_command berth_command_df = {
	.arguments = "",
	.summary = "Show disk usage",
	.flags = flags,
	.options_size = sizeof(struct options),
	.listing = &listing,
	.main = df_main,
};
