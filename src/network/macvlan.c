// SPDX-License-Identifier: Apache-2.0
// The drivers `macvlan` and `ipvlan`: an endpoint's interface is the container's own on the wire of one of the host's.
// Of the options `parent` names that one ("eth0.10" is made as VLAN 10 of eth0 where it is missing, and removed with
// the network), `macvlan_mode` or `ipvlan_mode` how containers on it reach each other. Without a parent a dummy
// interface is made, which leads nowhere.
#include "network/network-internal.h"

#include "base/error.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define LARGEST_VLAN 4094

struct mode {
	const char *name;
	uint32_t value;
};
static const struct mode macvlan_modes[] = {
	{"bridge", MACVLAN_MODE_BRIDGE},
	{"private", MACVLAN_MODE_PRIVATE},
	{"vepa", MACVLAN_MODE_VEPA},
	{"passthru", MACVLAN_MODE_PASSTHRU},
};
static const struct mode ipvlan_modes[] = {
	{"l2", IPVLAN_MODE_L2},
	{"l3", IPVLAN_MODE_L3},
	{"l3s", IPVLAN_MODE_L3S},
};

static bool is_macvlan(const struct berth_network *network)
{
	return g_str_equal(network->driver, "macvlan");
}

// The first one is what it is without an option. NULL: there is no such mode.
static const struct mode *mode_of(const struct berth_network *network)
{
	const struct mode *modes = is_macvlan(network) ? macvlan_modes : ipvlan_modes;
	size_t count = is_macvlan(network) ? G_N_ELEMENTS(macvlan_modes) : G_N_ELEMENTS(ipvlan_modes);
	const char *text = berth_network__option(network, is_macvlan(network) ? "macvlan_mode" : "ipvlan_mode");

	for (size_t i = 0; text && *text && i < count; i++)
		if (g_str_equal(modes[i].name, text))
			return &modes[i];
	return text && *text ? NULL : modes;
}

static const char *parent_of(const struct berth_network *network)
{
	const char *parent = berth_network__option(network, "parent");

	return parent && *parent ? parent : NULL;
}

// "eth0.10" -> "eth0" and 10. False: it is no such name.
static bool parse_vlan(const char *parent, char *ret_base, uint16_t *ret_id)
{
	const char *dot = strrchr(parent, '.');
	guint64 id;

	if (!dot || dot == parent || (size_t) (dot - parent) >= IFNAMSIZ ||
	    !g_ascii_string_to_unsigned(dot + 1, 10, 1, LARGEST_VLAN, &id, NULL))
		return false;
	g_strlcpy(ret_base, parent, (gsize) (dot - parent) + 1);
	*ret_id = (uint16_t) id;
	return true;
}

// A parent in mode passthru has one network and one container.
static bool check_parent(struct berth_networks *networks, const struct berth_network *network, const char *parent,
			 GError **error)
{
	bool passes = is_macvlan(network) && mode_of(network)->value == MACVLAN_MODE_PASSTHRU;
	bool free = true;
	GHashTableIter iter;
	struct berth_network_known *known;

	pthread_mutex_lock(&networks->lock);
	g_hash_table_iter_init(&iter, networks->known);
	while (free && g_hash_table_iter_next(&iter, NULL, (void **) &known)) {
		const struct berth_network *other = known->network;
		if ((!is_macvlan(other) && !g_str_equal(other->driver, "ipvlan")) ||
		    g_strcmp0(other->interface, parent) != 0 || g_str_equal(other->id, network->id))
			continue;
		const struct mode *mode = mode_of(other);
		if (passes || !g_str_equal(other->driver, network->driver) ||
		    (is_macvlan(other) && mode && mode->value == MACVLAN_MODE_PASSTHRU))
			free = berth_error_set(error, BERTH_ERROR_FORBIDDEN,
					       "network %s is already using parent interface %s", other->name, parent);
	}
	pthread_mutex_unlock(&networks->lock);
	return free;
}

static bool check(struct berth_networks *networks, struct berth_network *network, GError **error)
{
	const char *parent = parent_of(network);

	if (!mode_of(network))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			is_macvlan(network) ? "requested macvlan mode '%s' is not valid, 'bridge' mode is the macvlan "
					      "driver default"
					    : "requested ipvlan mode '%s' is not valid, 'l2' mode is the ipvlan driver "
					      "default",
			berth_network__option(network, is_macvlan(network) ? "macvlan_mode" : "ipvlan_mode"));
	if (parent && g_str_equal(parent, "lo"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "loopback interface is not a valid %s parent link",
				       network->driver);
	if (parent && !berth_link_name_valid(parent))
		return berth_error_set(error, BERTH_ERROR_INVALID, "parent: \"%s\" is no name of a network interface",
				       parent);
	if (!parent)
		network->internal = true;
	g_free(network->interface);
	network->interface = parent ? g_strdup(parent) : g_strdup_printf("dm-%.12s", network->id);
	return berth_network__check_common(network, error) &&
	       check_parent(networks, network, network->interface, error);
}

// The parent

static void put_vlan(struct berth_netlink *route, const char *name, int base, uint16_t id)
{
	berth_links__begin(route, name, NLM_F_CREATE | NLM_F_EXCL, 0);
	berth_netlink_put_u32(route, IFLA_LINK, (uint32_t) base);
	size_t info = berth_netlink_nest(route, IFLA_LINKINFO);
	berth_netlink_put_text(route, IFLA_INFO_KIND, "vlan");
	size_t data = berth_netlink_nest(route, IFLA_INFO_DATA);
	berth_netlink_put_u16(route, IFLA_VLAN_ID, id);
	berth_netlink_nest_end(route, data);
	berth_netlink_nest_end(route, info);
}

static bool make_parent(struct berth_networks *networks, const struct berth_network *network,
			struct berth_netlink *route, GError **error)
{
	g_autofree char *alias = berth_links__alias(networks, network->id);
	struct berth_link_state base;
	char name[IFNAMSIZ];
	uint16_t id;

	if (!parent_of(network)) {
		berth_links__begin(route, network->interface, NLM_F_CREATE | NLM_F_EXCL, 0);
		berth_links__put_kind(route, "dummy");
	} else {
		if (!parse_vlan(network->interface, name, &id))
			return berth_error_set(error, BERTH_ERROR_NOT_FOUND,
					       "the host has no interface %s (parent): only VLANs are made, like "
					       "eth0.10",
					       network->interface);
		if (!berth_links__get(route, name, &base, error))
			return false;
		if (!base.index)
			return berth_error_set(error, BERTH_ERROR_NOT_FOUND,
					       "the host has no interface %s, which parent %s would be a VLAN of", name,
					       network->interface);
		put_vlan(route, network->interface, base.index, id);
	}
	if (!berth_netlink_send(route, NULL, error))
		return g_prefix_error(error, "make interface %s: ", network->interface), false;
	berth_links__begin(route, network->interface, 0, IFF_UP);
	berth_netlink_put_text(route, IFLA_IFALIAS, alias);
	if (!berth_netlink_send(route, NULL, error)) {
		berth_links__delete(route, network->interface, NULL);
		return g_prefix_error(error, "set up interface %s: ", network->interface), false;
	}
	return true;
}

static bool up(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, network->id);
	struct berth_netlink *route = berth_networks__route(networks, error);
	struct berth_link_state link;

	if (!route)
		return false;
	bool done = known && berth_links__get(route, network->interface, &link, error);
	if (done && !link.index)
		done = make_parent(networks, network, route, error) &&
		       berth_links__get(route, network->interface, &link, error);
	if (done)
		known->index = link.index;
	berth_networks__route_back(networks, route);
	return done;
}

static bool down(struct berth_networks *networks, const struct berth_network *network, GError **error)
{
	struct berth_netlink *route = berth_networks__route(networks, error);
	struct berth_link_state link;
	const char *id = NULL;

	if (!route)
		return false;
	bool done = berth_links__get(route, network->interface, &link, error);
	if (done && link.index && berth_links__is_ours(networks, &link, &id) && g_str_equal(id, network->id))
		done = berth_links__delete(route, network->interface, error);
	berth_networks__route_back(networks, route);
	return done;
}

// Endpoints

// Made on the host, born in the container. An IPvlan interface has its parent's MAC.
static bool put_interface(struct berth_netlink *route, const struct berth_network *network, int parent,
			  const struct berth_endpoint *endpoint, int namespace, GError **error)
{
	uint32_t mtu = berth_network__mtu(network);
	uint8_t mac[6];

	if (is_macvlan(network) && !berth_mac_parse(endpoint->mac, mac, error))
		return false;
	berth_links__begin(route, endpoint->interface, NLM_F_CREATE | NLM_F_EXCL, 0);
	berth_netlink_put_u32(route, IFLA_LINK, (uint32_t) parent);
	berth_netlink_put_u32(route, IFLA_NET_NS_FD, (uint32_t) namespace);
	if (is_macvlan(network))
		berth_netlink_put(route, IFLA_ADDRESS, mac, sizeof mac);
	if (mtu)
		berth_netlink_put_u32(route, IFLA_MTU, mtu);
	size_t info = berth_netlink_nest(route, IFLA_LINKINFO);
	berth_netlink_put_text(route, IFLA_INFO_KIND, network->driver);
	size_t data = berth_netlink_nest(route, IFLA_INFO_DATA);
	if (is_macvlan(network))
		berth_netlink_put_u32(route, IFLA_MACVLAN_MODE, mode_of(network)->value);
	else
		berth_netlink_put_u16(route, IFLA_IPVLAN_MODE, (uint16_t) mode_of(network)->value);
	berth_netlink_nest_end(route, data);
	berth_netlink_nest_end(route, info);
	return true;
}

static bool make_interface(struct berth_networks *networks, const struct berth_network *network, int parent,
			   const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	struct berth_netlink *route = berth_networks__route(networks, error);

	if (!route)
		return false;
	bool made = put_interface(route, network, parent, endpoint, berth_sandbox_namespace(sandbox), error) &&
		    berth_netlink_send(route, NULL, error);
	if (!made && berth_netlink_errno(route) == EBUSY)
		g_prefix_error(error, "parent %s: ", network->interface);
	berth_networks__route_back(networks, route);
	return made;
}

// Removes what an earlier attachment left; what the container made itself under that name stays.
static bool remove_interface(const struct berth_network *network, const struct berth_endpoint *endpoint,
			     struct berth_sandbox *sandbox, GError **error)
{
	struct berth_netlink *route = berth_sandbox_route(sandbox);
	struct berth_link_state link;
	uint8_t mac[6];

	berth_sandbox__forget_index(sandbox, endpoint->interface);
	if (!berth_links__get(route, endpoint->interface, &link, error))
		return false;
	if (!link.index || !g_str_equal(link.kind, network->driver) ||
	    (is_macvlan(network) &&
	     (!berth_mac_parse(endpoint->mac, mac, NULL) || memcmp(mac, link.mac, sizeof mac) != 0)))
		return true;
	return berth_links__delete(route, endpoint->interface, error);
}

static bool set_up_interface(const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	struct berth_netlink *route = berth_sandbox_route(sandbox);
	int index;

	if (!berth_sandbox__index(sandbox, endpoint->interface, &index, error))
		return false;
	berth_links__put_up(route, index);
	return berth_sandbox__put_addresses(sandbox, index, endpoint, error) && berth_netlink_send(route, NULL, error);
}

static bool attach_born(struct berth_networks *networks, const struct berth_network *network, int parent,
			const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	bool without = !endpoint->ipv6;

	if (!remove_interface(network, endpoint, sandbox, error))
		return false;
	if (without && !berth_sandbox__without_ipv6(sandbox, error))
		return false;
	bool made = make_interface(networks, network, parent, endpoint, sandbox, error);
	if (without && !berth_sandbox__with_ipv6_again(sandbox, made ? error : NULL))
		return false;
	return made && set_up_interface(endpoint, sandbox, error);
}

static bool attach(struct berth_networks *networks, const struct berth_network *network,
		   struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	g_autoptr(berth_network_known) known = berth_networks__find(networks, network->id);

	if (!known)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network %s not found", network->name);
	if (attach_born(networks, network, known->index, endpoint, sandbox, error))
		return true;
	g_prefix_error(error, "attach %s: ", endpoint->interface);
	return false;
}

static bool detach(G_GNUC_UNUSED struct berth_networks *networks, const struct berth_network *network,
		   const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	if (!sandbox || !endpoint->interface)
		return true; // it ended with the namespace
	return remove_interface(network, endpoint, sandbox, error);
}

const struct berth_network_driver berth_network_macvlan = {
	.name = "macvlan",
	.addresses = true,
	.check = check,
	.up = up,
	.down = down,
	.attach = attach,
	.detach = detach,
};

const struct berth_network_driver berth_network_ipvlan = {
	.name = "ipvlan",
	.addresses = true,
	.chooses_mac = true,
	.check = check,
	.up = up,
	.down = down,
	.attach = attach,
	.detach = detach,
};
