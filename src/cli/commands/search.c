// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/credentials.h"
#include "cli/listing.h"
#include "cli/units.h"

#include <string.h>

#define DESCRIPTION_WIDTH 45
#define TABLE "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}"

struct options {
	char **filters, *format;
	int64_t limit;
	bool no_trunc;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"filter", 'f', BERTH_FLAG_LIST, AT(filters), "filter",
	 "Filter output: is-official=true|false, is-automated=true|false, stars=N"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"limit", 0, BERTH_FLAG_INTEGER, AT(limit), "int", "Max number of search results (1 to 100)", "25"},
	{"no-trunc", 0, BERTH_FLAG_SWITCH, AT(no_trunc), NULL, "Don't truncate output"},
	{0},
};

static const struct berth_column columns[] = {
	{"Description", "DESCRIPTION"}, {"IsAutomated", "AUTOMATED"},
	{"IsOfficial", "OFFICIAL"},     {"Name", "NAME"},
	{"StarCount", "STARS"},         {0},
};
static const struct berth_listing listing = {columns, NULL};

static json_int_t stars_of(const json_t *found)
{
	return json_integer_value(json_object_get(found, "star_count"));
}

// By stars, the most first; equal ones stay in the registry's order.
static void sort(json_t *found)
{
	for (size_t i = 1; i < json_array_size(found); i++)
		for (size_t j = i; j > 0 && stars_of(json_array_get(found, j - 1)) < stars_of(json_array_get(found, j));
		     j--) {
			json_t *before = json_incref(json_array_get(found, j - 1));
			json_array_set(found, j - 1, json_array_get(found, j));
			json_array_set_new(found, j, before);
		}
}

static const char *mark(const json_t *found, const char *name)
{
	return json_is_true(json_object_get(found, name)) ? "[OK]" : "";
}

static json_t *make_row(const json_t *found, const struct options *options)
{
	const char *name = json_string_value(json_object_get(found, "name")),
		   *text = json_string_value(json_object_get(found, "description"));
	g_autofree char *flat = g_strdelimit(g_strdup(text ? text : ""), "\t\r\n", ' ');
	g_autofree char *description = options->no_trunc ? g_strdup(flat) : berth_ellipsis(flat, DESCRIPTION_WIDTH);
	g_autofree char *stars = g_strdup_printf("%" JSON_INTEGER_FORMAT, stars_of(found));

	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "Name", name ? name : "", "Description", description, "StarCount",
			 stars, "IsOfficial", mark(found, "is_official"), "IsAutomated", mark(found, "is_automated"));
}

static json_t *ask(struct berth_cli *cli, const struct options *options, const char *term, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/images/search", NULL, false);

	berth_path_add(path, "term", term);
	berth_path_add_integer(path, "limit", options->limit);
	if (!berth_path_add_filters(path, options->filters, error))
		return NULL;
	char *auth = berth_registry_auth(cli, term);
	g_autoptr(berth_answer) answer = berth_client_call(
		cli->client, &(struct berth_call){.method = "GET", .path = path->str, .registry_auth = auth}, error);
	berth_secret_free(auth);
	return answer ? berth_answer_json(answer, error) : NULL;
}

static int search_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	BERTH_AUTO_JSON json_t *found = ask(cli, options, arguments[0], error);
	BERTH_AUTO_JSON json_t *rows = json_array();
	const json_t *one;
	size_t i;

	if (!found)
		return 1;
	sort(found);
	json_array_foreach(found, i, one) json_array_append_new(rows, make_row(one, options));
	return berth_listing_print(&listing, options->format, TABLE, rows, error) ? 0 : 1;
}

const struct berth_command berth_command_search = {
	.arguments = "TERM",
	.summary = "Search a registry for images",
	.description =
		"Docker Hub, or the registry whose host stands before the term's first slash (localhost:5000/bus), "
		"by its search or else by its catalogue.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 1,
	.max_arguments = 1,
	.listing = &listing,
	.main = search_main,
};
