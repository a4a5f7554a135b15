// SPDX-License-Identifier: Apache-2.0
// Networks: what they are, and how kernel state is made equal to it. The engine owns the records and decides who is on
// which network; here is what that means for interfaces, addresses, routes, nftables and names. Doing anything twice
// changes nothing, and undoing what is not there is fine: so a crash needs no journal, only the records.
//
// Any thread may call; an object has a lock of its own, which is the innermost but for none.
#pragma once

#include "base/document.h"
#include "network/firewall.h"

#include <stdint.h>

// A subnet of a network. All are text as people write it: "172.18.0.0/24", "172.18.0.1".
struct berth_network_pool {
	char *subnet; // with prefix length, no host bits
	char *range; // addresses are given from this part of it; NULL: from all of it
	char *gateway;
	GHashTable *auxiliary; // name -> address: never given to a container
};
extern const struct berth_document berth_network_pool_document;

// What the database keeps of a network: kind "network", id its 64 hex digits.
#define BERTH_RECORD_NETWORK "network"
#define BERTH_NETWORK_VERSION 1
struct berth_network {
	int64_t version;
	char *id;
	char *name;
	int64_t created; // nanoseconds since 1970
	char *driver; // bridge, macvlan, host, null, cni, or a plugin's name
	bool predefined; // bridge, host, none: cannot be removed
	bool internal; // nothing leads out of it
	bool attachable;
	bool ipv4, ipv6;
	char *ipam_driver; // "default", or an IPAM plugin's name
	GHashTable *ipam_options;
	GPtrArray *pools; // of struct berth_network_pool, both families
	GHashTable *options; // the driver's: com.docker.network.bridge.name …
	GHashTable *labels;
	char *interface; // the bridge's, or what is made for the network on the host; NULL: none
	json_t *state; // the driver's own (a plugin's pool ids); NULL: none
};
extern const struct berth_document berth_network_document;
BERTH_DOCUMENT_AUTOPTR(berth_network, berth_network_document)

// A port of the host's that leads to one of an endpoint's, where the network's driver sees to it.
struct berth_endpoint_port {
	char *protocol; // tcp, udp, sctp
	char *host_address; // NULL: all
	int64_t host_port;
	int64_t port; // of the container
};
extern const struct berth_document berth_endpoint_port_document;
BERTH_DOCUMENT_AUTOPTR(berth_endpoint_port, berth_endpoint_port_document)

// A container's place on a network, for as long as the container runs: <run folder>/network.json keeps it, and is gone
// at reboot like the interface that it describes.
struct berth_endpoint {
	char *id; // 64 hex digits
	char *network; // its id
	char *network_name;
	char *container; // its id
	int64_t slot; // its number in the container, from 0: eth<slot>, and part of its name on the host
	int64_t gateway_priority; // the highest one's gateway is the container's default route
	char *interface; // in the container: "eth0"
	char *host_interface; // on the host; NULL where the driver makes none
	char *mac; // "02:42:ac:12:00:02"; NULL in a request: made from the address
	char *ipv4, *ipv6; // with prefix length; NULL: none
	char *gateway, *gateway6; // NULL: none
	char **routes; // further ones: "10.1.0.0/16 via 172.18.0.9"
	bool is_default, is_default6; // the container's default route is by this gateway
	char **names; // that it is found by on this network; the first is the container's name
	GHashTable *options; // the driver's, of this endpoint
	GPtrArray *ports; // of struct berth_endpoint_port: what its driver publishes; NULL: nothing
	json_t *state; // what the driver needs to detach it (a CNI result)
	// In a request what the container says of name servers (for drivers that pass it on); then what its driver
	// says.
	char **dns_servers, **dns_search, **dns_options;
	char *cgroup; // the container's; NULL: unknown
};
extern const struct berth_document berth_endpoint_document;
BERTH_DOCUMENT_AUTOPTR(berth_endpoint, berth_endpoint_document)

// The name of an endpoint's interface on the host: "bc", twelve digits of the container's id, and the slot as one digit
// of base 36. So what is found after a crash tells whose it was. `ret` has IFNAMSIZ bytes.
void berth_endpoint_host_interface(const char *container, int64_t slot, char *ret);
#define BERTH_ENDPOINT_SLOTS 36

struct berth_networks_options {
	const char *engine; // its id: part of the alias of every interface that is made ("berth <engine> <object>")
	const char *run_folder; // <exec root>/networks: names files
	const char *state_folder; // <data root>/networks: what CNI wants to be kept
	char *const *pools; // "base=172.18.0.0/15,size=24"; NULL: the built-in ones
	const char *bridge_subnet; // of the default bridge; NULL: chosen
	char *const *cni_paths; // folders of plugins; NULL: /usr/lib/cni and /opt/cni/bin
	char *const *cni_folders; // of configurations; NULL: /etc/cni/net.d
	bool no_forwarding; // the host's forwarding of packets is left as it is
	struct berth_firewall_options firewall;
};

struct berth_networks;
struct berth_plugins;

// Makes nothing yet. `plugins` is borrowed.
struct berth_networks *berth_networks_new(const struct berth_networks_options *options, struct berth_plugins *plugins,
					  GError **error);
// Kernel state of networks stays; the firewall's tables do if `keep` (berth_firewall_free()).
void berth_networks_free(struct berth_networks *networks, bool keep);
struct berth_firewall *berth_networks_firewall(struct berth_networks *networks); // borrowed

// A network that is to be made, or was loaded from the database: checks driver, options, subnets (for themselves,
// against the other networks known here, and, where they are chosen, against the host's routes), chooses what was left
// open (pools, gateway, interface's name) and knows it from now on. INVALID in Docker's words, CONFLICT for an overlap.
// `loaded`: nothing is chosen or refused any more; what cannot be honoured is the driver's error at up().
bool berth_networks_add(struct berth_networks *networks, struct berth_network *network, bool loaded, GError **error);
// It is removed: its names file and a plugin's pools go, too.
void berth_networks_forget(struct berth_networks *networks, const char *id);

// Makes the network's interface, addresses and rules, if they are not there.
bool berth_network_up(struct berth_networks *networks, const struct berth_network *network, GError **error);
bool berth_network_down(struct berth_networks *networks, const struct berth_network *network, GError **error);
// The same for a network that is removed for good: plugins are told. From before that until berth_networks_forget() it
// is written down, so that an engine that was killed finishes it: berth_network_is_leaving().
bool berth_network_remove(struct berth_networks *networks, const struct berth_network *network, GError **error);
bool berth_network_is_leaving(const struct berth_networks *networks, const char *id);

// Gives an endpoint its addresses, MAC and names of interfaces; `endpoint` has what was asked for (ipv4, ipv6, mac
// without choice are NULL; an address asked for has no prefix length yet). INVALID: not in a subnet of the network;
// CONFLICT: "Address already in use"; RESOURCE_EXHAUSTED: no address is left, naming the network and its size.
bool berth_endpoint_allocate(struct berth_networks *networks, const struct berth_network *network,
			     struct berth_endpoint *endpoint, GError **error);
// An endpoint that exists already, after the engine's restart.
void berth_endpoint_adopt(struct berth_networks *networks, const struct berth_network *network,
			  const struct berth_endpoint *endpoint);
void berth_endpoint_release(struct berth_networks *networks, const struct berth_network *network,
			    const struct berth_endpoint *endpoint);

// Whether the driver of the network publishes ports itself (CNI, plugins). Then the ports, once they are taken by
// berth_firewall_port_take(), are put into the endpoint before it is attached (of several such endpoints, into the
// first), and not given to berth_firewall_publish(); they cannot be changed while it is attached.
bool berth_network_publishes(const struct berth_network *network);

struct berth_sandbox;
// Puts the endpoint into the container's network namespace: interface, addresses, routes, rules against spoofing. The
// default route is set by berth_sandbox_default_routes(), when all endpoints are there. The network is up.
bool berth_endpoint_attach(struct berth_networks *networks, const struct berth_network *network,
			   struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error);
// `sandbox` is NULL when the container has ended. That takes tens of milliseconds, for the kernel waits until nobody
// can be using the interface; other calls go on meanwhile.
bool berth_endpoint_detach(struct berth_networks *networks, const struct berth_network *network,
			   const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error);

// Of a container's endpoints (struct berth_endpoint) chooses those whose gateways are the default routes: not internal
// ones; by gateway priority, then by the network's name, as Docker does; for each family by itself.
void berth_endpoints_choose_default(struct berth_networks *networks, GPtrArray *endpoints);

// Writes the names file of a network: what `endpoints` (struct berth_endpoint of all containers that run on it) are
// called. Atomic; the resolvers read it at once. The path is berth_network_names_path()'s.
bool berth_network_write_names(struct berth_networks *networks, const char *network, const GPtrArray *endpoints,
			       GError **error);
char *berth_network_names_path(struct berth_networks *networks, const char *network);

// After a start: removes interfaces of this engine's that belong to no network known here and to no endpoint adopted,
// and makes the firewall equal to what is known.
bool berth_networks_sweep(struct berth_networks *networks, GError **error);
