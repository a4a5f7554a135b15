// SPDX-License-Identifier: Apache-2.0
// What a network driver is. A driver makes kernel state equal to what it is given and keeps nothing in memory; where it
// has to remember something, that is in the network's or the endpoint's `state`.
#pragma once

#include "network/network.h"
#include "network/sandbox.h"

struct berth_network_driver {
	const char *name;
	bool addresses; // we allocate them; else the driver fills in the endpoint's at attach
	bool chooses_mac; // an endpoint that asks for none has none until attach
	bool publishes; // see berth_network_publishes()
	bool shares_host; // host: there is no sandbox
	bool (*check)(struct berth_networks *networks, struct berth_network *network, GError **error);
	bool (*up)(struct berth_networks *networks, const struct berth_network *network, GError **error);
	bool (*down)(struct berth_networks *networks, const struct berth_network *network, GError **error);
	// The network is removed for good; it is down. NULL: nothing is to be done.
	bool (*remove)(struct berth_networks *networks, const struct berth_network *network, GError **error);
	bool (*attach)(struct berth_networks *networks, const struct berth_network *network,
		       struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error);
	bool (*detach)(struct berth_networks *networks, const struct berth_network *network,
		       const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox, GError **error);
	// After the engine's restart: an endpoint that is there. NULL: nothing is to be done.
	bool (*adopt)(struct berth_networks *networks, const struct berth_network *network,
		      const struct berth_endpoint *endpoint, GError **error);
};

// driver.c: the table. A name that is in none of its rows is a plugin's. A row for `overlay` goes here, too.
const struct berth_network_driver *berth_network_driver_find(const char *name, GError **error);

extern const struct berth_network_driver berth_network_bridge, berth_network_host, berth_network_null,
	berth_network_macvlan, berth_network_ipvlan, berth_network_cni, berth_network_remote;
