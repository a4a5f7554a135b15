// SPDX-License-Identifier: Apache-2.0
// Machines for the tests of networks: each is a network namespace, the test's thread in that of the host. Nothing of
// this machine's own namespace is touched.
#pragma once

#include "network/network.h"
#include "network/sandbox.h"

struct scene {
	struct berth_networks *networks;
	char *folder; // run and state folder
	GError *error;
	unsigned made; // containers and networks, for their ids
};

// Enters a new host with its loopback interface up. False: it cannot be made here, and the test has been skipped.
bool scene_open(struct scene *scene, const char *engine);
// The engine starts anew: nothing is known.
void scene_restart(struct scene *scene, const char *engine);
void scene_close(struct scene *scene);

// A machine with nothing but its loopback interface. Closed by the caller.
int scene_machine(void);
// Runs an ip(8) or other command of a shell in a machine (-1: the host). Its success is asserted, or returned.
void scene_run(int machine, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool scene_try(int machine, const char *format, ...) G_GNUC_PRINTF(2, 3);
// What it prints, without the last newline; the caller frees it.
char *scene_output(int machine, const char *format, ...) G_GNUC_PRINTF(2, 3);

// Whether a datagram that a socket in one machine sends to an address arrives in the other.
bool scene_reaches(int from, int to, const char *address);
bool scene_blocked(int from, int to, const char *address);

struct berth_network *scene_network(struct scene *scene, const char *driver, const char *name);
void scene_option(struct berth_network *network, const char *name, const char *value);
void scene_pool(struct berth_network *network, const char *subnet, const char *range, const char *gateway);
void scene_add(struct scene *scene, struct berth_network *network); // asserts that it can be added

struct scene_container {
	char id[65];
	int namespace;
	struct berth_sandbox *sandbox;
	GPtrArray *endpoints; // struct berth_endpoint
};
void scene_container_open(struct scene *scene, struct scene_container *container);
void scene_container_close(struct scene_container *container);
// A request: neither allocated nor attached.
struct berth_endpoint *scene_endpoint(struct scene *scene, struct scene_container *container,
				      const struct berth_network *network);
// Allocates, makes the network up, attaches and sets the default routes, as the engine does.
struct berth_endpoint *scene_connect(struct scene *scene, struct scene_container *container,
				     const struct berth_network *network);
bool scene_attach(struct scene *scene, struct scene_container *container, const struct berth_network *network,
		  struct berth_endpoint *endpoint);
void scene_disconnect(struct scene *scene, struct scene_container *container, const struct berth_network *network,
		      struct berth_endpoint *endpoint);
