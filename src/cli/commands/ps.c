// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/commands/rows.h"
#include "cli/config.h"
#include "cli/style.h"
#include "cli/units.h"
#include "spec/api-container.h"
#include "spec/api-mount.h"

#include <stdio.h>
#include <string.h>

#define COMMAND_WIDTH 20
#define MOUNT_WIDTH 15
#define TABLE "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

struct options {
	bool all, latest, no_trunc, quiet, size;
	int64_t last;
	char **filters;
	char *format;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"all", 'a', BERTH_FLAG_SWITCH, AT(all), NULL, "Show all containers (default shows just running)"},
	{"filter", 'f', BERTH_FLAG_LIST, AT(filters), "filter", "Filter output based on conditions provided"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"last", 'n', BERTH_FLAG_INTEGER, AT(last), NULL, "Show n last created containers (includes all states)", "-1",
	 BERTH_FLAG_NEGATIVE_OK},
	{"latest", 'l', BERTH_FLAG_SWITCH, AT(latest), NULL, "Show the latest created container (includes all states)"},
	{"no-trunc", 0, BERTH_FLAG_SWITCH, AT(no_trunc), NULL, "Don't truncate output"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only display container IDs"},
	{"size", 's', BERTH_FLAG_SWITCH, AT(size), NULL, "Display total file sizes"},
	{0},
};

static const struct berth_column columns[] = {
	{"Command", "COMMAND"},   {"CreatedAt", "CREATED AT"},
	{"ID", "CONTAINER ID"},   {"Image", "IMAGE"},
	{"Labels", "LABELS"},     {"LocalVolumes", "LOCAL VOLUMES"},
	{"Mounts", "MOUNTS"},     {"Names", "NAMES"},
	{"Networks", "NETWORKS"}, {"Platform", "PLATFORM"},
	{"Ports", "PORTS"},       {"RunningFor", "CREATED"},
	{"Size", "SIZE"},         {"State", "STATE"},
	{"Status", "STATUS"},     {0},
};

static const struct berth_template_method methods[] = {{"Label", berth_listing_label}, {0}};
const struct berth_listing berth_container_listing = {columns, methods, false};

static void set(json_t *row, const char *name, const char *value)
{
	json_object_set_new(row, name, json_string(value ? value : ""));
}

static void set_taken(json_t *row, const char *name, char *value)
{
	set(row, name, value);
	g_free(value);
}

static char *join_ports(const GPtrArray *ports)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; ports && i < ports->len; i++) {
		const struct api_port_summary *port = ports->pdata[i];
		g_string_append(text, text->len ? ", " : "");
		if (port->public_port)
			g_string_append_printf(text, "%s:%" G_GINT64_FORMAT "->", port->ip ? port->ip : "",
					       port->public_port);
		g_string_append_printf(text, "%" G_GINT64_FORMAT "/%s", port->private_port, port->type);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

// The names without their slash; those that links gave are shown with `all` only.
static char *join_names(char *const *names, bool all)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (; names && *names; names++) {
		const char *name = **names == '/' ? *names + 1 : *names;
		if (all || !strchr(name, '/'))
			g_string_append_printf(text, "%s%s", text->len ? "," : "", name);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *join_keys(GHashTable *map, bool values)
{
	g_autoptr(GString) text = g_string_new(NULL);
	GList *keys = map ? g_list_sort(g_hash_table_get_keys(map), (GCompareFunc) strcmp) : NULL;

	for (GList *key = keys; key; key = key->next) {
		g_string_append_printf(text, "%s%s", text->len ? "," : "", (const char *) key->data);
		if (values)
			g_string_append_printf(text, "=%s", (const char *) g_hash_table_lookup(map, key->data));
	}
	g_list_free(keys);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void set_mounts(json_t *row, const GPtrArray *mounts, bool whole)
{
	g_autoptr(GString) text = g_string_new(NULL);
	int volumes = 0;

	for (guint i = 0; mounts && i < mounts->len; i++) {
		const struct api_mount_point *mount = mounts->pdata[i];
		const char *name = mount->name && *mount->name ? mount->name : mount->source ? mount->source : "";
		g_autofree char *shown = whole ? g_strdup(name) : berth_ellipsis(name, MOUNT_WIDTH);
		g_string_append_printf(text, "%s%s", text->len ? "," : "", shown);
		volumes += mount->driver && strcmp(mount->driver, "local") == 0;
	}
	set(row, "Mounts", text->str);
	set_taken(row, "LocalVolumes", g_strdup_printf("%d", volumes));
}

static char *quote(const char *command, bool whole)
{
	g_autofree char *shown = whole ? g_strdup(command) : berth_ellipsis(command, COMMAND_WIDTH);
	g_autoptr(GString) text = g_string_new("\"");

	for (const char *at = shown; *at; at++) {
		const char *escape = *at == '"'    ? "\\\""
				     : *at == '\\' ? "\\\\"
				     : *at == '\n' ? "\\n"
				     : *at == '\t' ? "\\t"
						   : NULL;
		if (escape)
			g_string_append(text, escape);
		else
			g_string_append_c(text, *at);
	}
	g_string_append_c(text, '"');
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *size_of(const struct api_container_summary *container, bool usage)
{
	g_autofree char *own = berth_bytes_format(MAX(container->size_rw, 0));
	g_autofree char *whole = berth_bytes_format(container->size_root_fs);

	return container->size_root_fs > 0 && !usage ? g_strdup_printf("%s (virtual %s)", own, whole)
						     : g_steal_pointer(&own);
}

static const char *colour_of(const struct api_container_summary *container)
{
	static const char *const colours[][2] = {
		{"running", BERTH_GREEN}, {"paused", BERTH_YELLOW}, {"restarting", BERTH_YELLOW}, {"dead", BERTH_RED}};

	if (strstr(container->status, "(unhealthy)"))
		return BERTH_RED;
	for (size_t i = 0; container->state && i < G_N_ELEMENTS(colours); i++)
		if (strcmp(container->state, colours[i][0]) == 0)
			return colours[i][1];
	return BERTH_GREY;
}

static json_t *make_row(const struct api_container_summary *container, const struct berth_row_manner *manner,
			int64_t now)
{
	bool whole = manner->whole;
	json_t *row = json_object();
	const char *image = container->image && *container->image ? container->image : "<no image>";
	GHashTableIter iter;
	void *key, *value;

	set_taken(row, "ID", berth_id_format(container->id, whole));
	set_taken(row, "Image", g_str_has_prefix(image, "sha256:") ? berth_id_format(image, whole) : g_strdup(image));
	set_taken(row, "Command", quote(container->command ? container->command : "", whole));
	set_taken(row, "RunningFor", berth_ago_format(container->created, now));
	set_taken(row, "Ports", join_ports(container->ports));
	set_taken(row, "Status", berth_style_paint(manner->colours, colour_of(container), container->status));
	set_taken(row, "Names", join_names(container->names, whole));
	if (manner->brief)
		return row;
	set(row, "State", container->state);
	set_taken(row, "CreatedAt", berth_local_format(container->created));
	json_object_set_new(row, "Platform", json_null()); // which no engine before API 1.48 tells
	set_taken(row, "Size", size_of(container, manner->usage));
	set_taken(row, "Labels", join_keys(container->labels, true));
	set_taken(row, "Networks",
		  join_keys(container->network_settings ? container->network_settings->networks : NULL, false));
	set_mounts(row, container->mounts, whole);
	json_t *labels = json_object();
	if (container->labels) {
		g_hash_table_iter_init(&iter, container->labels);
		while (g_hash_table_iter_next(&iter, &key, &value))
			json_object_set_new(labels, key, json_string(value));
	}
	json_object_set_new(row, "labels", labels);
	return row;
}

static bool print_quiet(const json_t *containers, const struct options *options)
{
	const json_t *container;
	size_t i;

	json_array_foreach(containers, i, container)
	{
		const char *id = json_string_value(json_object_get(container, "Id"));
		g_autofree char *shown = berth_id_format(id ? id : "", options->no_trunc);
		puts(shown);
	}
	return true;
}

json_t *berth_container_rows(const json_t *containers, const struct berth_row_manner *manner, GError **error)
{
	BERTH_AUTO_JSON json_t *rows = json_array();
	const json_t *container;
	int64_t now = berth_moment_now() / 1000000000;
	size_t i;

	json_array_foreach(containers, i, container)
	{
		g_autoptr(api_container_summary) summary =
			berth_document_parse(&api_container_summary_document, container, error);
		if (!summary)
			return NULL;
		json_array_append_new(rows, make_row(summary, manner, now));
	}
	return g_steal_pointer(&rows);
}

static int ps_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct options *options = data;
	g_autoptr(GString) path = berth_path_new("/containers/json", NULL, false);
	const char *format = options->quiet ? options->format : berth_config_format(cli, "psFormat", options->format);
	bool table = berth_listing_is_table(format);
	bool brief = table && !options->size;
	bool size = options->size || (format && (strstr(format, ".Size") || strstr(format, "json .")));

	berth_path_add_switch(path, "all", options->all);
	berth_path_add_switch(path, "size", size && !(options->quiet && table));
	berth_path_add_switch(path, "brief", brief); // an engine that does not know this tells more
	if (options->latest || options->last > 0)
		berth_path_add_integer(path, "limit", options->latest ? 1 : options->last);
	if (!berth_path_add_filters(path, options->filters, error))
		return 1;
	BERTH_AUTO_JSON json_t *containers = berth_client_json(cli->client, "GET", path->str, NULL, error);
	if (!containers)
		return 1;
	if (options->quiet && table)
		return print_quiet(containers, options) ? 0 : 1;
	const struct berth_row_manner manner = {
		.whole = options->no_trunc, .brief = brief, .colours = table && berth_style_colour(cli)};
	const struct berth_listing listing = {columns, methods, options->no_trunc};
	BERTH_AUTO_JSON json_t *rows = berth_container_rows(containers, &manner, error);
	return rows && berth_listing_print(&listing, format, options->size ? TABLE "\t{{.Size}}" : TABLE, rows, error)
		       ? 0
		       : 1;
}

const struct berth_command berth_command_ps = {
	.arguments = "",
	.summary = "List containers",
	.flags = flags,
	.options_size = sizeof(struct options),
	.listing = &berth_container_listing,
	.main = ps_main,
};
