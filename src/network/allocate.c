// SPDX-License-Identifier: Apache-2.0
// An endpoint's addresses: given, adopted, given back.
#include "network/network-internal.h"

#include "base/error.h"

#include <string.h>
#include <sys/socket.h>

// Of a family's pools the one that has the address; -1: none.
static int pool_of(const struct berth_network *network, const struct berth_address *address)
{
	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		const struct berth_network_pool *pool = network->pools->pdata[i];
		struct berth_subnet subnet;
		if (pool->subnet && berth_subnet_parse(pool->subnet, &subnet, NULL, NULL) &&
		    berth_subnet_contains(&subnet, address))
			return (int) i;
	}
	return -1;
}

static char *with_length(const struct berth_network *network, int pool, const struct berth_address *address)
{
	const struct berth_network_pool *of = network->pools->pdata[pool];
	g_autofree char *text = berth_address_text(address);

	return g_strconcat(text, strchr(of->subnet, '/'), NULL);
}

static bool take_wanted(struct berth_network_known *known, const char *wanted, int family, char **ret, int *ret_pool,
			GError **error)
{
	struct berth_address address;

	if (!berth_address_parse(wanted, &address, error))
		return false;
	int pool = address.family == family ? pool_of(known->network, &address) : -1;
	struct berth_addresses *addresses = pool < 0 ? NULL : known->addresses->pdata[pool];
	if (!addresses)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "no configured subnet or ip-range contain the IP address %s", wanted);
	if (!berth_addresses_take(addresses, &address))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "Address already in use: %s on network %s", wanted,
				       known->network->name);
	*ret = with_length(known->network, pool, &address);
	*ret_pool = pool;
	return true;
}

static bool exhausted(const struct berth_network *network, int family, uint64_t count, GError **error)
{
	const struct berth_network_pool *pool = berth_network__pool(network, family);

	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "no available IPv%d addresses on this network's address pools: %s (%.12s): %s%s%s has "
			       "%" G_GUINT64_FORMAT " in use",
			       family == AF_INET ? 4 : 6, network->name, network->id, pool ? pool->subnet : "no pool",
			       pool && pool->range ? ", of it " : "", pool && pool->range ? pool->range : "", count);
}

static bool take_any(struct berth_network_known *known, int family, char **ret, int *ret_pool, GError **error)
{
	struct berth_address address;
	uint64_t count = 0;

	for (guint i = 0; i < known->addresses->len; i++) {
		struct berth_addresses *addresses = known->addresses->pdata[i];
		if (!addresses || berth_network__pool_family(known->network->pools->pdata[i]) != family)
			continue;
		if (berth_addresses_next(addresses, &address)) {
			*ret = with_length(known->network, (int) i, &address);
			*ret_pool = (int) i;
			return true;
		}
		count += berth_addresses_taken(addresses);
	}
	return exhausted(known->network, family, count, error);
}

static void give_back(struct berth_network_known *known, const char *text)
{
	struct berth_address address;
	struct berth_subnet subnet;

	if (!text || !berth_subnet_parse(text, &subnet, &address, NULL))
		return;
	int pool = pool_of(known->network, &address);
	if (pool >= 0 && known->addresses->pdata[pool])
		berth_addresses_give_back(known->addresses->pdata[pool], &address);
}

// An address of one family, and the gateway that goes with it.
static bool take(struct berth_network_known *known, int family, char **address, char **gateway, GError **error)
{
	g_autofree char *given = NULL;
	int pool = -1;

	if (*address ? !take_wanted(known, *address, family, &given, &pool, error)
		     : !take_any(known, family, &given, &pool, error))
		return false;
	const struct berth_network_pool *of = known->network->pools->pdata[pool];
	g_free(*address);
	*address = g_steal_pointer(&given);
	if (!*gateway && !known->network->internal)
		*gateway = g_strdup(of->gateway);
	return true;
}

static bool check_families(const struct berth_network *network, const struct berth_endpoint *endpoint, bool ours,
			   GError **error)
{
	if (ours && endpoint->ipv4 && !network->ipv4)
		return berth_error_set(error, BERTH_ERROR_INVALID, "network %s has no IPv4: address %s", network->name,
				       endpoint->ipv4);
	return !ours || !endpoint->ipv6 || network->ipv6 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "network %s has no IPv6: address %s", network->name,
			       endpoint->ipv6);
}

static bool take_families(struct berth_network_known *known, struct berth_endpoint *endpoint, GError **error)
{
	const struct berth_network *network = known->network;

	if (network->ipv4 && !take(known, AF_INET, &endpoint->ipv4, &endpoint->gateway, error))
		return false;
	if (network->ipv6 && !take(known, AF_INET6, &endpoint->ipv6, &endpoint->gateway6, error)) {
		if (network->ipv4)
			give_back(known, endpoint->ipv4);
		return false;
	}
	return true;
}

static void choose_mac(struct berth_endpoint *endpoint)
{
	const char *from = endpoint->ipv4 ? endpoint->ipv4 : endpoint->ipv6;
	struct berth_subnet subnet;
	struct berth_address address;

	if (!endpoint->mac && from && berth_subnet_parse(from, &subnet, &address, NULL))
		endpoint->mac = berth_mac_of(&address);
}

static void choose_interface(const struct berth_network *network, struct berth_endpoint *endpoint)
{
	const char *prefix = berth_network__option(network, "com.docker.network.container_iface_prefix");

	if (!endpoint->interface)
		endpoint->interface = g_strdup_printf("%s%d", prefix ? prefix : "eth", (int) endpoint->slot);
}

static bool check_request(const struct berth_endpoint *endpoint, GError **error)
{
	uint8_t mac[6];

	if (endpoint->mac && !berth_mac_parse(endpoint->mac, mac, error))
		return false;
	return (endpoint->slot >= 0 && endpoint->slot < BERTH_ENDPOINT_SLOTS) ||
	       berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "a container can be on %d networks at most: BERTH_ENDPOINT_SLOTS", BERTH_ENDPOINT_SLOTS);
}

static void remember(struct berth_network_known *known, const struct berth_endpoint *endpoint)
{
	g_hash_table_replace(known->endpoints, g_strdup(endpoint->id),
			     berth_document_copy(&berth_endpoint_document, endpoint));
}

bool berth_endpoint_allocate(struct berth_networks *networks, const struct berth_network *network,
			     struct berth_endpoint *endpoint, GError **error)
{
	const struct berth_network_driver *driver = berth_network_driver_find(network->driver, error);
	g_autoptr(berth_network_known) known = driver ? berth_networks__find(networks, network->id) : NULL;

	if (!driver)
		return false;
	if (!known)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", network->name);
	bool foreign = driver->addresses && berth_network__has_ipam(network);
	if (!check_request(endpoint, error) || !check_families(network, endpoint, driver->addresses, error) ||
	    (foreign && !berth_ipam__allocate(networks, network, endpoint, error)))
		return false;
	pthread_mutex_lock(&networks->lock);
	bool taken = !driver->addresses || foreign || take_families(known, endpoint, error);
	if (taken) {
		if (driver->addresses && !driver->chooses_mac)
			choose_mac(endpoint);
		choose_interface(network, endpoint);
		remember(known, endpoint);
	}
	pthread_mutex_unlock(&networks->lock);
	return taken;
}

static void adopt_address(struct berth_network_known *known, const char *text)
{
	struct berth_address address;
	struct berth_subnet subnet;
	int pool = text && berth_subnet_parse(text, &subnet, &address, NULL) ? pool_of(known->network, &address) : -1;

	if (pool >= 0 && known->addresses->pdata[pool])
		berth_addresses_take(known->addresses->pdata[pool], &address);
}

void berth_endpoint_adopt(struct berth_networks *networks, const struct berth_network *network,
			  const struct berth_endpoint *endpoint)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, network->id);

	if (!known)
		return;
	pthread_mutex_lock(&networks->lock);
	adopt_address(known, endpoint->ipv4);
	adopt_address(known, endpoint->ipv6);
	remember(known, endpoint);
	pthread_mutex_unlock(&networks->lock);
}

// What an endpoint has is what it was given: an id that is not known (any more) has nothing.
void berth_endpoint_release(struct berth_networks *networks, const struct berth_network *network,
			    const struct berth_endpoint *endpoint)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, network->id);

	if (!known)
		return;
	g_autoptr(berth_endpoint) foreign = NULL;
	pthread_mutex_lock(&networks->lock);
	const struct berth_endpoint *given = g_hash_table_lookup(known->endpoints, endpoint->id);
	if (given) {
		give_back(known, given->ipv4);
		give_back(known, given->ipv6);
		if (berth_network__has_ipam(known->network))
			foreign = berth_document_copy(&berth_endpoint_document, given);
		g_hash_table_remove(known->endpoints, endpoint->id);
	}
	pthread_mutex_unlock(&networks->lock);
	if (foreign)
		berth_ipam__release(networks, network, foreign);
}
