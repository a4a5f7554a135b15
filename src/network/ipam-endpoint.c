// SPDX-License-Identifier: Apache-2.0
// An endpoint's addresses where an IPAM plugin gives them.
#include "base/error.h"
#include "network/ipam.h"
#include "network/network-internal.h"

#include <string.h>
#include <sys/socket.h>

bool berth_network__has_ipam(const struct berth_network *network)
{
	return network->ipam_driver && network->ipam_driver[0] && !g_str_equal(network->ipam_driver, "default");
}

// The pool that has the address, or for NULL the first of the family; -1: none.
static int find_pool(const struct berth_network *network, int family, const char *text)
{
	g_autofree char *bare = text ? g_strndup(text, strcspn(text, "/")) : NULL;
	struct berth_address address;
	struct berth_subnet subnet;

	if (bare && (!berth_address_parse(bare, &address, NULL) || address.family != family))
		return -1;
	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		const struct berth_network_pool *pool = network->pools->pdata[i];
		if (berth_network__pool_family(pool) == family &&
		    berth_subnet_parse(pool->subnet, &subnet, NULL, NULL) &&
		    (!bare || berth_subnet_contains(&subnet, &address)))
			return (int) i;
	}
	return -1;
}

static bool take(struct berth_networks *networks, const struct berth_network *network, int family, const char *mac,
		 char **address, char **gateway, GError **error)
{
	int pool = find_pool(network, family, *address);
	char *given;

	if (pool < 0)
		return *address
			       ? berth_error_set(error, BERTH_ERROR_INVALID,
						 "no configured subnet or ip-range contain the IP address %s", *address)
			       : berth_error_set(error, BERTH_ERROR_INVALID, "network %s has no pool for IPv%d",
						 network->name, family == AF_INET ? 4 : 6);
	const struct berth_network_pool *of = network->pools->pdata[pool];
	if (!berth_ipam_request_address(networks->plugins, network, (guint) pool, *address, mac, &given, error))
		return false;
	g_free(*address);
	*address = given;
	if (!*gateway && !network->internal)
		*gateway = g_strdup(of->gateway);
	return true;
}

static void give_back(struct berth_networks *networks, const struct berth_network *network, int family,
		      const char *address)
{
	int pool = address ? find_pool(network, family, address) : -1;

	if (pool >= 0)
		berth_ipam_release_address(networks->plugins, network, (guint) pool, address, NULL);
}

// Some plugins choose an address by the MAC: then it is chosen before.
static void choose_mac(struct berth_networks *networks, const struct berth_network *network,
		       struct berth_endpoint *endpoint)
{
	guint32 random = g_random_int();

	if (!endpoint->mac && berth_ipam_needs_mac(networks->plugins, network))
		endpoint->mac = g_strdup_printf("02:42:%02x:%02x:%02x:%02x", random >> 24, (random >> 16) & 0xff,
						(random >> 8) & 0xff, random & 0xff);
}

bool berth_ipam__allocate(struct berth_networks *networks, const struct berth_network *network,
			  struct berth_endpoint *endpoint, GError **error)
{
	choose_mac(networks, network, endpoint);
	if (network->ipv4 &&
	    !take(networks, network, AF_INET, endpoint->mac, &endpoint->ipv4, &endpoint->gateway, error))
		return false;
	if (!network->ipv6 ||
	    take(networks, network, AF_INET6, endpoint->mac, &endpoint->ipv6, &endpoint->gateway6, error))
		return true;
	if (network->ipv4)
		give_back(networks, network, AF_INET, endpoint->ipv4);
	return false;
}

void berth_ipam__release(struct berth_networks *networks, const struct berth_network *network,
			 const struct berth_endpoint *endpoint)
{
	give_back(networks, network, AF_INET, endpoint->ipv4);
	give_back(networks, network, AF_INET6, endpoint->ipv6);
}
