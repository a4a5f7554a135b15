// SPDX-License-Identifier: Apache-2.0
// Names of the interfaces of bridges: asked for, made of the id, or the default bridge's; no two networks have the
// same.
#include "network/network-internal.h"

#include "base/error.h"

#include <string.h>

#define OPTION "com.docker.network.bridge."
#define DEFAULT_NAME "berth" // of the default bridge, and a number behind it
#define DEFAULT_NAMES 1000

const struct berth_network *berth_bridge__other_with(struct berth_networks *networks, const struct berth_network *self,
						     const char *interface)
{
	GHashTableIter iter;
	struct berth_network_known *known;

	g_hash_table_iter_init(&iter, networks->known);
	while (g_hash_table_iter_next(&iter, NULL, (void **) &known))
		if (g_strcmp0(known->network->interface, interface) == 0 && !g_str_equal(known->network->id, self->id))
			return known->network;
	return NULL;
}

// The first name that nobody has, or that an earlier life of this network had.
static bool choose_default_name(struct berth_networks *networks, struct berth_network *network,
				struct berth_netlink *route, GError **error)
{
	for (int i = 0; i < DEFAULT_NAMES; i++) {
		g_autofree char *name = g_strdup_printf(DEFAULT_NAME "%d", i);
		struct berth_link_state link;
		const char *id = NULL;
		if (!berth_links__get(route, name, &link, error))
			return false;
		bool own = link.index && berth_links__is_ours(networks, &link, &id) && g_str_equal(id, network->id);
		if ((link.index && !own) || berth_bridge__other_with(networks, network, name))
			continue;
		network->interface = g_steal_pointer(&name);
		return true;
	}
	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "no name is free for the default bridge: " DEFAULT_NAME "0 to " DEFAULT_NAME "%d exist",
			       DEFAULT_NAMES - 1);
}

bool berth_bridge__check_name(struct berth_networks *networks, const struct berth_network *network, const char *name,
			      GError **error)
{
	const struct berth_network *other = berth_bridge__other_with(networks, network, name);

	return !other ||
	       berth_error_set(error, BERTH_ERROR_FORBIDDEN,
			       "cannot create network %s (%s): conflicts with network %s (%s): networks have same "
			       "bridge name",
			       network->id, name, other->id, other->name);
}

bool berth_bridge__choose_name(struct berth_networks *networks, struct berth_network *network, GError **error)
{
	const char *wanted = berth_network__option(network, OPTION "name");

	if (network->interface)
		return true;
	if (!wanted && network->predefined) {
		struct berth_netlink *route = berth_networks__route(networks, error);
		if (!route)
			return false;
		pthread_mutex_lock(&networks->lock);
		bool chosen = choose_default_name(networks, network, route, error);
		pthread_mutex_unlock(&networks->lock);
		berth_networks__route_back(networks, route);
		return chosen;
	}
	if (wanted && (!berth_link_name_valid(wanted) || g_str_equal(wanted, "lo")))
		return berth_error_set(error, BERTH_ERROR_INVALID, OPTION "name: \"%s\" is no name of a bridge",
				       wanted);
	g_autofree char *name = wanted ? g_strdup(wanted) : g_strdup_printf("br-%.12s", network->id);
	pthread_mutex_lock(&networks->lock);
	bool ours = berth_bridge__check_name(networks, network, name, error);
	pthread_mutex_unlock(&networks->lock);
	if (!ours)
		return false;
	network->interface = g_steal_pointer(&name);
	return true;
}
