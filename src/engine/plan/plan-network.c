// SPDX-License-Identifier: Apache-2.0
// Which networks a container is on, and what it asks of each: addresses, names, links, published ports. Networks are
// named here, and looked up by who makes the container.
#include "engine/plan/plan-internal.h"

#include "base/error.h"
#include "base/limits.h"
#include "engine/network/endpoint-wanted.h"
#include "engine/network/ports.h"
#include "spec/api-network.h"

#include <string.h>

static bool is_text(const char *text)
{
	return text && *text;
}

static bool has_entries(GHashTable *table)
{
	return table && g_hash_table_size(table) > 0;
}

static bool is_default(const char *mode)
{
	return !is_text(mode) || g_str_equal(mode, "default");
}

// What goes along with another container's network, by what the request itself says.
static bool check_joined(const struct berth_plan *plan, GError **error)
{
	const struct api_container_config *config = &plan->input->create->config;
	const struct api_host_config *host = plan->host;
	const struct {
		bool given;
		const char *message;
	} table[] = {
		{is_text(config->hostname), "hostname and the network mode"},
		{berth_plan_is_set(host->links), "container type network can't be used with links. This would result "
						 "in undefined behavior"},
		{berth_plan_is_set(host->dns), "dns and the network mode"},
		{berth_plan_is_set(host->extra_hosts), "custom host-to-IP mapping and the network mode"},
		{is_text(config->mac_address), "mac-address and the network mode"},
		{has_entries(host->port_bindings) || host->publish_all_ports,
		 "port publishing and the container type network mode"},
		{berth_plan_is_set(config->exposed_ports), "port exposing and the container type network mode"},
	};

	if (!host->network_mode[strlen("container:")])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Invalid network mode: invalid container format container:<name|id>");
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].given)
			return berth_error_set(error, BERTH_ERROR_INVALID, "conflicting options: %s", table[i].message);
	return true;
}

static bool check_ports(struct berth_plan *plan, GError **error)
{
	for (char **port = plan->config->exposed_ports; port && *port; port++) {
		struct berth_port unused;
		if (!berth_port_parse(*port, &unused, error))
			return false;
	}
	return berth_port_bindings_check(plan->host->port_bindings, error);
}

// "name" or "name:alias".
static bool check_links(char *const *links, GError **error)
{
	if (links && g_strv_length((char **) links) > BERTH_LIMIT_LINKS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d links of one container",
				       BERTH_LIMIT_LINKS);
	for (; links && *links; links++) {
		const char *colon = strchr(*links, ':');
		if (!**links || colon == *links || (colon && (!colon[1] || strchr(colon + 1, ':'))) ||
		    !berth_plan_is_plain(*links) || strchr(*links, ' '))
			return berth_error_set(error, BERTH_ERROR_INVALID, "bad format for links: %s", *links);
	}
	return true;
}

// The name by which the endpoints have the mode's network; NULL: they do not. "default" is what the mode is where none
// is given.
static const char *name_of_mode(const struct berth_plan *plan, GHashTable *endpoints, const char *mode)
{
	bool is_standard = !plan->mode_given || g_str_equal(mode, "bridge");

	if (!endpoints || g_hash_table_contains(endpoints, mode))
		return endpoints ? mode : NULL;
	return is_standard && g_hash_table_contains(endpoints, "default") ? "default" : NULL;
}

static bool add_endpoint(struct berth_plan *plan, const char *name, const struct api_endpoint_settings *settings,
			 GError **error)
{
	struct berth_container_endpoint *endpoint = berth_endpoint_wanted(name, settings, error);

	if (!endpoint)
		return false;
	g_ptr_array_add(plan->record->endpoints, endpoint);
	return check_links(endpoint->links, error);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

// The networks besides the mode's, in the order of their names.
static bool add_further(struct berth_plan *plan, GHashTable *endpoints, const char *mode, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *first = name_of_mode(plan, endpoints, mode);
	bool alone = !berth_network_is_own(mode) && !g_str_equal(mode, "bridge");
	GHashTableIter iter;
	void *name;

	if (!endpoints)
		return true;
	g_hash_table_iter_init(&iter, endpoints);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (g_strcmp0(name, first) != 0)
			g_ptr_array_add(names, name);
	if (names->len > 0 && alone)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "conflicting options: cannot attach both user-defined and non-user-defined "
				       "network-modes");
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++)
		if (!add_endpoint(plan, names->pdata[i], g_hash_table_lookup(endpoints, names->pdata[i]), error))
			return false;
	return plan->record->endpoints->len <= BERTH_LIMIT_ENDPOINTS ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "more than %d networks of one container",
			       BERTH_LIMIT_ENDPOINTS);
}

// The MAC address and the links that stand beside the networks are of the mode's one.
static bool complete_first(struct berth_plan *plan, GError **error)
{
	struct berth_container_endpoint *first = plan->record->endpoints->pdata[0];
	const char *mac = plan->config->mac_address;

	if (is_text(mac) && first->mac && !g_str_equal(first->mac, mac))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"conflicting MAC addresses for the container and its network: %s and %s: say one of them", mac,
			first->mac);
	if (is_text(mac) && !first->mac && !berth_endpoint_set_mac(first, mac, error))
		return false;
	if (!first->links && berth_network_is_own(first->network_name))
		first->links = g_strdupv(plan->host->links);
	return true;
}

static bool decide_endpoints(struct berth_plan *plan, const char *mode, GError **error)
{
	const struct api_networking_config *networking = plan->input->create->networking_config;
	GHashTable *endpoints = networking ? networking->endpoints_config : NULL;

	plan->record->endpoints = berth_objects_new();
	const char *first = name_of_mode(plan, endpoints, mode);
	bool joined = g_str_has_prefix(mode, "container:");
	// Who names networks and no mode means these alone.
	bool others = !plan->mode_given && has_entries(endpoints) && !first;
	if (!joined && !others &&
	    !add_endpoint(plan, mode, first ? g_hash_table_lookup(endpoints, first) : NULL, error))
		return false;
	return add_further(plan, endpoints, mode, error) && (joined || complete_first(plan, error));
}

static void warn_discarded(struct berth_plan *plan, const char *mode)
{
	if (!has_entries(plan->host->port_bindings) && !plan->host->publish_all_ports)
		return;
	if (g_str_equal(mode, "host"))
		berth_plan_warn(plan, "Published ports are discarded when using host network mode");
	else if (g_str_equal(mode, "none"))
		berth_plan_warn(plan, "Published ports are discarded: the container has the network none.");
}

bool berth_plan_network(struct berth_plan *plan, GError **error)
{
	struct api_host_config *host = plan->host;
	const char *standard = plan->input->default_network ? plan->input->default_network : "bridge";
	plan->mode_given = plan->config->network_disabled || !is_default(host->network_mode);
	const char *mode = plan->config->network_disabled   ? "none"
			   : is_default(host->network_mode) ? standard
							    : host->network_mode;

	if (!berth_plan_is_plain(mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid network mode: has control characters");
	plan->record->network = g_strdup(mode);
	g_free(host->network_mode);
	host->network_mode = g_strdup(plan->record->network);
	mode = plan->record->network;
	if (g_str_has_prefix(mode, "container:") && !check_joined(plan, error))
		return false;
	if (g_str_equal(mode, "host") && berth_plan_is_set(host->links))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "conflicting options: host type networking can't be used with links. This "
				       "would result in undefined behavior");
	if (!check_ports(plan, error) || !check_links(host->links, error) || !decide_endpoints(plan, mode, error))
		return false;
	warn_discarded(plan, mode);
	return true;
}
