// SPDX-License-Identifier: Apache-2.0
// The pools of a network that is to be made: what was asked for is checked in Docker's words, what was left open is
// chosen, beside the subnets of the networks that are known and of the host's routes.
#include "network/network-internal.h"

#include "base/error.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define BRIDGE_POOL "base=172.17.0.0/16,size=16" // where the default bridge's subnet is chosen first

int berth_network__pool_family(const struct berth_network_pool *pool)
{
	return !pool->subnet ? 0 : strchr(pool->subnet, ':') ? AF_INET6 : AF_INET;
}

static bool has_family(const struct berth_network *network, int family)
{
	return (family == AF_INET && network->ipv4) || (family == AF_INET6 && network->ipv6);
}

const struct berth_network_pool *berth_network__pool(const struct berth_network *network, int family)
{
	for (guint i = 0; has_family(network, family) && network->pools && i < network->pools->len; i++)
		if (berth_network__pool_family(network->pools->pdata[i]) == family)
			return network->pools->pdata[i];
	return NULL;
}

// Adds a line to the errors.
G_GNUC_PRINTF(2, 3) static void complain(GString *errors, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_string_append_c(errors, '\n');
	g_string_append_vprintf(errors, format, arguments);
	va_end(arguments);
}

static int version_of(int family)
{
	return family == AF_INET ? 4 : 6;
}

static void check_range(const char *text, const struct berth_subnet *subnet, const char *subnet_text, GString *errors)
{
	struct berth_subnet range;
	struct berth_address host;

	if (!berth_subnet_parse(text, &range, &host, NULL)) {
		complain(errors, "invalid ip-range %s: invalid CIDR block notation", text);
		return;
	}
	g_autofree char *right = berth_subnet_text(&range);
	if (range.address.family != subnet->address.family) {
		complain(errors, "invalid ip-range %s: parent subnet is an IPv%d block", text,
			 version_of(subnet->address.family));
		return;
	}
	if (range.length < subnet->length)
		complain(errors, "invalid ip-range %s: CIDR block is bigger than its parent subnet %s", text,
			 subnet_text);
	if (memcmp(&host, &range.address, sizeof host) != 0)
		complain(errors, "invalid ip-range %s: it should be %s", text, right);
	if (!berth_subnet_contains(subnet, &range.address))
		complain(errors, "invalid ip-range %s: parent subnet %s doesn't contain ip-range", text, subnet_text);
}

static void check_address(const char *what, const char *text, const struct berth_subnet *subnet,
			  const char *subnet_text, GString *errors)
{
	struct berth_address address;

	if (!berth_address_parse(text, &address, NULL))
		complain(errors, "invalid %s %s: invalid address", what, text);
	else if (address.family != subnet->address.family)
		complain(errors, "invalid %s %s: parent subnet is an IPv%d block", what, text,
			 version_of(subnet->address.family));
	else if (!berth_subnet_contains(subnet, &address))
		complain(errors, "invalid %s %s: parent subnet %s doesn't contain this address", what, text,
			 subnet_text);
}

static void check_pool(const struct berth_network *network, const struct berth_network_pool *pool, GString *errors)
{
	struct berth_subnet subnet;
	struct berth_address host;
	GHashTableIter iter;
	void *address;

	if (!pool->subnet) {
		if (pool->range || pool->gateway || pool->auxiliary)
			complain(errors, "invalid subnet : a pool with ip-range, gateway or auxiliary addresses needs "
					 "a subnet");
		return;
	}
	if (!berth_subnet_parse(pool->subnet, &subnet, &host, NULL)) {
		complain(errors, "invalid subnet %s: invalid CIDR block notation", pool->subnet);
		return;
	}
	if (!has_family(network, subnet.address.family))
		return; // it is not used
	g_autofree char *right = berth_subnet_text(&subnet);
	if (memcmp(&host, &subnet.address, sizeof host) != 0)
		complain(errors, "invalid subnet %s: it should be %s", pool->subnet, right);
	if (pool->range)
		check_range(pool->range, &subnet, right, errors);
	if (pool->gateway)
		check_address("gateway", pool->gateway, &subnet, right, errors);
	if (!pool->auxiliary)
		return;
	g_hash_table_iter_init(&iter, pool->auxiliary);
	while (g_hash_table_iter_next(&iter, NULL, &address))
		check_address("auxiliary address", address, &subnet, right, errors);
}

static bool check_pools(const struct berth_network *network, GError **error)
{
	g_autoptr(GString) errors = g_string_new("");

	for (guint i = 0; network->pools && i < network->pools->len; i++)
		check_pool(network, network->pools->pdata[i], errors);
	return !errors->len || berth_error_set(error, BERTH_ERROR_INVALID, "invalid network config:%s", errors->str);
}

// Subnets of the networks that are known; `with` (may be NULL): one that overlaps is an error that names its network.
static bool take_known(struct berth_networks *networks, const struct berth_network *self, GArray *taken,
		       const struct berth_subnet *with, GError **error)
{
	GHashTableIter iter;
	struct berth_network_known *known;

	g_hash_table_iter_init(&iter, networks->known);
	while (g_hash_table_iter_next(&iter, NULL, (void **) &known)) {
		const GPtrArray *pools = known->network->pools;
		for (guint i = 0; pools && i < pools->len; i++) {
			const struct berth_network_pool *pool = pools->pdata[i];
			struct berth_subnet subnet;
			if (!pool->subnet || g_str_equal(known->network->id, self->id) ||
			    !has_family(known->network, berth_network__pool_family(pool)) ||
			    !berth_subnet_parse(pool->subnet, &subnet, NULL, NULL))
				continue;
			if (with && berth_subnet_overlap(with, &subnet))
				return berth_error_set(error, BERTH_ERROR_CONFLICT,
						       "Pool overlaps with other one on this address space: network %s "
						       "has %s",
						       known->network->name, pool->subnet);
			if (taken)
				g_array_append_val(taken, subnet);
		}
	}
	return true;
}

static bool check_overlaps(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		const struct berth_network_pool *pool = network->pools->pdata[i];
		struct berth_subnet subnet, other;
		if (!pool->subnet || !has_family(network, berth_network__pool_family(pool)) ||
		    !berth_subnet_parse(pool->subnet, &subnet, NULL, error))
			continue;
		if (!take_known(networks, network, NULL, &subnet, error))
			return false;
		for (guint k = 0; k < i; k++) {
			const struct berth_network_pool *earlier = network->pools->pdata[k];
			if (earlier->subnet && berth_subnet_parse(earlier->subnet, &other, NULL, NULL) &&
			    berth_subnet_overlap(&subnet, &other))
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "invalid network config:\nsubnets %s and %s overlap",
						       earlier->subnet, pool->subnet);
		}
	}
	return true;
}

struct routes {
	const struct berth_pool *pools; // what overlaps none of these is of no interest, and there may be a million
	size_t count;
	GArray *taken;
};

static bool note_route(void *data, const struct nlmsghdr *message)
{
	struct routes *routes = data;
	const struct rtmsg *header = NLMSG_DATA(message);
	size_t length;

	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_SPACE(sizeof *header) ||
	    header->rtm_dst_len == 0 || header->rtm_type == RTN_MULTICAST || header->rtm_type == RTN_BROADCAST)
		return true;
	const void *bytes =
		berth_netlink_data(berth_netlink_find((const char *) header + NLMSG_ALIGN(sizeof *header),
						      message->nlmsg_len - NLMSG_SPACE(sizeof *header), RTA_DST),
				   &length);
	if (!bytes || length != (header->rtm_family == AF_INET ? 4 : 16))
		return true;
	struct berth_subnet subnet = {.address = {.family = header->rtm_family}, .length = header->rtm_dst_len};
	memcpy(subnet.address.bytes, bytes, length);
	for (size_t i = 0; i < routes->count; i++) {
		if (berth_subnet_overlap(&routes->pools[i].base, &subnet)) {
			g_array_append_val(routes->taken, subnet);
			break;
		}
	}
	return true;
}

static bool take_routes(struct berth_networks *networks, int family, const struct berth_pool *pools, size_t count,
			GArray *taken, GError **error)
{
	struct berth_netlink *route = berth_networks__route_locked(networks, error);
	struct routes routes = {pools, count, taken};
	struct rtmsg header = {.rtm_family = (uint8_t) family};

	if (!route)
		return false;
	berth_netlink_begin(route, RTM_GETROUTE, NLM_F_DUMP, &header, sizeof header);
	bool listed = berth_netlink_ask(route, note_route, &routes, error);
	g_ptr_array_add(networks->routes, route);
	if (!listed)
		g_prefix_error(error, "list the host's routes: ");
	return listed;
}

static bool choose_from(struct berth_networks *networks, const struct berth_network *network, int family,
			const struct berth_pool *pools, size_t count, struct berth_subnet *ret, GError **error)
{
	g_autoptr(GArray) taken = g_array_new(FALSE, FALSE, sizeof(struct berth_subnet));

	return take_known(networks, network, taken, NULL, error) &&
	       take_routes(networks, family, pools, count, taken, error) &&
	       berth_pools_choose(pools, count, family, (const struct berth_subnet *) taken->data, taken->len, ret,
				  error);
}

static bool choose_subnet(struct berth_networks *networks, const struct berth_network *network, int family,
			  struct berth_network_pool *pool, GError **error)
{
	bool is_bridge = network->predefined && family == AF_INET;
	struct berth_pool first;
	struct berth_subnet subnet;

	if (is_bridge && networks->bridge_subnet.address.family == AF_INET) {
		pool->subnet = berth_subnet_text(&networks->bridge_subnet);
		if (!berth_subnet_contains(&networks->bridge_subnet, &networks->bridge_address) ||
		    memcmp(&networks->bridge_address, &networks->bridge_subnet.address,
			   sizeof networks->bridge_address) == 0)
			return true;
		pool->gateway = berth_address_text(&networks->bridge_address);
		return true;
	}
	if (is_bridge && berth_pool_parse(BRIDGE_POOL, &first, NULL) &&
	    choose_from(networks, network, family, &first, 1, &subnet, NULL)) {
		pool->subnet = berth_subnet_text(&subnet);
		return true;
	}
	if (!choose_from(networks, network, family, networks->pools, networks->pool_count, &subnet, error))
		return false;
	pool->subnet = berth_subnet_text(&subnet);
	return true;
}

static struct berth_addresses *addresses_of(const struct berth_network_pool *pool, bool with_range)
{
	struct berth_subnet subnet, range;
	struct berth_address address;
	GHashTableIter iter;
	void *text;

	if (!pool->subnet || !berth_subnet_parse(pool->subnet, &subnet, NULL, NULL))
		return NULL;
	bool ranged = with_range && pool->range && berth_subnet_parse(pool->range, &range, NULL, NULL);
	struct berth_addresses *addresses = berth_addresses_new(&subnet, ranged ? &range : NULL);
	if (pool->gateway && berth_address_parse(pool->gateway, &address, NULL))
		berth_addresses_take(addresses, &address);
	if (!pool->auxiliary)
		return addresses;
	g_hash_table_iter_init(&iter, pool->auxiliary);
	while (g_hash_table_iter_next(&iter, NULL, &text))
		if (berth_address_parse(text, &address, NULL))
			berth_addresses_take(addresses, &address);
	return addresses;
}

static bool choose_gateway(struct berth_network_pool *pool, GError **error)
{
	struct berth_addresses *addresses = addresses_of(pool, false);
	struct berth_address gateway;
	bool found = addresses && berth_addresses_next(addresses, &gateway);

	berth_addresses_free(addresses);
	if (!found)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid network config:\nsubnet %s has no address that is free for its gateway",
				       pool->subnet);
	pool->gateway = berth_address_text(&gateway);
	return true;
}

static bool choose_missing(struct berth_networks *networks, struct berth_network *network, int family, GError **error)
{
	struct berth_network_pool *pool = NULL;

	if (!has_family(network, family) || berth_network__pool(network, family))
		return true;
	// A pool that says nothing stands for IPv4's.
	for (guint i = 0; network->pools && i < network->pools->len && family == AF_INET && !pool; i++) {
		struct berth_network_pool *empty = network->pools->pdata[i];
		pool = empty->subnet ? NULL : empty;
	}
	if (!network->pools)
		network->pools = berth_objects_new();
	if (!pool) {
		pool = berth_document_new(&berth_network_pool_document);
		g_ptr_array_insert(network->pools, family == AF_INET ? 0 : -1, pool);
	}
	return choose_subnet(networks, network, family, pool, error);
}

bool berth_network__plan(struct berth_networks *networks, struct berth_network *network, GError **error)
{
	if (!check_pools(network, error) || !check_overlaps(networks, network, error) ||
	    !choose_missing(networks, network, AF_INET, error) || !choose_missing(networks, network, AF_INET6, error))
		return false;
	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		struct berth_network_pool *pool = network->pools->pdata[i];
		int family = berth_network__pool_family(pool);
		if (!pool->gateway && has_family(network, family) &&
		    berth_network__gateway_mode(network, family) != BERTH_GATEWAY_ISOLATED &&
		    !choose_gateway(pool, error))
			return false;
	}
	return true;
}

static void addresses_free(gpointer addresses)
{
	berth_addresses_free(addresses);
}

GPtrArray *berth_network__addresses(const struct berth_network *network)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(addresses_free);

	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		const struct berth_network_pool *pool = network->pools->pdata[i];
		bool used = has_family(network, berth_network__pool_family(pool));
		g_ptr_array_add(all, used ? addresses_of(pool, true) : NULL);
	}
	return all;
}
