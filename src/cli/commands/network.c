// SPDX-License-Identifier: Apache-2.0
// `network ls`, `network rm`, `network connect` and `network disconnect`.
#include "base/error.h"
#include "base/json.h"
#include "base/moment.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/config.h"
#include "cli/container-options.h"
#include "cli/listing.h"
#include "cli/units.h"

#include <stdio.h>
#include <string.h>

struct list_options {
	char **filters;
	char *format;
	bool no_trunc, quiet;
};

#define AT(member) offsetof(struct list_options, member)
static const struct berth_flag list_flags[] = {
	{"filter", 'f', BERTH_FLAG_LIST, AT(filters), "filter", "Provide filter values (e.g. \"driver=bridge\")"},
	{"format", 0, BERTH_FLAG_TEXT, AT(format), NULL, BERTH_LISTING_FORMAT_HELP},
	{"no-trunc", 0, BERTH_FLAG_SWITCH, AT(no_trunc), NULL, "Do not truncate the output"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL, "Only display network IDs"},
	{0},
};
#undef AT

static const struct berth_column columns[] = {
	{"CreatedAt", "CREATED AT"}, {"Driver", "DRIVER"}, {"ID", "NETWORK ID"}, {"IPv4", "IPV4"},   {"IPv6", "IPV6"},
	{"Internal", "INTERNAL"},    {"Labels", "LABELS"}, {"Name", "NAME"},     {"Scope", "SCOPE"}, {0},
};
static const struct berth_template_method methods[] = {{"Label", berth_listing_label}, {0}};
static const struct berth_listing listing = {columns, methods};

static const char *truth(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key)) ? "true" : "false";
}

// An engine of before API 1.48 says nothing of IPv4, which is always there then.
static json_t *make_row(const json_t *network, bool whole)
{
	g_autofree char *id = berth_id_format(berth_json_member(network, "Id"), whole);
	g_autofree char *labels = berth_labels_text(json_object_get(network, "Labels"));
	g_autofree char *created = berth_created_format(berth_json_member(network, "Created"));
	bool four =
		json_object_get(network, "EnableIPv4") == NULL || json_is_true(json_object_get(network, "EnableIPv4"));

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O?}", "ID", id, "Name",
			 berth_json_member(network, "Name"), "Driver", berth_json_member(network, "Driver"), "Scope",
			 berth_json_member(network, "Scope"), "IPv4", four ? "true" : "false", "IPv6",
			 truth(network, "EnableIPv6"), "Internal", truth(network, "Internal"), "Labels", labels,
			 "CreatedAt", created, "labels", json_object_get(network, "Labels"));
}

static int list_main(struct berth_cli *cli, const void *data, G_GNUC_UNUSED char **arguments, GError **error)
{
	const struct list_options *options = data;
	g_autoptr(GString) path = berth_path_new("/networks", NULL, false);
	const char *format =
		berth_config_list_format(cli, "networksFormat", options->format, options->quiet, "{{.ID}}");
	BERTH_AUTO_JSON json_t *rows = json_array();
	const json_t *network;
	size_t i;

	if (!berth_path_add_filters(path, options->filters, error))
		return 1;
	BERTH_AUTO_JSON json_t *networks = berth_client_json(cli->client, "GET", path->str, NULL, error);
	if (!networks)
		return 1;
	berth_listing_sort(networks, "Name");
	json_array_foreach(networks, i, network) json_array_append_new(rows, make_row(network, options->no_trunc));
	const char *fallback = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
	return berth_listing_print(&listing, format, fallback, rows, error) ? 0 : 1;
}

const struct berth_command berth_command_network_ls = {
	.arguments = "",
	.summary = "List networks",
	.flags = list_flags,
	.options_size = sizeof(struct list_options),
	.listing = &listing,
	.main = list_main,
};

struct remove_options {
	bool force;
};

static const struct berth_flag remove_flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, offsetof(struct remove_options, force), NULL,
	 "Do not error if the network does not exist"},
	{0},
};

static bool remove_one(struct berth_cli *cli, const void *data, const char *name, GError **error)
{
	const struct remove_options *options = data;
	g_autoptr(GString) path = berth_path_new("/networks/%s", name, false);
	g_autoptr(GError) failure = NULL;

	if (!berth_client_do(cli->client, "DELETE", path->str, &failure)) {
		if (options->force && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
			return true;
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	puts(name);
	return true;
}

const struct berth_command berth_command_network_rm = {
	.arguments = "NETWORK [NETWORK...]",
	.summary = "Remove one or more networks",
	.flags = remove_flags,
	.options_size = sizeof(struct remove_options),
	.min_arguments = 1,
	.max_arguments = -1,
	.completes = "network",
	.each = remove_one,
};

struct connect_options {
	char **aliases, **driver_options, **links, **link_local_ips;
	char *ip, *ip6, *mac_address;
	int64_t priority;
};

#define AT(member) offsetof(struct connect_options, member)
static const struct berth_flag connect_flags[] = {
	{"alias", 0, BERTH_FLAG_LIST, AT(aliases), "strings", "Add network-scoped alias for the container"},
	{"driver-opt", 0, BERTH_FLAG_LIST, AT(driver_options), "strings", "Driver options for the network"},
	{"gw-priority", 0, BERTH_FLAG_INTEGER, AT(priority), "int",
	 "Highest gw-priority provides the default gateway. Accepts positive and negative values",
	 .flags = BERTH_FLAG_NEGATIVE_OK},
	{"ip", 0, BERTH_FLAG_TEXT, AT(ip), NULL, "IPv4 address (e.g., \"172.30.100.104\")"},
	{"ip6", 0, BERTH_FLAG_TEXT, AT(ip6), NULL, "IPv6 address (e.g., \"2001:db8::33\")"},
	{"link", 0, BERTH_FLAG_LIST, AT(links), NULL, "Add link to another container"},
	{"link-local-ip", 0, BERTH_FLAG_LIST, AT(link_local_ips), "strings",
	 "Add a link-local address for the container"},
	{"mac-address", 0, BERTH_FLAG_TEXT, AT(mac_address), NULL, "MAC address (e.g., \"92:d0:c6:0a:29:33\")"},
	{0},
};
#undef AT

static json_t *make_endpoint(const struct connect_options *options, GError **error)
{
	g_auto(GStrv) aliases = berth_split_values(options->aliases);
	g_auto(GStrv) addresses = berth_split_values(options->link_local_ips);
	g_auto(GStrv) driver_options = berth_split_values(options->driver_options);
	g_autoptr(GHashTable) map = NULL;
	json_t *json = NULL;

	if (!berth_check_links(options->links, error))
		return NULL;
	for (char **option = driver_options; option && *option; option++)
		if (!berth_parse_driver_option(*option, &map, error))
			return NULL;
	const struct berth_network_option option = {.ip = options->ip,
						    .ip6 = options->ip6,
						    .mac_address = options->mac_address,
						    .aliases = aliases,
						    .links = options->links,
						    .link_local_ips = addresses,
						    .driver_options = map,
						    .priority = options->priority};
	g_autoptr(api_endpoint_settings) endpoint = berth_network_endpoint(&option, error);
	if (endpoint)
		json = berth_document_print(&api_endpoint_settings_document, endpoint, 0);
	return json;
}

static int post(struct berth_cli *cli, const GString *path, const json_t *request, GError **error)
{
	g_autofree char *body = berth_json_text(request);
	BERTH_AUTO_JSON json_t *answer = berth_client_json(cli->client, "POST", path->str, body, error);

	return answer ? 0 : 1;
}

static int connect_main(struct berth_cli *cli, const void *options, char **arguments, GError **error)
{
	g_autoptr(GString) path = berth_path_new("/networks/%s/connect", arguments[0], false);
	json_t *endpoint = make_endpoint(options, error);

	if (!endpoint)
		return 1;
	BERTH_AUTO_JSON json_t *request =
		json_pack("{s:s, s:o}", "Container", arguments[1], "EndpointConfig", endpoint);
	return post(cli, path, request, error);
}

const struct berth_command berth_command_network_connect = {
	.arguments = "NETWORK CONTAINER",
	.summary = "Connect a container to a network",
	.flags = connect_flags,
	.options_size = sizeof(struct connect_options),
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "network container",
	.main = connect_main,
};

static const struct berth_flag disconnect_flags[] = {
	{"force", 'f', BERTH_FLAG_SWITCH, offsetof(struct remove_options, force), NULL,
	 "Force the container to disconnect from a network"},
	{0},
};

static int disconnect_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct remove_options *options = data;
	g_autoptr(GString) path = berth_path_new("/networks/%s/disconnect", arguments[0], false);
	BERTH_AUTO_JSON json_t *request = json_pack("{s:s, s:b}", "Container", arguments[1], "Force", options->force);

	return post(cli, path, request, error);
}

const struct berth_command berth_command_network_disconnect = {
	.arguments = "NETWORK CONTAINER",
	.summary = "Disconnect a container from a network",
	.flags = disconnect_flags,
	.options_size = sizeof(struct remove_options),
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "network container",
	.main = disconnect_main,
};
