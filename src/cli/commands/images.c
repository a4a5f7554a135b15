// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/rows.h"
#include "cli/config.h"
#include "cli/units.h"
#include "spec/api-image.h"

#include <stdio.h>
#include <string.h>

#define NONE "<none>"
#define TABLE "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
#define DIGESTS "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

struct options {
	bool all, digests, no_trunc, quiet;
	char **filters;
	char *format;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Show all images (default hides intermediate images)"},
	{"digests", 0, BERTH_FLAG_SWITCH, AT(digests), NULL, "Show digests"},
	{"filter", 'f', BERTH_FLAG_LIST, AT(filters), "filter", "Filter output based on conditions provided"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"no-trunc", 0, BERTH_FLAG_SWITCH, AT(no_trunc), NULL, "Don't truncate output"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only show image IDs"},
	BERTH_FLAG_NOT_HERE("tree", BERTH_FLAG_SWITCH, "images of several platforms"),
	{0},
};

static const struct berth_column columns[] = {
	{"Containers", "CONTAINERS"},
	{"CreatedAt", "CREATED AT"},
	{"CreatedSince", "CREATED"},
	{"Digest", "DIGEST"},
	{"ID", "IMAGE ID"},
	{"Repository", "REPOSITORY"},
	{"SharedSize", "SHARED SIZE"},
	{"Size", "SIZE"},
	{"Tag", "TAG"},
	{"UniqueSize", "UNIQUE SIZE"},
	{"VirtualSize", "SIZE"},
	{0},
};
const struct berth_listing berth_image_listing = {columns, NULL, false};

static void set(json_t *row, const char *name, const char *value)
{
	json_object_set_new(row, name, json_string(value));
}

// Appends a row for one name of an image.
static void add_row(json_t *rows, const struct api_image_summary *image, const char *repository, const char *tag,
		    const char *digest, const struct berth_row_manner *manner, int64_t now)
{
	json_t *row = json_object();
	g_autofree char *id = berth_id_format(image->id, manner->whole);
	g_autofree char *at = berth_local_format(image->created);
	g_autofree char *since = berth_ago_format(image->created, now);
	g_autofree char *size = berth_bytes_format(image->size);
	g_autofree char *virtual = berth_size_format(image->size, false);
	g_autofree char *shared =
		image->shared_size < 0 ? g_strdup("N/A") : berth_size_format(image->shared_size, false);
	g_autofree char *unique =
		image->shared_size < 0 ? g_strdup("N/A") : berth_size_format(image->size - image->shared_size, false);
	g_autofree char *containers =
		image->containers < 0 ? g_strdup("N/A") : g_strdup_printf("%" G_GINT64_FORMAT, image->containers);

	set(row, "ID", id);
	set(row, "Repository", repository);
	set(row, "Tag", tag);
	set(row, "Digest", digest);
	set(row, "CreatedAt", at);
	set(row, "CreatedSince", since);
	set(row, "Size", size);
	set(row, "VirtualSize", virtual);
	set(row, "SharedSize", shared);
	set(row, "UniqueSize", unique);
	set(row, "Containers", containers);
	json_array_append_new(rows, row);
}

// The digest by which an image of this repository is known, or "<none>".
static const char *digest_of(const struct api_image_summary *image, const char *repository)
{
	size_t length = strlen(repository);

	for (char *const *name = image->repo_digests; name && *name; name++)
		if (strncmp(*name, repository, length) == 0 && (*name)[length] == '@')
			return *name + length + 1;
	return NONE;
}

static void add_rows(json_t *rows, const struct api_image_summary *image, const struct berth_row_manner *manner,
		     int64_t now)
{
	bool named = false;

	for (char *const *name = image->repo_tags; name && *name && !(named && manner->usage); name++) {
		const char *slash = strrchr(*name, '/'), *colon = strrchr(slash ? slash : *name, ':');
		g_autofree char *repository = colon ? g_strndup(*name, (size_t) (colon - *name)) : g_strdup(*name);
		add_row(rows, image, repository, colon ? colon + 1 : NONE,
			manner->usage ? "" : digest_of(image, repository), manner, now);
		named = true;
	}
	for (char *const *name = image->repo_digests; !named && name && *name; name++) {
		g_auto(GStrv) parts = g_strsplit(*name, "@", 2);
		if (parts[0] && parts[1])
			add_row(rows, image, parts[0], NONE, parts[1], manner, now);
		named = true;
	}
	if (!named)
		add_row(rows, image, NONE, NONE, NONE, manner, now);
}

json_t *berth_image_rows(const json_t *images, const struct berth_row_manner *manner, GError **error)
{
	BERTH_AUTO_JSON json_t *rows = json_array();
	int64_t now = berth_moment_now() / 1000000000;
	const json_t *image;
	size_t i;

	json_array_foreach(images, i, image)
	{
		g_autoptr(api_image_summary) summary = berth_document_parse(&api_image_summary_document, image, error);
		if (!summary)
			return NULL;
		add_rows(rows, summary, manner, now);
	}
	return g_steal_pointer(&rows);
}

static json_t *fetch(struct berth_cli *cli, const struct options *options, const char *pattern, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/images/json", NULL, false);
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	if (options->filters)
		g_strv_builder_addv(builder, (const char **) (uintptr_t) options->filters);
	if (pattern) {
		g_autofree char *reference = g_strconcat("reference=", pattern, NULL);
		g_strv_builder_add(builder, reference);
	}
	g_auto(GStrv) filters = g_strv_builder_end(builder);
	berth_path_add_switch(path, "all", options->all);
	return berth_path_add_filters(path, filters, error)
		       ? berth_client_json(cli->client, "GET", path->str, NULL, error)
		       : NULL;
}

static int images_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	const char *format = berth_config_list_format(cli, "imagesFormat", options->format, options->quiet, "{{.ID}}");
	const struct berth_row_manner manner = {.whole = options->no_trunc};
	const struct berth_listing listing = {columns, NULL, options->no_trunc};
	BERTH_AUTO_JSON json_t *images = fetch(cli, options, arguments[0], error);
	BERTH_AUTO_JSON json_t *rows = images ? berth_image_rows(images, &manner, error) : NULL;

	if (!rows)
		return 1;
	return berth_listing_print(&listing, format, options->digests ? DIGESTS : TABLE, rows, error) ? 0 : 1;
}

const struct berth_command berth_command_images = {
	.arguments = "[REPOSITORY[:TAG]]",
	.summary = "List images",
	.flags = flags,
	.options_size = sizeof(struct options),
	.max_arguments = 1,
	.completes = "image",
	.listing = &berth_image_listing,
	.main = images_main,
};
