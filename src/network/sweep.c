// SPDX-License-Identifier: Apache-2.0
// What a crash leaves: interfaces that are ours by their alias and belong to nothing that is known.
#include "network/ipam.h"
#include "network/network-internal.h"

#include "base/error.h"

static bool is_wanted(struct berth_networks *networks, const char *id)
{
	GHashTableIter iter;
	struct berth_network_known *known;

	if (g_hash_table_contains(networks->known, id))
		return true;
	g_hash_table_iter_init(&iter, networks->known);
	while (g_hash_table_iter_next(&iter, NULL, (void **) &known))
		if (g_hash_table_contains(known->endpoints, id))
			return true;
	return false;
}

static bool remove_unwanted(struct berth_networks *networks, struct berth_netlink *route, GError **error)
{
	g_autoptr(GArray) links = berth_links__list(route, error);
	bool removed = true;

	for (guint i = 0; links && i < links->len; i++) {
		const struct berth_link_state *link = &g_array_index(links, struct berth_link_state, i);
		const char *id;
		if (!berth_links__is_ours(networks, link, &id))
			continue;
		pthread_mutex_lock(&networks->lock);
		bool wanted = is_wanted(networks, id);
		pthread_mutex_unlock(&networks->lock);
		if (!wanted && !berth_links__delete(route, link->name, removed ? error : NULL))
			removed = false;
	}
	return links && removed;
}

// Networks that containers run on, as they are now.
static GPtrArray *networks_in_use(struct berth_networks *networks)
{
	GPtrArray *used = g_ptr_array_new_with_free_func((GDestroyNotify) berth_networks__unref);
	GHashTableIter iter;
	struct berth_network_known *known;

	pthread_mutex_lock(&networks->lock);
	g_hash_table_iter_init(&iter, networks->known);
	while (g_hash_table_iter_next(&iter, NULL, (void **) &known))
		if (g_hash_table_size(known->endpoints))
			g_ptr_array_add(used, g_atomic_rc_box_acquire(known));
	pthread_mutex_unlock(&networks->lock);
	return used;
}

static GPtrArray *endpoints_of(struct berth_networks *networks, struct berth_network_known *known)
{
	GPtrArray *endpoints = g_ptr_array_new_with_free_func((GDestroyNotify) berth_endpoint_free);
	GHashTableIter iter;
	struct berth_endpoint *endpoint;

	pthread_mutex_lock(&networks->lock);
	g_hash_table_iter_init(&iter, known->endpoints);
	while (g_hash_table_iter_next(&iter, NULL, (void **) &endpoint))
		g_ptr_array_add(endpoints, berth_document_copy(&berth_endpoint_document, endpoint));
	pthread_mutex_unlock(&networks->lock);
	return endpoints;
}

// The rules of what runs: a firewall that has just been made knows none.
static bool restore(struct berth_networks *networks, struct berth_network_known *known, GError **error)
{
	const struct berth_network_driver *driver = berth_network_driver_find(known->network->driver, error);
	g_autoptr(GPtrArray) endpoints = endpoints_of(networks, known);

	if (!driver || !berth_network_up(networks, known->network, error))
		return false;
	for (guint i = 0; driver->adopt && i < endpoints->len; i++)
		if (!driver->adopt(networks, known->network, endpoints->pdata[i], error))
			return false;
	return true;
}

// All is tried, and the first problem told.
bool berth_networks_sweep(struct berth_networks *networks, GError **error)
{
	struct berth_netlink *route = berth_networks__route(networks, error);
	g_autoptr(GPtrArray) used = networks_in_use(networks);

	if (!route)
		return false;
	bool swept = remove_unwanted(networks, route, error);
	swept = berth_cni__sweep(networks, swept ? error : NULL) && swept;
	swept = berth_remote__sweep(networks, swept ? error : NULL) && swept;
	swept = berth_ipam__sweep(networks, swept ? error : NULL) && swept;
	berth_networks__route_back(networks, route);
	for (guint i = 0; i < used->len; i++)
		swept = restore(networks, used->pdata[i], swept ? error : NULL) && swept;
	return berth_firewall_sync(networks->firewall, swept ? error : NULL) && swept;
}
