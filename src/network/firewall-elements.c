// SPDX-License-Identifier: Apache-2.0
// What networks, bridge ports and published ports are as elements of our sets, and an element as text.
#include "network/firewall-internal.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <string.h>

static struct berth_nft_element *add_item(GArray *items, enum berth_firewall_set set, bool remove)
{
	struct berth_firewall_item item = {.set = set,
					   .element = {.set = berth_firewall__set_name(set), .remove = remove}};

	g_array_append_val(items, item);
	return &g_array_index(items, struct berth_firewall_item, items->len - 1).element;
}

static void put_key(struct berth_nft_element *element, const void *data, size_t length)
{
	memcpy(element->key + element->key_length, data, length);
	memcpy(element->key_end + element->key_length, data, length);
	element->key_length += (length + 3) / 4 * 4;
}

static void put_name(struct berth_nft_element *element, const char *name)
{
	char key[IFNAMSIZ] = "";

	g_strlcpy(key, name, sizeof key);
	put_key(element, key, sizeof key);
}

static size_t address_length(int family)
{
	return family == AF_INET ? 4 : 16;
}

static void put_address(struct berth_nft_element *element, const struct berth_address *address)
{
	put_key(element, address->bytes, address_length(address->family));
}

static void put_service(struct berth_nft_element *element, int protocol, uint16_t port)
{
	uint8_t number = (uint8_t) protocol;
	uint16_t wire = htons(port);

	put_key(element, &number, sizeof number);
	put_key(element, &wire, sizeof wire);
}

static void put_target(struct berth_nft_element *element, const struct berth_address *address, uint16_t port)
{
	size_t length = address_length(address->family);
	uint16_t wire = htons(port);

	memcpy(element->data, address->bytes, length);
	memcpy(element->data + length, &wire, sizeof wire);
	element->data_length = length + 4;
}

// From a subnet's first address to its last.
static void put_subnet(struct berth_nft_element *element, const struct berth_subnet *subnet)
{
	size_t start = element->key_length, length = address_length(subnet->address.family);

	put_address(element, &subnet->address);
	for (size_t bit = subnet->length; bit < length * 8; bit++)
		element->key_end[start + bit / 8] |= (uint8_t) (0x80 >> bit % 8);
	element->interval = true;
}

void berth_firewall__add_network(GArray *items, const struct berth_firewall__network *network, bool remove)
{
	static const enum berth_firewall_set masquerade[] = {SET_MASQUERADE4, SET_MASQUERADE6},
					     routed[] = {SET_ROUTED4, SET_ROUTED6}, local[] = {SET_LOCAL4, SET_LOCAL6};

	put_name(add_item(items, SET_BRIDGES, remove), network->interface);
	if (network->internal)
		put_name(add_item(items, SET_INTERNAL, remove), network->interface);
	if (!network->isolated) {
		struct berth_nft_element *element = add_item(items, SET_SAME, remove);
		put_name(element, network->interface);
		put_name(element, network->interface);
	}
	for (int i = 0; i < 2; i++) {
		if (network->subnets[i].address.family == 0)
			continue;
		if (network->masquerade[i])
			put_name(add_item(items, masquerade[i], remove), network->interface);
		if (network->routed[i])
			put_name(add_item(items, routed[i], remove), network->interface);
		struct berth_nft_element *element = add_item(items, local[i], remove);
		put_subnet(element, &network->subnets[i]);
		put_name(element, network->interface);
	}
}

// Neighbour discovery needs an address that is made from the MAC (RFC 4291, appendix A).
static struct berth_address link_local(const uint8_t mac[6])
{
	return (struct berth_address){
		.family = AF_INET6,
		.bytes = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
}

static void add_port_key(GArray *items, enum berth_firewall_set set, const struct berth_firewall__port *port,
			 const void *data, size_t length, bool remove)
{
	struct berth_nft_element *element = add_item(items, set, remove);

	put_name(element, port->interface);
	put_key(element, data, length);
}

static void add_sender(GArray *items, enum berth_firewall_set set, const struct berth_firewall__port *port,
		       const struct berth_address *address, bool remove)
{
	struct berth_nft_element *element = add_item(items, set, remove);

	put_name(element, port->interface);
	put_key(element, port->mac, sizeof port->mac);
	put_address(element, address);
}

static bool is_isolated(const struct berth_firewall *firewall, const struct berth_firewall__port *port)
{
	const struct berth_firewall__network *network = g_hash_table_lookup(firewall->networks, port->bridge);

	return network && network->isolated;
}

// A MAC may be that of another port, on another network.
static bool has_twin(const struct berth_firewall *firewall, const struct berth_firewall__port *port)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, firewall->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct berth_firewall__port *other = value;
		if (!g_str_equal(other->interface, port->interface) && memcmp(other->mac, port->mac, 6) == 0 &&
		    is_isolated(firewall, other))
			return true;
	}
	return false;
}

void berth_firewall__add_port(GArray *items, const struct berth_firewall *firewall,
			      const struct berth_firewall__port *port, bool remove)
{
	struct berth_address automatic = link_local(port->mac);
	struct berth_nft_element *element;

	put_name(add_item(items, SET_PORTS, remove), port->interface);
	add_port_key(items, SET_MACS, port, port->mac, sizeof port->mac, remove);
	if (port->addresses[0].family)
		add_port_key(items, SET_ADDRESSES4, port, port->addresses[0].bytes, 4, remove);
	if (port->addresses[1].family) {
		add_port_key(items, SET_ADDRESSES6, port, port->addresses[1].bytes, 16, remove);
		add_port_key(items, SET_TARGETS6, port, port->addresses[1].bytes, 16, remove);
		add_port_key(items, SET_ADDRESSES6, port, automatic.bytes, 16, remove);
		add_port_key(items, SET_TARGETS6, port, automatic.bytes, 16, remove);
	}
	if (!is_isolated(firewall, port)) {
		if (port->addresses[0].family)
			add_sender(items, SET_SENDERS4, port, &port->addresses[0], remove);
		if (port->addresses[1].family) {
			add_sender(items, SET_SENDERS6, port, &port->addresses[1], remove);
			add_sender(items, SET_SENDERS6, port, &automatic, remove);
		}
		return;
	}
	put_name(add_item(items, SET_ISOLATED, remove), port->interface);
	if (remove && has_twin(firewall, port))
		return;
	element = add_item(items, SET_ISOLATED_MACS, remove);
	put_key(element, port->mac, sizeof port->mac);
	element->key_length = sizeof port->mac;
}

// Another port of the host may lead to the same port of the container.
static bool is_published_otherwise(const struct berth_firewall *firewall,
				   const struct berth_firewall__published *published)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, firewall->published);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct berth_firewall__published *other = value;
		if (other != published && other->port == published->port && other->protocol == published->protocol &&
		    memcmp(&other->address, &published->address, sizeof other->address) == 0)
			return true;
	}
	return false;
}

void berth_firewall__add_published(GArray *items, const struct berth_firewall *firewall,
				   const struct berth_firewall__published *published, bool remove)
{
	bool is6 = published->address.family == AF_INET6;
	const struct berth_firewall__network *network = g_hash_table_lookup(firewall->networks, published->bridge);
	struct berth_nft_element *element;

	element = add_item(items, published->any ? (is6 ? SET_ANY6 : SET_ANY4) : is6 ? SET_PORTS6 : SET_PORTS4, remove);
	if (!published->any)
		put_address(element, &published->host);
	put_service(element, published->protocol, published->host_port);
	put_target(element, &published->address, published->port);
	if (!network || !network->routed[is6] || (remove && is_published_otherwise(firewall, published)))
		return;
	element = add_item(items, is6 ? SET_PUBLISHED6 : SET_PUBLISHED4, remove);
	put_address(element, &published->address);
	put_service(element, published->protocol, published->port);
}

void berth_firewall__add_link(GArray *items, const struct berth_firewall__link *link, bool remove)
{
	struct berth_nft_element *element = add_item(items, SET_LINKS4, remove);

	put_address(element, &link->from);
	put_address(element, &link->to);
	put_service(element, link->protocol, link->port);
}

void berth_firewall__add_open(GArray *items, bool open)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};

	for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
		struct berth_nft_element *element = add_item(items, SET_OPEN, !open);
		put_key(element, &families[i], 1);
		element->key_length = 1;
	}
}

void berth_firewall__add_loopback6(GArray *items, bool possible)
{
	struct berth_nft_element *element = add_item(items, SET_LOOPBACK, !possible);

	element->key[0] = NFPROTO_IPV6;
	element->key_length = 1;
}

GBytes *berth_firewall__published_key(const struct berth_firewall__published *published)
{
	struct berth_nft_element element = {0};
	uint8_t kind = (uint8_t) (published->any << 1 | (published->address.family == AF_INET6));

	put_key(&element, &kind, 1);
	if (!published->any)
		put_address(&element, &published->host);
	put_service(&element, published->protocol, published->host_port);
	return g_bytes_new(element.key, element.key_length);
}

// One part of a concatenation; returns its length in the key.
static size_t print_part(GString *text, const char *type, size_t type_length, const uint8_t *data)
{
	struct {
		const char *name;
		size_t length;
	} const types[] = {{"ifname", 16},    {"ipv4_addr", 4},    {"ipv6_addr", 16}, {"ether_addr", 6},
			   {"inet_proto", 1}, {"inet_service", 2}, {"nf_proto", 1},   {"@th,64,128", 16}};
	char address[INET6_ADDRSTRLEN];
	size_t i = 0;

	while (strncmp(types[i].name, type, type_length) != 0 || types[i].name[type_length])
		i++;
	switch (i) {
	case 0:
		g_string_append_printf(text, "\"%.16s\"", (const char *) data);
		break;
	case 1:
	case 2:
		g_string_append(text, inet_ntop(i == 1 ? AF_INET : AF_INET6, data, address, sizeof address));
		break;
	case 3:
		for (int byte = 0; byte < 6; byte++)
			g_string_append_printf(text, byte ? ":%02x" : "%02x", data[byte]);
		break;
	case 5:
		g_string_append_printf(text, "%u", (unsigned) data[0] << 8 | data[1]);
		break;
	case 6:
		g_string_append(text, data[0] == NFPROTO_IPV4 ? "ipv4" : "ipv6");
		break;
	case 7:
		g_string_append(text, "0x");
		for (int byte = 0; byte < 16; byte++)
			g_string_append_printf(text, "%02x", data[byte]);
		break;
	default:
		g_string_append_printf(text, "%u", data[0]);
	}
	return (types[i].length + 3) / 4 * 4;
}

void berth_firewall__print(GString *text, const struct berth_firewall_item *item)
{
	const char *type = berth_firewall__set_type(item->set);
	const uint8_t *at = item->element.key, *end = item->element.key_end;

	for (;;) {
		size_t length = strcspn(type, " "), part = print_part(text, type, length, at);
		if (item->element.interval && memcmp(at, end, part) != 0) {
			g_string_append_c(text, '-');
			print_part(text, type, length, end);
		}
		type += length;
		at += part;
		end += part;
		if (!*type)
			return;
		g_string_append_printf(text, " %c ", type[1]);
		if (type[1] == ':')
			at = end = item->element.data;
		type += strlen(" . ");
	}
}
