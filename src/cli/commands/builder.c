// SPDX-License-Identifier: Apache-2.0
// `builder du`, `builder ls` and `builder inspect`, and rows of the build cache.
#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/rows.h"
#include "cli/units.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ID_WIDTH 12

static const struct berth_column columns[] = {
	{"CacheType", "CACHE TYPE"},
	{"CreatedAt", "CREATED AT"},
	{"CreatedSince", "CREATED"},
	{"Description", "DESCRIPTION"},
	{"ID", "CACHE ID"},
	{"InUse", "IN USE"},
	{"LastUsedAt", "LAST USED AT"},
	{"LastUsedSince", "LAST USED"},
	{"Parent", "PARENT"},
	{"Shared", "SHARED"},
	{"Size", "SIZE"},
	{"UsageCount", "USAGE"},
	{0},
};
const struct berth_listing berth_build_cache_listing = {columns, NULL, false};

static char *ago(const char *moment)
{
	int64_t at = 0;

	return *moment && berth_moment_parse(moment, &at, NULL) ? berth_ago_format(at / 1000000000, time(NULL))
								: g_strdup("");
}

static json_t *make_row(const json_t *record, bool whole)
{
	const char *id = berth_json_member(record, "ID");
	g_autofree char *size = berth_size_format(json_integer_value(json_object_get(record, "Size")), false);
	g_autofree char *created = ago(berth_json_member(record, "CreatedAt")),
			*used = ago(berth_json_member(record, "LastUsedAt"));
	g_autofree char *count =
		g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(record, "UsageCount")));
	g_autofree char *shown = whole ? g_strdup(id) : g_strndup(id, ID_WIDTH);
	const json_t *parents = json_object_get(record, "Parents");
	const char *parent = json_string_value(json_array_get(parents, 0));

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID", shown, "CacheType",
			 berth_json_member(record, "Type"), "CreatedAt", berth_json_member(record, "CreatedAt"),
			 "CreatedSince", created, "Description", berth_json_member(record, "Description"), "InUse",
			 json_is_true(json_object_get(record, "InUse")) ? "true" : "false", "LastUsedAt",
			 berth_json_member(record, "LastUsedAt"), "LastUsedSince", used, "Parent", parent ? parent : "",
			 "Shared", json_is_true(json_object_get(record, "Shared")) ? "true" : "false", "Size", size,
			 "UsageCount", count);
}

json_t *berth_build_cache_rows(const json_t *records, bool whole)
{
	json_t *rows = json_array();
	const json_t *record;
	size_t i;

	json_array_foreach(records, i, record) json_array_append_new(rows, make_row(record, whole));
	return rows;
}

// du

struct du_options {
	char *format;
	bool verbose;
};
#define AT(member) offsetof(struct du_options, member)
static const struct berth_flag du_flags[] = {
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"verbose", 0, BERTH_FLAG_SWITCH, AT(verbose), NULL, "With whole IDs, parents and descriptions"},
	{0},
};
#undef AT

#define DU                                                                                                             \
	"{{.ID}}\t{{.CacheType}}\t{{.InUse}}\t{{.Shared}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{."      \
	"UsageCount}}"
#define DU_VERBOSE DU "\t{{.Parent}}\t{{.Description}}"

static void print_sums(const json_t *records)
{
	int64_t total = 0, shared = 0, in_use = 0;
	const json_t *record;
	size_t i;

	json_array_foreach(records, i, record)
	{
		int64_t size = json_integer_value(json_object_get(record, "Size"));
		total += size;
		shared += json_is_true(json_object_get(record, "Shared")) ? size : 0;
		in_use += json_is_true(json_object_get(record, "InUse")) ? size : 0;
	}
	g_autofree char *all = berth_size_format(total, false), *both = berth_size_format(shared, false),
			*own = berth_size_format(total - shared, false),
			*left = berth_size_format(total - in_use, false);
	printf("Shared:\t\t%s\nPrivate:\t%s\nReclaimable:\t%s\nTotal:\t\t%s\n", both, own, left, all);
}

static int du_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct du_options *options = data;
	bool table = !options->format || !*options->format || strcmp(options->format, "table") == 0;
	BERTH_AUTO_JSON json_t *usage =
		berth_client_json(cli->client, "GET", "/system/df?type=build-cache", NULL, error);
	const json_t *records = json_object_get(usage, "BuildCache");

	if (!usage)
		return 1;
	BERTH_AUTO_JSON json_t *rows = berth_build_cache_rows(records, options->verbose || !table);
	if (!berth_listing_print(&berth_build_cache_listing, options->format, options->verbose ? DU_VERBOSE : DU, rows,
				 error))
		return 1;
	if (table)
		print_sums(records);
	return 0;
}

const struct berth_command berth_command_builder_du = {
	.arguments = "",
	.summary = "Disk usage of the build cache",
	.flags = du_flags,
	.options_size = sizeof(struct du_options),
	.listing = &berth_build_cache_listing,
	.main = du_main,
};

// ls, inspect: there is one builder, the engine's own

static int list_main(struct berth_cli *cli, G_GNUC_UNUSED const void *data, G_GNUC_UNUSED char **arguments,
		     GError **error)
{
	static const struct berth_column list_columns[] = {
		{"Name", "NAME"}, {"Driver", "DRIVER"}, {"Endpoint", "ENDPOINT"}, {"Status", "STATUS"}, {0}};
	static const struct berth_listing listing = {list_columns, NULL, false};
	bool answers = berth_client_do(cli->client, "GET", "/_ping", error);

	if (!answers)
		return 1;
	BERTH_AUTO_JSON json_t *rows = json_pack("[{s:s, s:s, s:s, s:s}]", "Name", "default", "Driver", "berth",
						 "Endpoint", berth_client_host(cli->client), "Status", "running");
	return berth_listing_print(&listing, NULL, "{{.Name}}\t{{.Driver}}\t{{.Endpoint}}\t{{.Status}}", rows, error)
		       ? 0
		       : 1;
}

const struct berth_command berth_command_builder_ls = {
	.arguments = "",
	.summary = "List builders",
	.description = "There is one builder, the engine's own.",
	.main = list_main,
};

static int inspect_main(struct berth_cli *cli, G_GNUC_UNUSED const void *data, char **arguments, GError **error)
{
	if (arguments[0] && strcmp(arguments[0], "default") != 0) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND,
				"no builder \"%s\" found: there is one, \"default\", the engine's own", arguments[0]);
		return 1;
	}
	BERTH_AUTO_JSON json_t *info = berth_client_json(cli->client, "GET", "/info", NULL, error);
	if (!info)
		return 1;
	printf("Name:\t\tdefault\nDriver:\t\tberth\nEndpoint:\t%s\nStatus:\t\trunning\nVersion:\t%s\n"
	       "Platforms:\t%s/%s\nProcessors:\t%d\n",
	       berth_client_host(cli->client), berth_json_member(info, "ServerVersion"),
	       berth_json_member(info, "OSType"),
	       strcmp(berth_json_member(info, "Architecture"), "x86_64") == 0 ? "amd64"
	       : strcmp(berth_json_member(info, "Architecture"), "aarch64") == 0
		       ? "arm64"
		       : berth_json_member(info, "Architecture"),
	       (int) json_integer_value(json_object_get(info, "NCPU")));
	return 0;
}

const struct berth_command berth_command_builder_inspect = {
	.arguments = "[NAME]",
	.summary = "Inspect the builder",
	.max_arguments = 1,
	.main = inspect_main,
};
