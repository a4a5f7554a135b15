// SPDX-License-Identifier: Apache-2.0
// The driver `bridge`: a bridge on the host, and for each endpoint a pair of interfaces, one in the container, the
// other a port of the bridge. The pair is made from the container's side: so it is there under its number after one
// message, gets addresses and routes by a second batch, and a third makes the other end a port.
#include "network/network-internal.h"

#include "base/error.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#define OPTION "com.docker.network.bridge."
#define FIRST_INDEX 2 // of an interface in a container: behind its loopback one

static bool is_isolated(const struct berth_network *network)
{
	return !berth_network__flag(network, OPTION "enable_icc", true);
}

// Options

static bool check_gateway_mode(const struct berth_network *network, const char *name, GError **error)
{
	const char *mode = berth_network__option(network, name);

	if (!mode || !*mode || g_str_equal(mode, "nat") || g_str_equal(mode, "routed"))
		return true;
	if (!g_str_equal(mode, "isolated"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "failed to parse %s value: \"%s\": expected nat, routed or isolated", name,
				       mode);
	return network->internal || berth_error_set(error, BERTH_ERROR_INVALID,
						    "gateway mode 'isolated' can only be used for an internal network");
}

static bool check_pools(const struct berth_network *network, GError **error)
{
	int pools[2] = {0};

	for (guint i = 0; network->pools && i < network->pools->len; i++) {
		int family = berth_network__pool_family(network->pools->pdata[i]);
		if (++pools[family == AF_INET6] > 1)
			return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
					       "bridge driver doesn't support multiple subnets");
	}
	return network->ipv4 || network->ipv6 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "IPv4 or IPv6 must be enabled");
}

static bool check(struct berth_networks *networks, struct berth_network *network, GError **error)
{
	static const char *const flags[] = {OPTION "enable_icc", OPTION "enable_ip_masquerade", OPTION "default_bridge",
					    OPTION "inhibit_ipv4"};
	const char *binding = berth_network__option(network, OPTION "host_binding_ipv4");
	struct berth_address address;

	for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
		if (!berth_network__check_flag(network, flags[i], error))
			return false;
	if (binding && *binding && (!berth_address_parse(binding, &address, NULL) || address.family != AF_INET))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "failed to parse " OPTION "host_binding_ipv4 value: \"%s\": expected an IPv4 "
				       "address",
				       binding);
	return berth_network__check_common(network, error) &&
	       check_gateway_mode(network, OPTION "gateway_mode_ipv4", error) &&
	       check_gateway_mode(network, OPTION "gateway_mode_ipv6", error) && check_pools(network, error) &&
	       berth_bridge__choose_name(networks, network, error);
}

// The bridge

// The host's address on the network with its prefix length; NULL: it has none.
static char *own_address(const struct berth_network *network, int family)
{
	const struct berth_network_pool *pool = berth_network__pool(network, family);

	if (!pool || !pool->gateway || berth_network__gateway_mode(network, family) == BERTH_GATEWAY_ISOLATED ||
	    (family == AF_INET && berth_network__flag(network, OPTION "inhibit_ipv4", false)))
		return NULL;
	return g_strconcat(pool->gateway, strchr(pool->subnet, '/'), NULL);
}

static char *own_mac(const struct berth_network *network)
{
	const struct berth_network_pool *pool = berth_network__pool(network, AF_INET);
	struct berth_subnet subnet;
	struct berth_address address;

	if (!pool)
		pool = berth_network__pool(network, AF_INET6);
	if (!pool || !berth_subnet_parse(pool->subnet, &subnet, &address, NULL) ||
	    (pool->gateway && !berth_address_parse(pool->gateway, &address, NULL)))
		return NULL;
	return berth_mac_of(&address);
}

// It is ours from its first moment: who finds it without its alias, after a crash in between, would not know whose it
// is.
static bool make_bridge(const struct berth_networks *networks, const struct berth_network *network,
			struct berth_netlink *route, GError **error)
{
	g_autofree char *text = own_mac(network), *alias = berth_links__alias(networks, network->id);
	uint32_t mtu = berth_network__mtu(network);
	uint8_t mac[6];

	berth_links__begin(route, network->interface, NLM_F_CREATE | NLM_F_EXCL, 0);
	// With one of its own a bridge does not take its ports', which come and go.
	if (text && berth_mac_parse(text, mac, NULL))
		berth_netlink_put(route, IFLA_ADDRESS, mac, sizeof mac);
	if (mtu)
		berth_netlink_put_u32(route, IFLA_MTU, mtu);
	size_t info = berth_netlink_nest(route, IFLA_LINKINFO);
	berth_netlink_put_text(route, IFLA_INFO_KIND, "bridge");
	size_t data = berth_netlink_nest(route, IFLA_INFO_DATA);
	berth_netlink_put_u32(route, IFLA_BR_FORWARD_DELAY, 0);
	berth_netlink_put_u32(route, IFLA_BR_STP_STATE, 0);
	berth_netlink_nest_end(route, data);
	berth_netlink_nest_end(route, info);
	berth_links__begin(route, network->interface, 0, 0);
	berth_netlink_put_text(route, IFLA_IFALIAS, alias);
	if (!berth_netlink_send(route, NULL, error))
		return g_prefix_error(error, "make bridge %s: ", network->interface), false;
	return true;
}

// On the default bridge links lead from container to container, though these do not reach each other otherwise.
static bool has_links(const struct berth_network *network)
{
	return is_isolated(network) && berth_network__flag(network, OPTION "default_bridge", false);
}

// The host answers what one asks for another's MAC, so that their packets go by its rules.
static bool allow_links(const struct berth_network *network, GError **error)
{
	g_autofree char *proxy = g_strdup_printf("ipv4/conf/%s/proxy_arp_pvlan", network->interface);

	return berth_links__write_setting(proxy, "1", error);
}

// Its own settings must be so before it is up: it would take an address of IPv6 by itself, or heed advertisements.
static bool set_up_bridge(struct berth_networks *networks, const struct berth_network *network,
			  struct berth_netlink *route, const struct berth_link_state *link, bool own, GError **error)
{
	g_autofree char *accept = g_strdup_printf("ipv6/conf/%s/accept_ra", network->interface);
	g_autofree char *disable = g_strdup_printf("ipv6/conf/%s/disable_ipv6", network->interface);
	// No other machine is on the bridge: a wait for one that has its link-local address would only keep the first
	// seconds' connections over IPv6 from their container.
	g_autofree char *detection = g_strdup_printf("ipv6/conf/%s/accept_dad", network->interface);
	g_autofree char *address = own_address(network, AF_INET), *address6 = own_address(network, AF_INET6);
	g_autofree char *alias = berth_links__alias(networks, network->id);
	struct ifinfomsg header = {.ifi_index = link->index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	if (has_links(network) && !allow_links(network, error))
		return false;
	if (!berth_links__write_setting(accept, "0", error) || !berth_links__write_setting(detection, "0", error) ||
	    !berth_links__write_setting(disable, network->ipv6 ? "0" : "1", error))
		return false;
	berth_netlink_begin(route, RTM_NEWLINK, 0, &header, sizeof header);
	if (own)
		berth_netlink_put_text(route, IFLA_IFALIAS, alias);
	if (address)
		berth_links__put_address(route, link->index, address);
	if (address6)
		berth_links__put_address(route, link->index, address6);
	if (!berth_netlink_send(route, NULL, error))
		return g_prefix_error(error, "set up bridge %s: ", network->interface), false;
	return true;
}

// A bridge of that name that somebody else made is used if it was asked for by its name, and stays when the network
// goes. *ret_own: it is ours; *ret_made: since now.
static bool find_or_make(struct berth_networks *networks, const struct berth_network *network,
			 struct berth_netlink *route, struct berth_link_state *ret, bool *ret_own, bool *ret_made,
			 GError **error)
{
	const char *id = NULL;

	if (!berth_links__get(route, network->interface, ret, error))
		return false;
	*ret_made = !ret->index;
	*ret_own = *ret_made || (berth_links__is_ours(networks, ret, &id) && g_str_equal(id, network->id));
	if (*ret_made)
		return make_bridge(networks, network, route, error) &&
		       berth_links__get(route, network->interface, ret, error);
	if (!g_str_equal(ret->kind, "bridge"))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "the host has an interface %s that is no bridge",
				       network->interface);
	if (!*ret_own && (*ret->alias || !berth_network__option(network, OPTION "name")))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "the host has a bridge %s already, that is another's%s%s", network->interface,
				       *ret->alias ? ": " : "", ret->alias);
	return true;
}

static bool set_rules(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	const struct berth_network_pool *pool = berth_network__pool(network, AF_INET);
	const struct berth_network_pool *pool6 = berth_network__pool(network, AF_INET6);
	enum berth_gateway_mode mode = berth_network__gateway_mode(network, AF_INET);
	enum berth_gateway_mode mode6 = berth_network__gateway_mode(network, AF_INET6);
	bool masquerade = !network->internal && berth_network__flag(network, OPTION "enable_ip_masquerade", true);
	g_autofree char *address = own_address(network, AF_INET), *address6 = own_address(network, AF_INET6);
	struct berth_firewall_network rules = {
		.interface = network->interface,
		.subnet = pool ? pool->subnet : NULL,
		.subnet6 = pool6 ? pool6->subnet : NULL,
		.gateway = address ? pool->gateway : NULL,
		.gateway6 = address6 ? pool6->gateway : NULL,
		.internal = network->internal,
		.masquerade = pool && masquerade && mode == BERTH_GATEWAY_NAT,
		.masquerade6 = pool6 && masquerade && mode6 == BERTH_GATEWAY_NAT,
		.isolated = is_isolated(network),
		.routed = pool && mode == BERTH_GATEWAY_ROUTED,
		.routed6 = pool6 && mode6 == BERTH_GATEWAY_ROUTED,
	};

	return berth_firewall_network_set(networks->firewall, &rules, error);
}

// Whether bridged packets go through the host's IP rules (br_netfilter), which translate addresses then.
static bool bridged_are_filtered(const struct berth_network *network)
{
	g_autofree char *four = berth_links__read_setting("bridge/bridge-nf-call-iptables");
	g_autofree char *six = berth_links__read_setting("bridge/bridge-nf-call-ip6tables");

	return (network->ipv4 && g_strcmp0(four, "1") == 0) || (network->ipv6 && g_strcmp0(six, "1") == 0);
}

static bool up_with(struct berth_networks *networks, const struct berth_network *network, struct berth_netlink *route,
		    GError **error)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, network->id);
	struct berth_link_state link;
	bool own, made;

	if (!known || !find_or_make(networks, network, route, &link, &own, &made, error))
		return false;
	if (!set_rules(networks, network, error) || !set_up_bridge(networks, network, route, &link, own, error) ||
	    (!network->internal && !networks->no_forwarding &&
	     !berth_network__forward(network->ipv4, network->ipv6, error))) {
		// On one that was there containers may run, which work as they are. Rules of an earlier one that
		// somebody removed go when the network does.
		if (made)
			berth_links__delete(route, network->interface, NULL);
		if (made && !known->index)
			berth_firewall_network_remove(networks->firewall, network->interface, NULL);
		return false;
	}
	known->index = link.index;
	known->hairpin = bridged_are_filtered(network);
	return true;
}

static bool up(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	struct berth_netlink *route = berth_networks__route(networks, error);

	if (!route)
		return false;
	bool done = up_with(networks, network, route, error);
	berth_networks__route_back(networks, route);
	return done;
}

static bool down(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	struct berth_netlink *route = berth_networks__route(networks, error);
	struct berth_link_state link = {0};
	const char *id = NULL;

	if (!route)
		return false;
	bool done = !network->interface || berth_links__get(route, network->interface, &link, error);
	bool own = done && link.index && berth_links__is_ours(networks, &link, &id) && g_str_equal(id, network->id);
	if (own)
		done = berth_links__delete(route, network->interface, error);
	berth_networks__route_back(networks, route);
	if (!done || !network->interface)
		return done;
	pthread_mutex_lock(&networks->lock);
	bool shared = !own && berth_bridge__other_with(networks, network, network->interface);
	pthread_mutex_unlock(&networks->lock);
	return shared || berth_firewall_network_remove(networks->firewall, network->interface, error);
}

// Endpoints

struct pair {
	const struct berth_network *network;
	const struct berth_network_known *known;
	const struct berth_endpoint *endpoint;
	const char *alias;
	uint8_t mac[6];
	uint32_t mtu;
};

// The kernel makes queues for each processor, each with folders in sysfs, and uses one of them.
static void put_queues(struct berth_netlink *route)
{
	berth_netlink_put_u32(route, IFLA_NUM_TX_QUEUES, 1);
	berth_netlink_put_u32(route, IFLA_NUM_RX_QUEUES, 1);
}

// The pair, made in the container's namespace under that index (0: the kernel's choice), and the peer on the host.
static void put_pair(struct berth_netlink *route, const struct pair *pair, int index, int host)
{
	struct ifinfomsg header = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}, peer = {0};

	berth_netlink_begin(route, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
	berth_netlink_put_text(route, IFLA_IFNAME, pair->endpoint->interface);
	berth_netlink_put(route, IFLA_ADDRESS, pair->mac, sizeof pair->mac);
	put_queues(route);
	if (pair->mtu)
		berth_netlink_put_u32(route, IFLA_MTU, pair->mtu);
	size_t info = berth_netlink_nest(route, IFLA_LINKINFO);
	berth_netlink_put_text(route, IFLA_INFO_KIND, "veth");
	size_t data = berth_netlink_nest(route, IFLA_INFO_DATA);
	size_t other = berth_netlink_nest(route, VETH_INFO_PEER);
	berth_netlink_put_header(route, &peer, sizeof peer);
	berth_netlink_put_text(route, IFLA_IFNAME, pair->endpoint->host_interface);
	berth_netlink_put_u32(route, IFLA_NET_NS_FD, (uint32_t) host);
	put_queues(route);
	if (pair->mtu)
		berth_netlink_put_u32(route, IFLA_MTU, pair->mtu);
	berth_netlink_nest_end(route, other);
	berth_netlink_nest_end(route, data);
	berth_netlink_nest_end(route, info);
}

// The host's end becomes a port. It has no address of IPv6: what comes in by it is the bridge's. The kernel looks at
// that last in a message, when the interface is up already and has one; so it has a message of its own.
static void put_port(struct berth_netlink *route, const struct pair *pair)
{
	berth_links__begin(route, pair->endpoint->host_interface, 0, 0);
	berth_netlink_put_text(route, IFLA_IFALIAS, pair->alias);
	size_t families = berth_netlink_nest(route, IFLA_AF_SPEC);
	size_t family = berth_netlink_nest(route, AF_INET6);
	berth_netlink_put_u8(route, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	berth_netlink_nest_end(route, family);
	berth_netlink_nest_end(route, families);
	berth_links__begin(route, pair->endpoint->host_interface, 0, IFF_UP);
	berth_netlink_put_u32(route, IFLA_MASTER, (uint32_t) pair->known->index);
}

// These need that it is a port already.
static void put_port_flags(struct berth_netlink *route, const struct pair *pair)
{
	berth_links__begin(route, pair->endpoint->host_interface, 0, 0);
	size_t info = berth_netlink_nest(route, IFLA_LINKINFO);
	berth_netlink_put_text(route, IFLA_INFO_SLAVE_KIND, "bridge");
	size_t data = berth_netlink_nest(route, IFLA_INFO_SLAVE_DATA);
	if (is_isolated(pair->network))
		berth_netlink_put_u8(route, IFLA_BRPORT_ISOLATED, 1);
	if (pair->known->hairpin)
		berth_netlink_put_u8(route, IFLA_BRPORT_MODE, 1);
	berth_netlink_nest_end(route, data);
	berth_netlink_nest_end(route, info);
}

// The addresses are a batch of their own: rtnetlink goes on after a refused message, and they would go to whatever has
// that index in the container already.
static bool make_pair_at(const struct pair *pair, struct berth_sandbox *sandbox, int index, GError **error)
{
	struct berth_netlink *route = berth_sandbox_route(sandbox);

	berth_sandbox__forget_index(sandbox, pair->endpoint->interface);
	put_pair(route, pair, index, berth_sandbox__host_namespace(sandbox));
	if (!berth_netlink_send(route, NULL, error))
		return false;
	if (index)
		berth_sandbox__note_index(sandbox, pair->endpoint->interface, index);
	return berth_sandbox__index(sandbox, pair->endpoint->interface, &index, error) &&
	       berth_sandbox__put_addresses(sandbox, index, pair->endpoint, error) &&
	       berth_netlink_send(route, NULL, error);
}

// An interface of the same name on the host is what is left of the container's last run: its namespace has ended and
// will be cleared any moment. That index may be taken in the container, by what it or a module of the kernel made.
static bool make_pair(struct berth_networks *networks, const struct pair *pair, struct berth_sandbox *sandbox,
		      struct berth_netlink *route, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct berth_link_state link;

	if (make_pair_at(pair, sandbox, FIRST_INDEX + (int) pair->endpoint->slot, &problem))
		return true;
	int errnum = berth_netlink_errno(berth_sandbox_route(sandbox));
	if (errnum != EEXIST && errnum != EBUSY) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (!berth_links__get(route, pair->endpoint->host_interface, &link, error))
		return false;
	if (link.index && !berth_links__is_ours(networks, &link, NULL) && *link.alias)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "the host's interface %s is another's: %s",
				       link.name, link.alias);
	return (!link.index || berth_links__delete(route, link.name, error)) && make_pair_at(pair, sandbox, 0, error);
}

static bool set_port_rules(struct berth_networks *networks, const struct berth_network *network,
			   const struct berth_endpoint *endpoint, GError **error)
{
	g_autofree char *ipv4 = endpoint->ipv4 ? g_strndup(endpoint->ipv4, strcspn(endpoint->ipv4, "/")) : NULL;
	g_autofree char *ipv6 = endpoint->ipv6 ? g_strndup(endpoint->ipv6, strcspn(endpoint->ipv6, "/")) : NULL;
	struct berth_firewall_port port = {
		.interface = endpoint->host_interface,
		.bridge = network->interface,
		.mac = endpoint->mac,
		.ipv4 = ipv4,
		.ipv6 = ipv6,
	};

	return berth_firewall_port_set(networks->firewall, &port, error);
}

// The kernel gives each interface that has a carrier routes of IPv6 for multicasts and for its link, and walks all
// routes when an interface comes or goes: it would be slower with every port there is. Nobody sends to a port by them.
static void put_no_routes(struct berth_netlink *route, int index)
{
	static const struct {
		uint8_t destination[16], length, table;
	} routes[] = {{{0xff}, 8, RT_TABLE_LOCAL}, {{0xfe, 0x80}, 64, RT_TABLE_MAIN}};

	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
		struct rtmsg header = {.rtm_family = AF_INET6,
				       .rtm_dst_len = routes[i].length,
				       .rtm_table = routes[i].table,
				       .rtm_scope = RT_SCOPE_NOWHERE};
		berth_netlink_begin(route, RTM_DELROUTE, 0, &header, sizeof header);
		berth_netlink_put(route, RTA_DST, routes[i].destination, sizeof routes[i].destination);
		berth_netlink_put_u32(route, RTA_OIF, (uint32_t) index);
		berth_netlink_forgive(route, ESRCH);
		berth_netlink_forgive(route, EOPNOTSUPP); // no IPv6 here
	}
}

static bool attach_port(struct berth_networks *networks, const struct pair *pair, struct berth_netlink *route,
			GError **error)
{
	// Before it can send anything.
	if (!set_port_rules(networks, pair->network, pair->endpoint, error))
		return false;
	put_port(route, pair);
	if (is_isolated(pair->network) || pair->known->hairpin)
		put_port_flags(route, pair);
	int index;
	if (!berth_netlink_send(route, NULL, error) ||
	    !berth_links__settle(route, pair->endpoint->host_interface, &index, error) ||
	    !berth_links__settle(route, pair->network->interface, NULL, error))
		return false;
	put_no_routes(route, index);
	return berth_netlink_send(route, NULL, error);
}

static bool attach_with(struct berth_networks *networks, const struct pair *pair, struct berth_sandbox *sandbox,
			struct berth_netlink *route, GError **error)
{
	bool without = !pair->endpoint->ipv6;

	if (without && !berth_sandbox__without_ipv6(sandbox, error))
		return false;
	bool made = make_pair(networks, pair, sandbox, route, error);
	if (without && !berth_sandbox__with_ipv6_again(sandbox, made ? error : NULL))
		return false;
	if (made && attach_port(networks, pair, route, error) &&
	    berth_links__settle(berth_sandbox_route(sandbox), pair->endpoint->interface, NULL, error))
		return true;
	g_prefix_error(error, "attach %s: ", pair->endpoint->interface);
	return false;
}

static bool attach(struct berth_networks *networks, const struct berth_network *network,
		   struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, network->id);
	g_autofree char *alias = berth_links__alias(networks, endpoint->id);
	struct pair pair = {network, known, endpoint, alias, {0}, berth_network__mtu(network)};
	char name[IFNAMSIZ];

	if (!known || !berth_mac_parse(endpoint->mac, pair.mac, error))
		return false;
	if (!endpoint->host_interface) {
		berth_endpoint_host_interface(endpoint->container, endpoint->slot, name);
		endpoint->host_interface = g_strdup(name);
	}
	struct berth_netlink *route = berth_networks__route(networks, error);
	if (!route)
		return false;
	bool attached = attach_with(networks, &pair, sandbox, route, error);
	berth_networks__route_back(networks, route);
	return attached;
}

static bool detach(struct berth_networks *networks, G_GNUC_UNUSED const struct berth_network *network,
		   const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	if (sandbox && endpoint->interface)
		berth_sandbox__forget_index(sandbox, endpoint->interface);
	if (!endpoint->host_interface)
		return true;
	struct berth_netlink *route = berth_networks__route(networks, error);
	if (!route)
		return false;
	// Its peer in the container goes with it. One that was not finished has no alias yet.
	struct berth_link_state link;
	bool removed = berth_links__get(route, endpoint->host_interface, &link, error);
	if (removed && link.index && (!*link.alias || berth_links__is_ours(networks, &link, NULL)))
		removed = berth_links__delete(route, endpoint->host_interface, error);
	berth_networks__route_back(networks, route);
	return berth_firewall_port_remove(networks->firewall, endpoint->host_interface, removed ? error : NULL) &&
	       removed;
}

static bool adopt(struct berth_networks *networks, const struct berth_network *network,
		  const struct berth_endpoint *endpoint, GError **error)
{
	return !endpoint->host_interface || set_port_rules(networks, network, endpoint, error);
}

const struct berth_network_driver berth_network_bridge = {
	.name = "bridge",
	.addresses = true,
	.check = check,
	.up = up,
	.down = down,
	.attach = attach,
	.detach = detach,
	.adopt = adopt,
};
