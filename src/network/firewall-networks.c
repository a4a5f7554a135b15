// SPDX-License-Identifier: Apache-2.0
// Networks and the ports of their bridges: what comes in is checked, known, and sent on as elements.
#include "network/firewall-internal.h"

#include "base/error.h"

#include <string.h>

// A name goes into nft's text in quotes.
static bool check_interface(const char *name, GError **error)
{
	if (name && *name && strlen(name) < IFNAMSIZ && !strpbrk(name, "\"\\/*") && strspn(name, " \t\n\r\v\f") == 0 &&
	    !strpbrk(name, " \t\n\r\v\f"))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid name '%s' of an interface", name ? name : "");
}

static bool parse_network(const struct berth_firewall_network *network, struct berth_firewall__network *ret,
			  GError **error)
{
	const char *const subnets[] = {network->subnet, network->subnet6};
	static const int families[] = {AF_INET, AF_INET6};

	*ret = (struct berth_firewall__network){.masquerade = {network->masquerade, network->masquerade6},
						.routed = {network->routed, network->routed6},
						.internal = network->internal,
						.isolated = network->isolated};
	if (!check_interface(network->interface, error))
		return false;
	g_strlcpy(ret->interface, network->interface, sizeof ret->interface);
	for (int i = 0; i < 2; i++) {
		if (!subnets[i])
			continue;
		if (!berth_subnet_parse(subnets[i], &ret->subnets[i], NULL, error))
			return false;
		if (ret->subnets[i].address.family != families[i])
			return berth_error_set(error, BERTH_ERROR_INVALID, "subnet %s of %s is not of IPv%d",
					       subnets[i], network->interface, i ? 6 : 4);
	}
	return true;
}

static bool is_same_network(const struct berth_firewall__network *a, const struct berth_firewall__network *b)
{
	for (int i = 0; i < 2; i++)
		if (a->subnets[i].address.family != b->subnets[i].address.family ||
		    memcmp(a->subnets[i].address.bytes, b->subnets[i].address.bytes, 16) != 0 ||
		    a->subnets[i].length != b->subnets[i].length || a->masquerade[i] != b->masquerade[i] ||
		    a->routed[i] != b->routed[i])
			return false;
	return a->internal == b->internal && a->isolated == b->isolated;
}

static void put_network(struct berth_firewall *firewall, struct berth_firewall__network *network)
{
	g_hash_table_replace(firewall->networks, network->interface, network);
}

// Puts back what was known of the interface (NULL: nothing).
static void restore_network(struct berth_firewall *firewall, const char *interface,
			    struct berth_firewall__network *before)
{
	if (before)
		put_network(firewall, before);
	else
		g_hash_table_remove(firewall->networks, interface);
}

bool berth_firewall_network_set(struct berth_firewall *firewall, const struct berth_firewall_network *network,
				GError **error)
{
	struct berth_firewall__network parsed, *before = NULL;
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;

	if (!parse_network(network, &parsed, error))
		return false;
	const struct berth_firewall__network *known = g_hash_table_lookup(firewall->networks, parsed.interface);
	if (known && is_same_network(known, &parsed) && !firewall->damaged && (firewall->present || !firewall->synced))
		return true;
	if (known) {
		before = g_memdup2(known, sizeof *known);
		memcpy(parsed.loopback, known->loopback, sizeof parsed.loopback);
	}
	put_network(firewall, g_memdup2(&parsed, sizeof parsed));
	// What its ports and published ports are depends on how it is, so another one is told whole.
	berth_firewall__add_network(items, &parsed, false);
	if (before ? !firewall->synced || berth_firewall__rebuild(firewall, error)
		   : berth_firewall__apply(firewall, items, error)) {
		g_free(before);
		return true;
	}
	restore_network(firewall, parsed.interface, before);
	g_prefix_error(error, "rules of %s: ", network->interface);
	return false;
}

bool berth_firewall_network_remove(struct berth_firewall *firewall, const char *interface, GError **error)
{
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;
	const struct berth_firewall__network *known = g_hash_table_lookup(firewall->networks, interface);

	if (!known)
		return true;
	struct berth_firewall__network *before = g_memdup2(known, sizeof *known);
	berth_firewall__add_network(items, known, true);
	g_hash_table_remove(firewall->networks, interface);
	if (berth_firewall__apply(firewall, items, error)) {
		g_free(before);
		return true;
	}
	put_network(firewall, before);
	g_prefix_error(error, "rules of %s: ", interface);
	return false;
}

static bool parse_port_address(const char *text, int family, struct berth_address *ret, GError **error)
{
	if (!text)
		return true;
	if (!berth_address_parse(text, ret, error))
		return false;
	return ret->family == family || berth_error_set(error, BERTH_ERROR_INVALID, "address %s is not of IPv%d", text,
							family == AF_INET ? 4 : 6);
}

static bool parse_port(const struct berth_firewall_port *port, struct berth_firewall__port *ret, GError **error)
{
	*ret = (struct berth_firewall__port){0};
	if (!check_interface(port->interface, error) || !check_interface(port->bridge, error) ||
	    !berth_mac_parse(port->mac, ret->mac, error) ||
	    !parse_port_address(port->ipv4, AF_INET, &ret->addresses[0], error) ||
	    !parse_port_address(port->ipv6, AF_INET6, &ret->addresses[1], error))
		return false;
	g_strlcpy(ret->interface, port->interface, sizeof ret->interface);
	g_strlcpy(ret->bridge, port->bridge, sizeof ret->bridge);
	return true;
}

static void put_port(struct berth_firewall *firewall, struct berth_firewall__port *port)
{
	g_hash_table_replace(firewall->ports, port->interface, port);
}

bool berth_firewall_port_set(struct berth_firewall *firewall, const struct berth_firewall_port *port, GError **error)
{
	struct berth_firewall__port parsed, *before = NULL;
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;

	if (!parse_port(port, &parsed, error))
		return false;
	const struct berth_firewall__port *known = g_hash_table_lookup(firewall->ports, parsed.interface);
	if (known) {
		before = g_memdup2(known, sizeof *known);
		berth_firewall__add_port(items, firewall, before, true);
	}
	put_port(firewall, g_memdup2(&parsed, sizeof parsed));
	berth_firewall__add_port(items, firewall, &parsed, false);
	if (berth_firewall__apply(firewall, items, error)) {
		g_free(before);
		return true;
	}
	if (before)
		put_port(firewall, before);
	else
		g_hash_table_remove(firewall->ports, parsed.interface);
	g_prefix_error(error, "rules of %s: ", port->interface);
	return false;
}

bool berth_firewall_port_remove(struct berth_firewall *firewall, const char *interface, GError **error)
{
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct berth_firewall_item));
	BERTH_AUTO_UNLOCK locker = berth_lock(&firewall->lock);
	(void) locker;
	const struct berth_firewall__port *known = g_hash_table_lookup(firewall->ports, interface);

	if (!known)
		return true;
	struct berth_firewall__port *before = g_memdup2(known, sizeof *known);
	berth_firewall__add_port(items, firewall, before, true);
	g_hash_table_remove(firewall->ports, interface);
	if (berth_firewall__apply(firewall, items, error)) {
		g_free(before);
		return true;
	}
	put_port(firewall, before);
	g_prefix_error(error, "rules of %s: ", interface);
	return false;
}
