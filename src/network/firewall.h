// SPDX-License-Identifier: Apache-2.0
// Our nftables: translation, published ports, isolation. What should be is kept in memory; the kernel's tables are made
// equal to it by single elements as long as nobody else touches them, and whole when somebody did (`nft flush ruleset`,
// a firewall's restart) or the engine starts.
//
// Tables: inet <name> (translation, published ports, who may reach whom) and bridge <name> (which addresses a container
// may claim). No other table is ever changed. What others drop stays dropped: an nftables chain cannot take that back.
//
// Any thread may call.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum berth_publish_policy {
	// As the host's firewall says. A host that filters what comes in (an input chain that drops or rejects what it
	// does not know) has not opened our ports, and the translation would lead around its rules: so they are open
	// to the host itself and to containers only. On a host that filters nothing they are open to everybody.
	BERTH_PUBLISH_FIREWALL,
	BERTH_PUBLISH_OPEN, // to everybody, whatever the host's input chains say
	BERTH_PUBLISH_LOCAL, // to the host itself and to containers
};
bool berth_publish_policy_parse(const char *text, enum berth_publish_policy *ret,
				GError **error); // firewall open local

struct berth_firewall_options {
	const char *table; // "berth"
	enum berth_publish_policy publish;
};

// Until the first berth_firewall_sync() only memory changes: tables of an earlier run go on as they are while the
// engine tells what it knows of.
struct berth_firewall;
struct berth_firewall *berth_firewall_new(const struct berth_firewall_options *options, GError **error);
// The tables stay if `keep` (containers run on), else they are removed.
void berth_firewall_free(struct berth_firewall *firewall, bool keep);

struct berth_firewall_network {
	const char *interface; // the bridge's; what follows is of it
	const char *subnet, *subnet6; // NULL: none
	const char *gateway, *gateway6; // the host's own address on it
	bool internal; // nothing leaves or enters
	bool masquerade, masquerade6; // what leaves has the host's address
	bool isolated; // containers do not reach each other (ICC off)
	bool routed, routed6; // gateway mode "routed": the outside may reach published ports at the container's address
};
bool berth_firewall_network_set(struct berth_firewall *firewall, const struct berth_firewall_network *network,
				GError **error);
bool berth_firewall_network_remove(struct berth_firewall *firewall, const char *interface, GError **error);

// What a bridge port may send: its own MAC and addresses, in Ethernet, ARP, IPv4, IPv6 and neighbour discovery; no
// router advertisements, no DHCP answers.
struct berth_firewall_port {
	const char *interface; // the bridge port, on the host
	const char *bridge;
	const char *mac; // needed
	const char *ipv4, *ipv6; // without prefix length; NULL: none
};
bool berth_firewall_port_set(struct berth_firewall *firewall, const struct berth_firewall_port *port, GError **error);
bool berth_firewall_port_remove(struct berth_firewall *firewall, const char *interface, GError **error);

// Links: what `from` may reach of `to`, containers of a network that is isolated. IPv4 addresses, without length.
struct berth_firewall_link {
	const char *from, *to;
	int protocol;
	uint16_t port;
};
// Makes those of `owner` (a container's id) equal to the list.
bool berth_firewall_links_set(struct berth_firewall *firewall, const char *owner,
			      const struct berth_firewall_link *links, size_t count, GError **error);

// Published ports

struct berth_published {
	int protocol; // IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP
	char *host_address; // NULL, and "0.0.0.0" or "::": all of the host's, of the container address's family
	uint16_t host_port;
	char *address; // of the container
	uint16_t port;
	char *bridge; // that it is reached by
};
void berth_published_free(struct berth_published *published);

// Takes a port of the host for a container: the first free one of first..last (0, 0: any of the ephemeral range). NULL
// for the address: of both families; "0.0.0.0", "::": of all addresses of that family. What is taken is ours, held by a
// socket that receives nothing, until it is given back by berth_firewall_port_release() with the same arguments.
// CONFLICT names who has it: another container ("Bind for 0.0.0.0:80 failed: port is already allocated: by container
// 4c01db0b339c") or a process of the host ("… by nginx (pid 812)"); RESOURCE_EXHAUSTED: none of the ephemeral range is
// left.
bool berth_firewall_port_take(struct berth_firewall *firewall, const char *owner, int protocol,
			      const char *host_address, uint16_t first, uint16_t last, uint16_t *ret, GError **error);
void berth_firewall_port_release(struct berth_firewall *firewall, const char *owner, int protocol,
				 const char *host_address, uint16_t port);

// Makes the ports that `owner` (a container's id) has published equal to the list (struct berth_published, copied;
// NULL: none), in one transaction. It holds at once for what begins now; for what the kernel knew before, it does after
// berth_firewall_settle().
bool berth_firewall_publish(struct berth_firewall *firewall, const char *owner, const GPtrArray *ports, GError **error);

// Cuts off what goes through ports that were withdrawn or lead elsewhere now, and lets what was sent to a port (not of
// TCP) before it was published be led to the container. The kernel walks over all that it tracks (10 ms and more): for
// a thread that nobody waits for, or where it must be done. Where nothing came by a withdrawn port, there is nothing to
// settle.
bool berth_firewall_settle(struct berth_firewall *firewall, GError **error);
bool berth_firewall_is_settled(struct berth_firewall *firewall);

// Why published ports are not open to the outside, in words for a warning; NULL: they are. The caller frees it.
char *berth_firewall_restriction(struct berth_firewall *firewall);
// What else of the host's rules stands in the way: chains at forward that drop what we let through. NULL: nothing.
char *berth_firewall_obstacle(struct berth_firewall *firewall);

// Makes the kernel's tables equal to memory, whole.
bool berth_firewall_sync(struct berth_firewall *firewall, GError **error);
// A descriptor to poll, the same for the firewall's life; when it is readable, berth_firewall_look() finds out whether
// somebody removed or changed our tables and puts them back, and whether the host's own rules say something else now.
// Where somebody keeps removing them, they are put back once a second after the first few times.
int berth_firewall_watch(struct berth_firewall *firewall);
bool berth_firewall_look(struct berth_firewall *firewall, GError **error);
