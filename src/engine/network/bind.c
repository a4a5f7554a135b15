// SPDX-License-Identifier: Apache-2.0
// From the names in a plan's record to networks and containers that there are.
#include "engine/network/networks.h"

#include "base/error.h"
#include "engine/network/endpoint-wanted.h"

#include <string.h>

static void warn(char ***warnings, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(char ***warnings, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	berth_strings_add(warnings, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

// The container whose network is joined, by its id from here on; its host name is shared, too.
static bool bind_joined(struct berth_engine *engine, struct berth_container_record *record, GError **error)
{
	g_autoptr(berth_engine_container) other =
		berth_engine__find(engine, record->network + strlen("container:"), error);

	if (!other)
		return false;
	g_free(record->network);
	record->network = g_strconcat("container:", other->id, NULL);
	g_free(record->host_config->network_mode);
	record->host_config->network_mode = g_strdup(record->network);
	g_free(record->config->hostname);
	record->config->hostname = g_strdup(other->record->config->hostname); // it never changes
	g_free(record->config->domainname);
	record->config->domainname = g_strdup(other->record->config->domainname);
	return true;
}

static bool check_pool(const struct berth_container_endpoint *endpoint, const struct berth_network *network,
		       GError **error)
{
	if (berth_network_is_own(network->name) || (!endpoint->ipv4 && !endpoint->ipv6 && !endpoint->aliases))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s",
			       endpoint->aliases ? "network-scoped alias is supported only for containers in user "
						   "defined networks"
						 : "user specified IP address is supported on user defined networks "
						   "only");
}

// The same network twice, once by its name and once by its id: what was said of it in either place.
static bool merge(GPtrArray *endpoints, guint index, GError **error)
{
	const struct berth_container_endpoint *endpoint = endpoints->pdata[index];

	for (guint i = 0; i < index; i++) {
		struct berth_container_endpoint *other = endpoints->pdata[i];
		if (!*endpoint->network || !g_str_equal(other->network, endpoint->network))
			continue;
		if (other->aliases || other->links || other->ipv4 || other->ipv6 || other->options)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "network %s is named twice for one container", endpoint->network_name);
		endpoints->pdata[i] = (void *) endpoint;
		g_ptr_array_remove_index(endpoints, index);
		berth_container_endpoint_free(other);
		return true;
	}
	return true;
}

bool berth_engine__endpoints_bind(struct berth_engine *engine, struct berth_container_record *record, char ***warnings,
				  GError **error)
{
	GHashTable *bindings = record->host_config->port_bindings;
	bool published = (bindings && g_hash_table_size(bindings) > 0) || record->host_config->publish_all_ports;
	bool outside = !berth_engine__has_resolver(record);

	if (g_str_has_prefix(record->network, "container:"))
		return bind_joined(engine, record, error);
	for (guint i = 0; i < record->endpoints->len; i++) {
		struct berth_container_endpoint *endpoint = record->endpoints->pdata[i];
		g_autoptr(berth_engine_network) network = berth_engine__network_of(engine, endpoint, NULL);
		// One that is not there yet may be at the start, which says so if it is not.
		outside = outside || !network || !network->record->internal;
		if (!network)
			continue;
		if (!check_pool(endpoint, network->record, error))
			return false;
		g_free(endpoint->network);
		endpoint->network = g_strdup(network->record->id);
		g_free(endpoint->network_name);
		endpoint->network_name = g_strdup(network->record->name);
		guint count = record->endpoints->len;
		if (!merge(record->endpoints, i, error))
			return false;
		i -= count - record->endpoints->len;
	}
	if (published && !outside)
		warn(warnings, "Published ports are discarded: the container is on internal networks only.");
	g_autofree char *restriction = published && berth_engine__has_resolver(record)
					       ? berth_firewall_restriction(berth_networks_firewall(engine->networks))
					       : NULL;
	if (restriction)
		warn(warnings, "%s", restriction);
	g_autofree char *obstacle = published && berth_engine__has_resolver(record)
					    ? berth_firewall_obstacle(berth_networks_firewall(engine->networks))
					    : NULL;
	if (obstacle)
		warn(warnings, "Another firewall of the host stands in the way: %s", obstacle);
	return true;
}
