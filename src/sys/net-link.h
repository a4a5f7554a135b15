// SPDX-License-Identifier: Apache-2.0
// Network interfaces over rtnetlink, as far as moving one between network namespaces needs.
#pragma once

#include <glib.h>
#include <stdbool.h>

// A netlink socket in the network namespace that `network_namespace` is open on (-1: the caller's own). Entering
// another one is done by a process of its own. Returns -1 on failure.
int berth_link_open(int network_namespace, GError **error);

struct berth_link {
	int index;
	bool up;
};
// BERTH_ERROR_NOT_FOUND: the socket's namespace has no interface of that name.
bool berth_link_find(int socket, const char *name, struct berth_link *ret, GError **error);

// Moves an interface from one socket's namespace to the other's, which `network_namespace` is open on, under a new name
// (which may be the old one). Its own properties go with it; the kernel takes its addresses away, and those that were
// set for good and are global are set again. It is down then.
bool berth_link_move(int from, int to, int network_namespace, const char *name, const char *new_name, GError **error);
bool berth_link_set_up(int socket, const char *name, GError **error);

// Whether the kernel takes this as an interface's name.
bool berth_link_name_valid(const char *name);
