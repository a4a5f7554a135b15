// SPDX-License-Identifier: Apache-2.0
// What the firewall's files share. All that our tables contain, but for the rules themselves, are elements of sets:
// firewall-elements.c says which elements a network, a bridge port or a published port is; firewall-rules.c has the
// sets and the rules; firewall.c keeps memory and kernel equal; firewall-networks.c and firewall-publish.c change them;
// firewall-flows.c ends flows; firewall-ports.c is who has which port of the host; firewall-host.c reads what else
// filters on this host.
#pragma once

#include "base/lock.h"
#include "network/firewall.h"
#include "network/pools.h"
#include "sys/nftables.h"

#include <net/if.h>

#define BERTH_FIREWALL_TABLE_MAX 32 // characters of its name

enum berth_firewall_set {
	SET_BRIDGES, // of all our networks
	SET_SAME, // bridge . bridge, for those whose containers reach each other
	SET_INTERNAL,
	SET_MASQUERADE4,
	SET_MASQUERADE6,
	SET_ROUTED4,
	SET_ROUTED6,
	SET_LOCAL4, // subnet . bridge
	SET_LOCAL6,
	SET_OPEN, // families whose published ports are open to the outside
	SET_LOOPBACK, // families beside IPv4 whose connections to the loopback address can be led to containers
	SET_PORTS4, // address . protocol . port : container's address . port
	SET_PORTS6,
	SET_ANY4, // protocol . port : the same
	SET_ANY6,
	SET_PUBLISHED4, // container's address . protocol . port, on routed networks
	SET_PUBLISHED6,
	SET_LINKS4, // from . to . protocol . port
	SET_PORTS, // bridge ports that are checked; from here on in the table of family bridge
	SET_SENDERS4, // port . MAC . address
	SET_SENDERS6,
	SET_MACS,
	SET_ADDRESSES4,
	SET_ADDRESSES6,
	SET_TARGETS6, // the same as they stand in neighbour discovery
	SET_ISOLATED, // bridge ports that do not reach each other
	SET_ISOLATED_MACS,
	SETS,
};

struct berth_firewall_item {
	enum berth_firewall_set set;
	struct berth_nft_element element;
};

struct berth_firewall__network {
	char interface[IFNAMSIZ];
	struct berth_subnet subnets[2]; // IPv4, IPv6; family 0: none
	bool masquerade[2], routed[2];
	bool internal, isolated;
	bool loopback[2]; // the bridge may have packets with the loopback addresses
};

struct berth_firewall__port {
	char interface[IFNAMSIZ], bridge[IFNAMSIZ];
	uint8_t mac[6];
	struct berth_address addresses[2]; // family 0: none
};

struct berth_firewall__published {
	char *owner;
	int protocol;
	bool any; // host address
	struct berth_address host, address;
	uint16_t host_port, port;
	char bridge[IFNAMSIZ];
	unsigned build; // of the tables that its element was added to
};

// Compared as bytes: what is not said is zero.
struct berth_firewall__link {
	struct berth_address from, to;
	int protocol;
	uint16_t port, unused;
};

// Of a published port: to be forgotten.
struct berth_firewall__flows {
	struct berth_firewall__published published; // without owner
	bool withdrawn; // else: published
};

struct berth_firewall {
	pthread_mutex_t lock;
	char *table;
	enum berth_publish_policy policy;

	GHashTable *networks; // interface -> struct berth_firewall__network
	GHashTable *ports; // interface -> struct berth_firewall__port
	GHashTable *owners; // id -> GPtrArray of struct berth_firewall__published
	GHashTable *published; // what is published, by its element's key (GBytes), borrowed from `owners`
	GHashTable *links; // owner -> GArray of struct berth_firewall__link
	GArray *flows; // struct berth_firewall__flows that nobody looked for yet
	GHashTable *taken; // protocol << 16 | port -> GPtrArray of struct taken (firewall-ports.c)
	uint16_t next_port; // of the ephemeral range
	int64_t settled; // monotonic microseconds from which on nothing given back can seem to be in use

	struct berth_nft *nft; // NULL: nothing was asked of the kernel yet
	bool synced; // berth_firewall_sync() was called
	bool present; // our tables are in the kernel
	unsigned build; // how often they were made: counters begin anew with each
	bool open; // what SET_OPEN says
	bool loopback6; // what SET_LOOPBACK says
	char *filtered; // what filters the host's input, in words; NULL: nothing

	int poller; // epoll: of `watch` and `timer`
	int watch, timer;
	bool damaged; // to be put back
	bool stale; // the host's rules are to be looked at again
	gint64 looked; // when they were
	gint64 mends[5]; // when the last ones were
	unsigned mend;
};

// firewall.c; the lock is held.
// Makes the kernel equal to memory: by these elements where its tables are as they were, else whole.
bool berth_firewall__apply(struct berth_firewall *firewall, const GArray *items, GError **error);
bool berth_firewall__rebuild(struct berth_firewall *firewall, GError **error);
GPtrArray *berth_firewall__new_list(void); // of struct berth_firewall__published

// firewall-elements.c: append struct berth_firewall_item to `items`.
void berth_firewall__add_network(GArray *items, const struct berth_firewall__network *network, bool remove);
void berth_firewall__add_port(GArray *items, const struct berth_firewall *firewall,
			      const struct berth_firewall__port *port, bool remove);
void berth_firewall__add_published(GArray *items, const struct berth_firewall *firewall,
				   const struct berth_firewall__published *published, bool remove);
void berth_firewall__add_link(GArray *items, const struct berth_firewall__link *link, bool remove);
void berth_firewall__add_open(GArray *items, bool open);
void berth_firewall__add_loopback6(GArray *items, bool possible);
GBytes *berth_firewall__published_key(const struct berth_firewall__published *published);
// "172.18.0.0/24", "172.18.0.5" ...: an element as nft writes it.
void berth_firewall__print(GString *text, const struct berth_firewall_item *item);

// firewall-rules.c
bool berth_firewall__is_bridge_set(enum berth_firewall_set set);
const char *berth_firewall__set_name(enum berth_firewall_set set);
const char *berth_firewall__set_type(enum berth_firewall_set set); // "ipv4_addr . inet_service : ipv4_addr . …"
// The commands that put both tables into the kernel in place of those that are there, with these elements.
char *berth_firewall__commands(const char *table, const GArray *items);

// firewall-loopback.c: lets connections of the host to 127.0.0.1 and ::1 go out by the bridges of what is published.
bool berth_firewall__allow_loopback(struct berth_firewall *firewall, const GPtrArray *list, GError **error);
bool berth_firewall__can_loopback6(void);

// firewall-publish.c: what of `index` is reached by the same of the host; NULL: nothing.
const struct berth_firewall__published *berth_firewall__find_published(GHashTable *index,
								       const struct berth_firewall__published *wanted);

// firewall-flows.c; the lock is held.
void berth_firewall__note_flows(struct berth_firewall *firewall, const struct berth_firewall__published *published,
				bool withdrawn);

// firewall-ports.c
void berth_firewall__free_taken(void *taken);

// firewall-host.c: reads the rules of this host that are not ours.
struct berth_firewall__host;
struct berth_firewall__host *berth_firewall__read_host(const char *own_table, GError **error);
void berth_firewall__free_host(struct berth_firewall__host *host);
// Words for what filters the host's input; NULL: nothing. The caller frees it.
char *berth_firewall__input_filter(struct berth_firewall__host *host);
// Words for what drops forwarded packets of these bridges (NULL-terminated), and what to do about it; NULL: nothing.
char *berth_firewall__forward_filter(struct berth_firewall__host *host, const char *const *bridges);
