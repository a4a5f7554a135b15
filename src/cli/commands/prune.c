// SPDX-License-Identifier: Apache-2.0
// `container prune`, `image prune`, `network prune`, `volume prune` and `system prune`.
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/units.h"
#include "spec/api-image.h"

#include <stdio.h>
#include <string.h>

struct options {
	bool all, force, volumes;
	char **filters;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag container_flags[] = {
	{"filter", 0, BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"until=<timestamp>\")"},
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Do not prompt for confirmation"},
	{0},
};
static const struct berth_flag image_flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Remove all unused images, not just dangling ones"},
	{"filter", 0, BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"until=<timestamp>\")"},
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Do not prompt for confirmation"},
	{0},
};
static const struct berth_flag network_flags[] = {
	{"filter", 0, BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"until=<timestamp>\")"},
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Do not prompt for confirmation"},
	{0},
};
static const struct berth_flag volume_flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Remove all unused volumes, not just anonymous ones"},
	{"filter", 0, BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"label=<label>\")"},
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Do not prompt for confirmation"},
	{0},
};
static const struct berth_flag system_flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Remove all unused images not just dangling ones"},
	{"filter", 0, BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"label=<key>=<value>\")"},
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Do not prompt for confirmation"},
	{"volumes", 0, BERTH_FLAG_SWITCH, AT(volumes), NULL, "Prune anonymous volumes"},
	{0},
};

struct builder_options {
	bool all, force;
	char **filters;
	int64_t keep, reserved, max_used, min_free;
};
#undef AT
#define AT(member) offsetof(struct builder_options, member)
static const struct berth_flag builder_flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Remove all unused build cache, not just dangling ones"},
	{"filter", 0, BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"until=24h\")"},
	{"force", 'f', BERTH_FLAG_SWITCH, AT(force), NULL, "Do not prompt for confirmation"},
	{"keep-storage", 0, BERTH_FLAG_BYTES, AT(keep), NULL, "Amount of disk space to keep for cache"},
	{"max-used-space", 0, BERTH_FLAG_BYTES, AT(max_used), NULL,
	 "Maximum amount of disk space allowed to keep for cache"},
	{"min-free-space", 0, BERTH_FLAG_BYTES, AT(min_free), NULL, "Target amount of free disk space after pruning"},
	{"reserved-space", 0, BERTH_FLAG_BYTES, AT(reserved), NULL,
	 "Amount of disk space always allowed to keep for cache"},
	{0},
};
#undef AT

static struct api_prune_report *prune(struct berth_cli *cli, const char *what, char *const *filters, GError **error)
{
	g_autoptr(GString) path = berth_path_new(what, NULL, false);

	if (!berth_path_add_filters(path, filters, error))
		return NULL;
	return berth_client_document(cli->client, "POST", path->str, NULL, &api_prune_report_document, error);
}

static bool prune_containers(struct berth_cli *cli, const struct options *options, int64_t *total, GError **error)
{
	g_autoptr(api_prune_report) report = prune(cli, "/containers/prune", options->filters, error);

	if (!report)
		return false;
	if (report->containers_deleted && report->containers_deleted[0]) {
		puts("Deleted Containers:");
		for (char **id = report->containers_deleted; *id; id++)
			puts(*id);
		puts("");
	}
	*total += report->space_reclaimed;
	return true;
}

static bool prune_images(struct berth_cli *cli, const struct options *options, int64_t *total, GError **error)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	if (options->filters)
		g_strv_builder_addv(builder, (const char **) (uintptr_t) options->filters);
	g_strv_builder_add(builder, options->all ? "dangling=false" : "dangling=true");
	g_auto(GStrv) filters = g_strv_builder_end(builder);
	g_autoptr(api_prune_report) report = prune(cli, "/images/prune", filters, error);
	if (!report)
		return false;
	if (report->images_deleted && report->images_deleted->len > 0) {
		puts("Deleted Images:");
		for (guint i = 0; i < report->images_deleted->len; i++) {
			const struct api_image_deleted *entry = report->images_deleted->pdata[i];
			if (entry->untagged && *entry->untagged)
				printf("untagged: %s\n", entry->untagged);
			if (entry->deleted && *entry->deleted)
				printf("deleted: %s\n", entry->deleted);
		}
		puts("");
	}
	*total += report->space_reclaimed;
	return true;
}

// What networks and volumes tell has only names.
static bool prune_named(struct berth_cli *cli, const char *what, const char *member, const char *title,
			char *const *filters, int64_t *total, GError **error)
{
	g_autoptr(GString) path = berth_path_new(what, NULL, false);

	if (!berth_path_add_filters(path, filters, error))
		return false;
	BERTH_AUTO_JSON json_t *report = berth_client_json(cli->client, "POST", path->str, NULL, error);
	const json_t *names = json_object_get(report, member), *name;
	size_t i;
	if (!report)
		return false;
	if (json_array_size(names) > 0) {
		printf("Deleted %s:\n", title);
		json_array_foreach(names, i, name) puts(json_string_value(name));
		puts("");
	}
	*total += json_integer_value(json_object_get(report, "SpaceReclaimed"));
	return true;
}

static bool prune_networks(struct berth_cli *cli, const struct options *options, int64_t *total, GError **error)
{
	return prune_named(cli, "/networks/prune", "NetworksDeleted", "Networks", options->filters, total, error);
}

static bool prune_volumes(struct berth_cli *cli, const struct options *options, bool all, int64_t *total,
			  GError **error)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	if (options->filters)
		g_strv_builder_addv(builder, (const char **) (uintptr_t) options->filters);
	if (all)
		g_strv_builder_add(builder, "all=true");
	g_auto(GStrv) filters = g_strv_builder_end(builder);
	return prune_named(cli, "/volumes/prune", "VolumesDeleted", "Volumes", filters, total, error);
}

static bool prune_builds(struct berth_cli *cli, const struct builder_options *options, int64_t *total, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/build/prune", NULL, false);
	const json_t *id;
	size_t i;

	berth_path_add_switch(path, "all", options->all);
	if (options->keep > 0)
		berth_path_add_integer(path, "keep-storage", options->keep);
	if (options->reserved > 0)
		berth_path_add_integer(path, "reserved-space", options->reserved);
	if (options->max_used > 0)
		berth_path_add_integer(path, "max-used-space", options->max_used);
	if (options->min_free > 0)
		berth_path_add_integer(path, "min-free-space", options->min_free);
	if (!berth_path_add_filters(path, options->filters, error))
		return false;
	BERTH_AUTO_JSON json_t *report = berth_client_json(cli->client, "POST", path->str, NULL, error);
	if (!report)
		return false;
	const json_t *deleted = json_object_get(report, "CachesDeleted");
	if (json_array_size(deleted) > 0)
		puts("Deleted build cache objects:");
	json_array_foreach(deleted, i, id) puts(json_string_value(id));
	if (json_array_size(deleted) > 0)
		puts("");
	*total += json_integer_value(json_object_get(report, "SpaceReclaimed"));
	return true;
}

// `total` is read when all has been done: the order in which arguments are evaluated is open.
static int end(bool fine, const int64_t *total)
{
	g_autofree char *size = berth_size_format(*total, false);

	if (fine)
		printf("Total reclaimed space: %s\n", size);
	return fine ? 0 : 1;
}

static bool agreed(const struct options *options, const char *warning)
{
	g_autofree char *question = g_strconcat("WARNING! ", warning, "\nAre you sure you want to continue?", NULL);

	return options->force || berth_cli_confirm(question);
}

static int container_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	int64_t total = 0;

	if (!agreed(options, "This will remove all stopped containers."))
		return 0;
	return end(prune_containers(cli, options, &total, error), &total);
}

static int image_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	int64_t total = 0;

	if (!agreed(options, options->all ? "This will remove all images without at least one container associated to "
					    "them."
					  : "This will remove all dangling images."))
		return 0;
	return end(prune_images(cli, options, &total, error), &total);
}

static int network_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	int64_t total = 0;

	if (!agreed(data, "This will remove all custom networks not used by at least one container."))
		return 0;
	return prune_networks(cli, data, &total, error) ? 0 : 1;
}

static int volume_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	int64_t total = 0;

	if (!agreed(options, options->all ? "This will remove all local volumes not used by at least one container."
					  : "This will remove anonymous local volumes not used by at least one "
					    "container."))
		return 0;
	return end(prune_volumes(cli, options, options->all, &total, error), &total);
}

static int system_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	int64_t total = 0;

	for (char **filter = options->filters; options->volumes && filter && *filter; filter++)
		if (g_str_has_prefix(*filter, "until=")) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"The \"until\" filter is not supported with \"--volumes\"");
			return 1;
		}
	g_autofree char *warning =
		g_strconcat("This will remove:\n  - all stopped containers\n  - all networks not used by at least one "
			    "container\n",
			    options->volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
			    options->all ? "  - all images without at least one container associated to them\n"
					 : "  - all dangling images\n",
			    options->all ? "  - all build cache\n" : "  - unused build cache\n", NULL);
	if (!agreed(options, warning))
		return 0;
	const struct builder_options builds = {.all = options->all, .filters = options->filters};
	return end(prune_containers(cli, options, &total, error) && prune_networks(cli, options, &total, error) &&
			   (!options->volumes || prune_volumes(cli, options, false, &total, error)) &&
			   prune_images(cli, options, &total, error) && prune_builds(cli, &builds, &total, error),
		   &total);
}

static int builder_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct builder_options *options = data;
	int64_t total = 0;

	if (!options->force && !berth_cli_confirm(options->all ? "WARNING! This will remove all build cache.\n"
								 "Are you sure you want to continue?"
							       : "WARNING! This will remove all dangling build cache.\n"
								 "Are you sure you want to continue?"))
		return 0;
	if (!prune_builds(cli, options, &total, error))
		return 1;
	g_autofree char *size = berth_size_format(total, false);
	printf("Total:\t%s\n", size);
	return 0;
}

const struct berth_command berth_command_builder_prune = {
	.arguments = "",
	.summary = "Remove build cache",
	.flags = builder_flags,
	.options_size = sizeof(struct builder_options),
	.main = builder_main,
};

const struct berth_command berth_command_container_prune = {
	.arguments = "",
	.summary = "Remove all stopped containers",
	.flags = container_flags,
	.options_size = sizeof(struct options),
	.main = container_main,
};

const struct berth_command berth_command_image_prune = {
	.arguments = "",
	.summary = "Remove unused images",
	.flags = image_flags,
	.options_size = sizeof(struct options),
	.main = image_main,
};

const struct berth_command berth_command_network_prune = {
	.arguments = "",
	.summary = "Remove all unused networks",
	.flags = network_flags,
	.options_size = sizeof(struct options),
	.main = network_main,
};

const struct berth_command berth_command_volume_prune = {
	.arguments = "",
	.summary = "Remove unused local volumes",
	.flags = volume_flags,
	.options_size = sizeof(struct options),
	.main = volume_main,
};

const struct berth_command berth_command_system_prune = {
	.arguments = "",
	.summary = "Remove unused data",
	.flags = system_flags,
	.options_size = sizeof(struct options),
	.main = system_main,
};
