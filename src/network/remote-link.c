// SPDX-License-Identifier: Apache-2.0
// A plugin makes an interface on the host and says what it is called: we move it into the container, and back when the
// container leaves the network.
#include "network/remote.h"

#include "base/error.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define LONGEST_PREFIX (IFNAMSIZ - 3) // two digits come behind it

void berth_remote_join_clear(struct berth_remote_join *join)
{
	g_free(join->source);
	g_free(join->prefix);
	g_free(join->gateway);
	g_free(join->gateway6);
	g_strfreev(join->routes);
	*join = (struct berth_remote_join){0};
}

// A text that is not empty; NULL: there is none.
static const char *text_of(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(document, key));

	return text && *text ? text : NULL;
}

static bool read_gateway(const json_t *answer, const char *key, int family, char **ret, GError **error)
{
	const char *text = text_of(answer, key);
	struct berth_address address;

	if (!text)
		return true;
	if (!berth_address_parse(text, &address, error))
		return g_prefix_error(error, "%s: ", key), false;
	if (address.family != family)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: %s is of another family", key, text);
	*ret = berth_address_text(&address);
	return true;
}

// RouteType 0 is a route by NextHop, 1 one to the link.
static char *read_route(const json_t *route, GError **error)
{
	const char *destination = text_of(route, "Destination"), *hop = text_of(route, "NextHop");
	json_int_t type = json_integer_value(json_object_get(route, "RouteType"));
	struct berth_address address, host;
	struct berth_subnet subnet;

	if (!destination || !berth_subnet_parse(destination, &subnet, &host, NULL) || type < 0 || type > 1 ||
	    (type == 0 && (!hop || !berth_address_parse(hop, &address, NULL)))) {
		berth_error_set(error, BERTH_ERROR_INTERNAL,
				"StaticRoutes: expected a Destination, a RouteType of 0 or 1 and for 0 a NextHop");
		return NULL;
	}
	g_autofree char *text = berth_subnet_text(&subnet);
	return type == 1 ? g_steal_pointer(&text) : g_strdup_printf("%s via %s", text, hop);
}

static bool read_routes(const json_t *answer, char ***ret, GError **error)
{
	g_autoptr(GPtrArray) routes = g_ptr_array_new_with_free_func(g_free);
	const json_t *route;
	size_t i;

	json_array_foreach(json_object_get(answer, "StaticRoutes"), i, route)
	{
		char *text = read_route(route, error);
		if (!text)
			return false;
		g_ptr_array_add(routes, text);
	}
	if (routes->len == 0)
		return true;
	g_ptr_array_add(routes, NULL);
	*ret = g_strdupv((char **) routes->pdata);
	return true;
}

bool berth_remote_join_read(const json_t *answer, struct berth_remote_join *ret, GError **error)
{
	const json_t *name = json_object_get(answer, "InterfaceName");
	const char *source = text_of(name, "SrcName"), *prefix = text_of(name, "DstPrefix");

	if (source && !berth_link_name_valid(source))
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "SrcName \"%.40s\" is no name of an interface",
				       source);
	if (prefix && (!berth_link_name_valid(prefix) || strlen(prefix) > LONGEST_PREFIX || g_str_equal(prefix, "lo")))
		return berth_error_set(error, BERTH_ERROR_INTERNAL,
				       "DstPrefix \"%.40s\" cannot begin the name of an interface", prefix);
	ret->source = g_strdup(source);
	ret->prefix = g_strdup(prefix);
	return read_gateway(answer, "Gateway", AF_INET, &ret->gateway, error) &&
	       read_gateway(answer, "GatewayIPv6", AF_INET6, &ret->gateway6, error) &&
	       read_routes(answer, &ret->routes, error);
}

// The kernel renames it on the way.
static bool move(struct berth_netlink *route, int index, const char *name, int namespace, GError **error)
{
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = index};

	berth_netlink_begin(route, RTM_NEWLINK, 0, &header, sizeof header);
	berth_netlink_put_text(route, IFLA_IFNAME, name);
	berth_netlink_put_u32(route, IFLA_NET_NS_FD, (uint32_t) namespace);
	return berth_netlink_send(route, NULL, error);
}

static bool move_from_host(struct berth_networks *networks, const char *source, const struct berth_endpoint *endpoint,
			   struct berth_sandbox *sandbox, GError **error)
{
	struct berth_netlink *route = berth_networks__route(networks, error);
	struct berth_link_state link;

	if (!route)
		return false;
	bool moved = berth_links__get(route, source, &link, error);
	if (moved && !link.index)
		moved = berth_error_set(error, BERTH_ERROR_NOT_FOUND,
					"the host has no interface %s, which the plugin says it has made", source);
	moved = moved && move(route, link.index, endpoint->interface, berth_sandbox_namespace(sandbox), error);
	berth_networks__route_back(networks, route);
	return moved;
}

static bool set_mac(struct berth_sandbox *sandbox, int index, const char *text, GError **error)
{
	struct berth_netlink *route = berth_sandbox_route(sandbox);
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	uint8_t mac[6];

	if (!berth_mac_parse(text, mac, error))
		return false;
	berth_netlink_begin(route, RTM_NEWLINK, 0, &header, sizeof header);
	berth_netlink_put(route, IFLA_ADDRESS, mac, sizeof mac);
	return berth_netlink_send(route, NULL, error);
}

static bool set_up(struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error)
{
	struct berth_netlink *route = berth_sandbox_route(sandbox);
	struct berth_link_state link;

	if (!berth_links__get(route, endpoint->interface, &link, error))
		return false;
	if (!link.index)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "interface %s did not arrive in the container",
				       endpoint->interface);
	if (!endpoint->mac)
		endpoint->mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", link.mac[0], link.mac[1], link.mac[2],
						link.mac[3], link.mac[4], link.mac[5]);
	else if (!set_mac(sandbox, link.index, endpoint->mac, error))
		return g_prefix_error(error, "set MAC %s: ", endpoint->mac), false;
	berth_links__put_up(route, link.index);
	return berth_sandbox__put_addresses(sandbox, link.index, endpoint, error) &&
	       berth_netlink_send(route, NULL, error);
}

bool berth_remote_move_in(struct berth_networks *networks, const char *source, struct berth_endpoint *endpoint,
			  struct berth_sandbox *sandbox, GError **error)
{
	bool without = !endpoint->ipv6;

	berth_sandbox__forget_index(sandbox, endpoint->interface);
	if (without && !berth_sandbox__without_ipv6(sandbox, error))
		return false;
	bool moved = move_from_host(networks, source, endpoint, sandbox, error);
	if (without && !berth_sandbox__with_ipv6_again(sandbox, moved ? error : NULL))
		return false;
	return moved && set_up(endpoint, sandbox, error);
}

bool berth_remote_move_out(const char *source, const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox,
			   GError **error)
{
	struct berth_netlink *route = berth_sandbox_route(sandbox);
	struct berth_link_state link;

	berth_sandbox__forget_index(sandbox, endpoint->interface);
	if (!berth_links__get(route, endpoint->interface, &link, error))
		return false;
	return !link.index || move(route, link.index, source, berth_sandbox__host_namespace(sandbox), error);
}
