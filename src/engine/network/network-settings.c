// SPDX-License-Identifier: Apache-2.0
// What the inspection and the list of containers say of networks and ports.
#include "engine/network/networks.h"

#include "base/json.h"
#include "engine/network/endpoint-wanted.h"
#include "engine/network/ports.h"
#include "spec/api-container.h"

#include <inttypes.h>
#include <string.h>

static const struct berth_endpoint *endpoint_on(const struct berth_engine_container *container,
						const struct berth_container_endpoint *wanted)
{
	const GPtrArray *endpoints = container->network ? container->network->endpoints : NULL;

	for (guint i = 0; endpoints && i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		if (g_strcmp0(endpoint->network, wanted->network) == 0 ||
		    g_strcmp0(endpoint->network_name, wanted->network_name) == 0)
			return endpoint;
	}
	return NULL;
}

// "172.18.0.2/16" into its two parts.
static char *split(const char *address, int64_t *ret_length)
{
	const char *slash = address ? strchr(address, '/') : NULL;

	*ret_length = slash ? atoi(slash + 1) : 0;
	return g_strndup(address ? address : "", address ? strcspn(address, "/") : 0);
}

static struct api_ipam_config *ipam_of(const struct berth_container_endpoint *wanted)
{
	if (!wanted->ipv4 && !wanted->ipv6)
		return NULL;
	struct api_ipam_config *ipam = berth_document_new(&api_ipam_config_document);
	ipam->ipv4_address = g_strdup(wanted->ipv4);
	ipam->ipv6_address = g_strdup(wanted->ipv6);
	return ipam;
}

static struct api_endpoint_settings *settings_of(const struct berth_container_endpoint *wanted,
						 const struct berth_endpoint *endpoint)
{
	struct api_endpoint_settings *settings = berth_document_new(&api_endpoint_settings_document);

	settings->ipam_config = ipam_of(wanted);
	settings->links = g_strdupv(wanted->links);
	settings->aliases = g_strdupv(wanted->aliases);
	settings->driver_opts = wanted->options ? berth_map_copy(wanted->options) : NULL;
	settings->gw_priority = wanted->gateway_priority;
	settings->network_id = g_strdup(wanted->network);
	settings->mac_address = g_strdup(endpoint && endpoint->mac ? endpoint->mac : wanted->mac);
	settings->ip_address = split(endpoint ? endpoint->ipv4 : NULL, &settings->ip_prefix_len);
	settings->global_ipv6_address = split(endpoint ? endpoint->ipv6 : NULL, &settings->global_ipv6_prefix_len);
	if (!endpoint)
		return settings;
	settings->endpoint_id = g_strdup(endpoint->id);
	settings->gateway = g_strdup(endpoint->gateway);
	settings->ipv6_gateway = g_strdup(endpoint->gateway6);
	settings->dns_names = g_strdupv(endpoint->names);
	return settings;
}

GHashTable *berth_engine__endpoints(const struct berth_engine_container *container)
{
	GHashTable *networks = berth_map_object_new(&api_endpoint_settings_document);
	const GPtrArray *wanted = container->record->endpoints;

	for (guint i = 0; wanted && i < wanted->len; i++) {
		const struct berth_container_endpoint *one = wanted->pdata[i];
		g_hash_table_insert(networks, g_strdup(one->network_name),
				    settings_of(one, endpoint_on(container, one)));
	}
	return networks;
}

// Ports

static int by_port(const void *a, const void *b)
{
	const struct api_port_summary *const *first = a, *const *second = b;

	if ((*first)->private_port != (*second)->private_port)
		return (*first)->private_port < (*second)->private_port ? -1 : 1;
	int difference = strcmp((*first)->type, (*second)->type);
	return difference ? difference : g_strcmp0((*first)->ip, (*second)->ip);
}

static struct api_port_summary *summary_of(int64_t port, const char *protocol)
{
	struct api_port_summary *summary = berth_document_new(&api_port_summary_document);

	summary->private_port = port;
	summary->type = g_strdup(protocol);
	return summary;
}

static bool is_published(const GPtrArray *ports, const struct berth_port *exposed, unsigned number)
{
	for (guint i = 0; ports && i < ports->len; i++) {
		const struct berth_run_port *port = ports->pdata[i];
		if (port->port == number && g_str_equal(port->protocol, berth_port_protocol(exposed->protocol)))
			return true;
	}
	return false;
}

GPtrArray *berth_engine__port_summaries(const struct berth_engine_container *container)
{
	const GPtrArray *ports = container->network ? container->network->ports : NULL;
	char *const *exposed = berth_engine__is_up(container) ? container->record->config->exposed_ports : NULL;
	GPtrArray *summaries = berth_objects_new();

	for (guint i = 0; ports && i < ports->len; i++) {
		const struct berth_run_port *port = ports->pdata[i];
		struct api_port_summary *summary = summary_of(port->port, port->protocol);
		summary->ip = g_strdup(port->host_address);
		summary->public_port = port->host_port;
		g_ptr_array_add(summaries, summary);
	}
	for (; exposed && *exposed; exposed++) {
		struct berth_port range;
		if (!berth_port_parse(*exposed, &range, NULL))
			continue;
		for (unsigned number = range.first; number <= range.last; number++)
			if (!is_published(ports, &range, number))
				g_ptr_array_add(summaries, summary_of(number, berth_port_protocol(range.protocol)));
	}
	g_ptr_array_sort(summaries, by_port);
	return summaries;
}

// {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null}
static GHashTable *port_map(const struct berth_engine_container *container)
{
	GHashTable *map = berth_map_object_new(&api_port_binding_document);
	GPtrArray *summaries = berth_engine__port_summaries(container);

	for (guint i = 0; i < summaries->len; i++) {
		const struct api_port_summary *summary = summaries->pdata[i];
		g_autofree char *key = g_strdup_printf("%" PRId64 "/%s", summary->private_port, summary->type);
		GPtrArray *list = g_hash_table_lookup(map, key);
		if (!list && summary->public_port)
			list = berth_objects_new();
		g_hash_table_insert(map, g_steal_pointer(&key), list);
		if (!summary->public_port)
			continue;
		struct api_port_binding *binding = berth_document_new(&api_port_binding_document);
		binding->host_ip = g_strdup(summary->ip);
		binding->host_port = g_strdup_printf("%" PRId64, summary->public_port);
		g_ptr_array_add(list, binding);
	}
	berth_objects_free(summaries, &api_port_summary_document);
	return map;
}

// The older fields beside the networks are those of the default bridge.
static void set_bridge(struct api_network_settings *settings, const struct berth_engine_container *container)
{
	const GPtrArray *endpoints = container->network ? container->network->endpoints : NULL;

	for (guint i = 0; endpoints && i < endpoints->len; i++) {
		const struct berth_endpoint *endpoint = endpoints->pdata[i];
		if (g_strcmp0(endpoint->network_name, "bridge") != 0)
			continue;
		settings->endpoint_id = g_strdup(endpoint->id);
		settings->gateway = g_strdup(endpoint->gateway);
		settings->ipv6_gateway = g_strdup(endpoint->gateway6);
		settings->mac_address = g_strdup(endpoint->mac);
		settings->ip_address = split(endpoint->ipv4, &settings->ip_prefix_len);
		settings->global_ipv6_address = split(endpoint->ipv6, &settings->global_ipv6_prefix_len);
	}
}

struct api_network_settings *berth_engine__network_settings(const struct berth_engine_container *container)
{
	struct api_network_settings *settings = berth_document_new(&api_network_settings_document);

	settings->networks = berth_engine__endpoints(container);
	settings->ports = port_map(container);
	if (berth_engine__is_up(container)) {
		settings->sandbox_id = g_strdup(container->id);
		settings->sandbox_key = g_strdup_printf("/proc/%" PRId64 "/ns/net", container->record->state->pid);
	}
	set_bridge(settings, container);
	return settings;
}
