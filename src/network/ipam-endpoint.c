// SPDX-License-Identifier: Apache-2.0
// An endpoint's addresses where an IPAM plugin gives them.
#include "base/error.h"
#include "base/failpoint.h"
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

bool berth_ipam__give_back(struct berth_networks *networks, const struct berth_network *network, const char *address,
			   GError **error)
{
	int pool = find_pool(network, strchr(address, ':') ? AF_INET6 : AF_INET, address);
	GError *cause = NULL;

	if (pool < 0 || berth_ipam_release_address(networks->plugins, network, (guint) pool, address, &cause) ||
	    g_error_matches(cause, BERTH_ERROR, BERTH_ERROR_INTERNAL)) {
		g_clear_error(&cause);
		return true;
	}
	g_propagate_error(error, cause);
	return false;
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

static bool take_noted(struct berth_networks *networks, const struct berth_network *network, int family,
		       const struct berth_endpoint *endpoint, char **address, char **gateway, GError **error)
{
	if (!take(networks, network, family, endpoint->mac, address, gateway, error))
		return false;
	if (!berth_ipam__note_endpoint(networks, endpoint, error)) {
		berth_ipam__give_back(networks, network, *address, NULL);
		return false;
	}
	BERTH_FAILPOINT("network.ipam.address");
	return true;
}

bool berth_ipam__allocate(struct berth_networks *networks, const struct berth_network *network,
			  struct berth_endpoint *endpoint, GError **error)
{
	choose_mac(networks, network, endpoint);
	if (network->ipv4 &&
	    !take_noted(networks, network, AF_INET, endpoint, &endpoint->ipv4, &endpoint->gateway, error))
		return false;
	if (!network->ipv6 ||
	    take_noted(networks, network, AF_INET6, endpoint, &endpoint->ipv6, &endpoint->gateway6, error))
		return true;
	if (network->ipv4) {
		berth_ipam__give_back(networks, network, endpoint->ipv4, NULL);
		berth_ipam__forget_endpoint(networks, endpoint);
	}
	return false;
}

void berth_ipam__release(struct berth_networks *networks, const struct berth_network *network,
			 const struct berth_endpoint *endpoint)
{
	GError *failure = NULL;
	bool given = true;

	if (endpoint->ipv4)
		given = berth_ipam__give_back(networks, network, endpoint->ipv4, &failure);
	g_clear_error(&failure);
	if (endpoint->ipv6)
		given = berth_ipam__give_back(networks, network, endpoint->ipv6, &failure) && given;
	g_clear_error(&failure);
	BERTH_FAILPOINT("network.ipam.returned");
	if (given) // else at the next start
		berth_ipam__forget_endpoint(networks, endpoint);
}
