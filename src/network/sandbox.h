// SPDX-License-Identifier: Apache-2.0
// A container's network namespace as the engine works in it. The calling thread enters it once, opens what it needs
// there and comes back; everything else is done over those sockets.
#pragma once

#include "network/network.h"
#include "sys/netlink.h"

struct berth_sandbox;

// `network_namespace` is borrowed and must stay open as long as the sandbox. Its loopback interface is made up.
struct berth_sandbox *berth_sandbox_open(int network_namespace, GError **error);
void berth_sandbox_close(struct berth_sandbox *sandbox);
typedef struct berth_sandbox berth_sandbox;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_sandbox, berth_sandbox_close)

int berth_sandbox_namespace(const struct berth_sandbox *sandbox); // borrowed
struct berth_netlink *berth_sandbox_route(struct berth_sandbox *sandbox); // rtnetlink in it; borrowed

// Runs `work` in the namespace, on this thread: for sockets, /proc/sys/net and nftables.
bool berth_sandbox_run(struct berth_sandbox *sandbox, bool (*work)(void *data, GError **error), void *data,
		       GError **error);

// Tells the neighbours on the endpoint's network that its addresses are at its MAC now. What fails is nobody's loss:
// they ask, in time. (announce.c)
void berth_sandbox_announce(struct berth_sandbox *sandbox, const struct berth_endpoint *endpoint);

// Sets the default routes that the endpoints (struct berth_endpoint, is_default …) say, in place of those that are
// there.
bool berth_sandbox_default_routes(struct berth_sandbox *sandbox, const GPtrArray *endpoints, GError **error);

// Opens the resolver's sockets in the namespace, on 127.0.0.11: UDP, and TCP that listens. Port 53 of that address
// leads to them by two rules without state, so that a server in the container may have port 53 for itself. The caller
// owns both.
bool berth_sandbox_resolver(struct berth_sandbox *sandbox, int *ret_udp, int *ret_tcp, GError **error);
