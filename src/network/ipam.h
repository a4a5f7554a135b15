// SPDX-License-Identifier: Apache-2.0
// Where addresses come from that we do not choose ourselves: a network whose ipam_driver is not "default" asks an IPAM
// plugin. What has to be remembered of its pools is in the network's `state`, in the order of `pools`.
#pragma once

#include "network/network.h"

struct berth_plugins;

// Asks for the pools of a network that is being made: what is NULL of a pool (subnet, gateway) is filled in, and pools
// that are missing for its families are added. Nothing is kept by the plugin when it fails.
bool berth_ipam_request_pools(struct berth_networks *networks, struct berth_network *network, GError **error);
// Gives them back, when the network is removed.
bool berth_ipam_release_pools(struct berth_networks *networks, const struct berth_network *network, GError **error);

// Whether the plugin wants to know an endpoint's MAC with each request for an address.
bool berth_ipam_needs_mac(struct berth_plugins *plugins, const struct berth_network *network);
// Asks for an address out of the pool of that number (of network->pools): `wanted` (NULL: any), without prefix length.
// *ret has a prefix length; the caller frees it.
bool berth_ipam_request_address(struct berth_plugins *plugins, const struct berth_network *network, guint pool,
				const char *wanted, const char *mac, char **ret, GError **error);
bool berth_ipam_release_address(struct berth_plugins *plugins, const struct berth_network *network, guint pool,
				const char *address, GError **error);

// ipam-endpoint.c: gives back an address of an endpoint of the network. One that the plugin refuses is none it had
// given.
bool berth_ipam__give_back(struct berth_networks *networks, const struct berth_network *network, const char *address,
			   GError **error);

// ipam-notes.c: what was given, until it is given back.
bool berth_ipam__note_pools(const struct berth_networks *networks, const struct berth_network *network, GError **error);
bool berth_ipam__note_endpoint(const struct berth_networks *networks, const struct berth_endpoint *endpoint,
			       GError **error);
void berth_ipam__forget_endpoint(const struct berth_networks *networks, const struct berth_endpoint *endpoint);
void berth_ipam__forget_network(const struct berth_networks *networks, const char *network);
// Gives back what is noted and belongs to no network or endpoint that is there.
bool berth_ipam__sweep(struct berth_networks *networks, GError **error);
