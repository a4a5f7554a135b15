// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share. Locks: a network's `making` (up and down of that network) before the object's.
#pragma once

#include "base/lock.h"
#include "network/driver.h"
#include "network/network.h"
#include "network/pools.h"
#include "sys/net-link.h"
#include "sys/netlink.h"

#include <net/if.h>

// What is known of a network while the engine runs. Counted: a call that works on it keeps it.
struct berth_network_known {
	struct berth_network *network; // a copy
	GPtrArray *addresses; // struct berth_addresses of each of its pools; NULL where there are none to give
	GHashTable *endpoints; // id -> struct berth_endpoint of those that have addresses now
	pthread_mutex_t making;
	bool up;
	int index; // of its interface on the host; 0: none, or not known
	bool hairpin; // the host sends bridged packets through its IP rules, so a port may have to get back its own
};

struct berth_networks {
	char *alias; // "berth <engine>", which is what our interfaces' aliases begin with
	char *engine;
	char *run_folder, *state_folder;
	struct berth_pool *pools;
	size_t pool_count;
	struct berth_subnet bridge_subnet; // of the default bridge; its family is 0 where it is chosen
	struct berth_address bridge_address; // as the subnet was written: the host's own on it, or the subnet's
	char **cni_paths, **cni_folders;
	bool no_forwarding;
	struct berth_firewall *firewall;
	struct berth_plugins *plugins;

	pthread_mutex_t lock; // of what follows
	GHashTable *known; // id -> struct berth_network_known
	GPtrArray *routes; // idle rtnetlink sockets of the host
};

// A reference to what is known of the network; NULL: nothing. _unref() takes NULL.
struct berth_network_known *berth_networks__find(struct berth_networks *networks, const char *id);
// Whether an endpoint is in the network; `known` may be NULL.
bool berth_networks__has_endpoint(struct berth_networks *networks, struct berth_network_known *known,
				  const char *endpoint);
void berth_networks__unref(struct berth_network_known *known);
typedef struct berth_network_known berth_network_known;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_network_known, berth_networks__unref)

// An rtnetlink socket of the host's, which the caller has for itself until it gives it back.
struct berth_netlink *berth_networks__route(struct berth_networks *networks, GError **error);
void berth_networks__route_back(struct berth_networks *networks, struct berth_netlink *route);
struct berth_netlink *berth_networks__route_locked(struct berth_networks *networks, GError **error); // lock is held

// The driver's option of that name; NULL if it was not given.
const char *berth_network__option(const struct berth_network *network, const char *name);
// Of options that were checked: their values.
bool berth_network__flag(const struct berth_network *network, const char *name, bool fallback);
uint32_t berth_network__mtu(const struct berth_network *network); // 0: not given
bool berth_network__check_flag(const struct berth_network *network, const char *name, GError **error);
bool berth_network__check_common(const struct berth_network *network, GError **error); // MTU, names of interfaces

enum berth_gateway_mode {
	BERTH_GATEWAY_NAT,
	BERTH_GATEWAY_ROUTED,
	BERTH_GATEWAY_ISOLATED, // the host has no address on the network
};
enum berth_gateway_mode berth_network__gateway_mode(const struct berth_network *network, int family);

// The network's pools of a family it has: the first of it; NULL: none.
const struct berth_network_pool *berth_network__pool(const struct berth_network *network, int family);
int berth_network__pool_family(const struct berth_network_pool *pool); // 0: its subnet is not chosen yet

// plan.c: checks the pools of a network that is to be made, and chooses what is left open. The lock is held.
bool berth_network__plan(struct berth_networks *networks, struct berth_network *network, GError **error);
// The addresses that may be given to endpoints of each pool (struct berth_addresses); the gateway's is taken.
GPtrArray *berth_network__addresses(const struct berth_network *network);

// links.c: rtnetlink messages that drivers have in common. _put_ functions add to the batch.

// ret->index is 0 if there is no such interface. An alias longer than ours can be is cut.
struct berth_link_state {
	int index;
	unsigned flags; // IFF_UP …
	int master; // an interface's index, or 0
	unsigned state; // IF_OPER_UP …
	uint32_t mtu;
	uint8_t mac[6];
	char kind[16]; // "bridge", "veth"; "" where the kernel names none
	char name[IFNAMSIZ];
	char alias[256];
};
bool berth_links__get(struct berth_netlink *route, const char *name, struct berth_link_state *ret, GError **error);
// All interfaces: an array of struct berth_link_state.
GArray *berth_links__list(struct berth_netlink *route, GError **error);
bool berth_links__delete(struct berth_netlink *route, const char *name, GError **error); // missing is fine
// `text` is "172.18.0.2/16" and was checked. No duplicate address detection.
void berth_links__put_address(struct berth_netlink *route, int index, const char *text);
// A default route for `destination` NULL. `gateway` NULL: the destination is on the link.
void berth_links__put_route(struct berth_netlink *route, int index, const struct berth_subnet *destination,
			    const struct berth_address *gateway);
void berth_links__put_up(struct berth_netlink *route, int index);
// Waits until an interface that has just got a carrier sends, which takes the kernel some work in the background: what
// was sent earlier would be lost, and an ARP request is repeated after a second only.
bool berth_links__settle(struct berth_netlink *route, const char *name, int *ret_index, GError **error);
// Begins RTM_NEWLINK of the interface of that name (create: NLM_F_CREATE | NLM_F_EXCL, change: 0).
void berth_links__begin(struct berth_netlink *route, const char *name, uint16_t flags, unsigned up);
void berth_links__put_kind(struct berth_netlink *route, const char *kind);
// The alias of an object's interface. The caller frees it.
char *berth_links__alias(const struct berth_networks *networks, const char *id);
// Whether an interface was made for an object of this engine's; *ret_id (may be NULL) is in `link`.
bool berth_links__is_ours(const struct berth_networks *networks, const struct berth_link_state *link,
			  const char **ret_id);
// Names an interface's setting: beneath /proc/sys/net, in the calling thread's namespace. Missing files are fine.
bool berth_links__write_setting(const char *path, const char *value, GError **error);
// "1" or the like, without its newline; NULL: there is no such setting.
char *berth_links__read_setting(const char *path);

// bridge-name.c

// Another network whose interface has that name; NULL: none. The lock is held.
const struct berth_network *berth_bridge__other_with(struct berth_networks *networks, const struct berth_network *self,
						     const char *interface);
// Whether the network may have a bridge of that name. The lock is held.
bool berth_bridge__check_name(struct berth_networks *networks, const struct berth_network *network, const char *name,
			      GError **error);
// Fills in network->interface where it is open.
bool berth_bridge__choose_name(struct berth_networks *networks, struct berth_network *network, GError **error);

// ipam-endpoint.c: networks whose addresses an IPAM plugin gives. No lock is held while it is asked.
bool berth_network__has_ipam(const struct berth_network *network);
bool berth_ipam__allocate(struct berth_networks *networks, const struct berth_network *network,
			  struct berth_endpoint *endpoint, GError **error);
void berth_ipam__release(struct berth_networks *networks, const struct berth_network *network,
			 const struct berth_endpoint *endpoint);

// cni.c: DEL for containers that are gone, and GC of the networks that are known.
bool berth_remote__sweep(struct berth_networks *networks, GError **error); // remote.c
bool berth_cni__sweep(struct berth_networks *networks, GError **error);

// forwarding.c: the host forwards packets. Uplinks that learn routes from router advertisements go on doing so.
bool berth_network__forward(bool ipv4, bool ipv6, GError **error);

// sandbox.c

// The index of an interface that was attached through this sandbox, or is looked up.
bool berth_sandbox__index(struct berth_sandbox *sandbox, const char *interface, int *ret, GError **error);
void berth_sandbox__forget_index(struct berth_sandbox *sandbox, const char *interface);
void berth_sandbox__note_index(struct berth_sandbox *sandbox, const char *interface, int index);
int berth_sandbox__host_namespace(const struct berth_sandbox *sandbox); // borrowed
// Adds addresses and further routes of the endpoint to the sandbox's batch.
bool berth_sandbox__put_addresses(struct berth_sandbox *sandbox, int index, const struct berth_endpoint *endpoint,
				  GError **error);
// What interfaces that are made there from now on are born with: no IPv6. Given back by the second.
bool berth_sandbox__without_ipv6(struct berth_sandbox *sandbox, GError **error);
bool berth_sandbox__with_ipv6_again(struct berth_sandbox *sandbox, GError **error);
