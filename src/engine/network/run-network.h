// SPDX-License-Identifier: Apache-2.0
// What a container has of networks while it runs: in memory, and in <run folder>/network.json, which is written before
// what it describes is made.
#pragma once

#include "network/network.h"

#define BERTH_RUN_NETWORK_FILE "network.json"
#define BERTH_RUN_NETWORK_VERSION 1

// A port of the host's that leads to one of the container's.
struct berth_run_port {
	char *protocol; // tcp udp sctp
	char *host_address; // as it was asked for; NULL: all of the family of `address`
	int64_t host_port;
	char *address; // of the container
	int64_t port;
	char *bridge;
};
extern const struct berth_document berth_run_port_document;

struct berth_run_network {
	int64_t version;
	GPtrArray *endpoints; // of struct berth_endpoint
	GPtrArray *ports; // of struct berth_run_port
};
extern const struct berth_document berth_run_network_document;

BERTH_DOCUMENT_AUTOPTR(berth_run_port, berth_run_port_document)
BERTH_DOCUMENT_AUTOPTR(berth_run_network, berth_run_network_document)

bool berth_run_network_write(int run_folder, const struct berth_run_network *network, GError **error);
// NULL: NOT_FOUND if there is none.
struct berth_run_network *berth_run_network_read(int run_folder, GError **error);
