// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/listing.h"
#include "cli/style.h"
#include "cli/units.h"
#include "spec/api-image.h"

#include <stdio.h>
#include <string.h>

#define COMMAND_WIDTH 45
#define MISSING "<missing>"
#define TABLE "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"

struct options {
	bool human, no_trunc, quiet;
	char *format;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"human", 'H', BERTH_FLAG_SWITCH, AT(human), NULL, "Print sizes and dates in human readable format", "true"},
	{"no-trunc", 0, BERTH_FLAG_SWITCH, AT(no_trunc), NULL, "Don't truncate output"},
	BERTH_FLAG_NO_PLATFORM,
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only show image IDs"},
	{0},
};

static const struct berth_column columns[] = {
	{"Comment", "COMMENT"},
	{"CreatedAt", "CREATED AT"},
	{"CreatedBy", "CREATED BY"},
	{"CreatedSince", "CREATED"},
	{"ID", "IMAGE"},
	{"Size", "SIZE"},
	{0},
};

// Whole seconds have no fraction, in Go's RFC 3339.
static char *moment_of(int64_t seconds)
{
	g_autofree char *moment = berth_moment_string(seconds * 1000000000);
	char *dot = strchr(moment, '.');

	return dot ? g_strdup_printf("%.*sZ", (int) (dot - moment), moment) : g_steal_pointer(&moment);
}

static json_t *make_row(const struct api_image_history *layer, const struct options *options, int64_t now)
{
	const char *text = layer->created_by ? layer->created_by : "";
	g_autofree char *moment = moment_of(layer->created);
	g_autofree char *since = options->human ? berth_ago_format(layer->created, now) : g_strdup(moment);
	g_autofree char *size =
		options->human ? berth_bytes_format(layer->size) : g_strdup_printf("%" G_GINT64_FORMAT, layer->size);
	g_autofree char *id =
		strcmp(layer->id, MISSING) == 0 ? g_strdup(MISSING) : berth_id_format(layer->id, options->no_trunc);
	g_autofree char *flat = g_strdelimit(berth_style_clean(text), "\t\n", ' ');
	g_autofree char *command = options->no_trunc ? g_strdup(flat) : berth_ellipsis(flat, COMMAND_WIDTH);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "ID", id, "CreatedAt", moment, "CreatedSince", since,
			 "CreatedBy", command, "Size", size, "Comment", layer->comment ? layer->comment : "");
}

static int history_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/images/%s/history", arguments[0], true);
	BERTH_AUTO_JSON json_t *history = berth_client_json(cli->client, "GET", path->str, NULL, error);
	BERTH_AUTO_JSON json_t *rows = json_array();
	int64_t now = berth_moment_now() / 1000000000;
	const json_t *layer;
	size_t i;

	if (!history)
		return 1;
	json_array_foreach(history, i, layer)
	{
		g_autoptr(api_image_history) entry = berth_document_parse(&api_image_history_document, layer, error);
		if (!entry)
			return 1;
		json_array_append_new(rows, make_row(entry, options, now));
	}
	const char *format = options->quiet ? "{{.ID}}" : options->format;
	const struct berth_listing listing = {columns, NULL, options->no_trunc};
	return berth_listing_print(&listing, format, TABLE, rows, error) ? 0 : 1;
}

static const struct berth_listing whole_listing = {columns, NULL, true};

const struct berth_command berth_command_history = {
	.arguments = "IMAGE",
	.summary = "Show the history of an image",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.completes = "image",
	.listing = &whole_listing,
	.main = history_main,
};
