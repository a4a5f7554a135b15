// SPDX-License-Identifier: Apache-2.0
// What the tests of the firewall share: one that knows the networks of machines.h, and what is published there.
#pragma once

#include "network/firewall.h"
#include "network/tests/machines.h"

extern const struct berth_firewall_network one, two;

// Synced, and without networks; with both.
struct berth_firewall *open_firewall(enum berth_publish_policy policy);
struct berth_firewall *open_networks(enum berth_publish_policy policy);
void set_network(struct berth_firewall *firewall, const struct berth_firewall_network *network);

GPtrArray *new_list(void); // of struct berth_published
struct berth_published *published(int protocol, const char *host, uint16_t host_port, const char *address,
				  uint16_t port, const char *bridge);
// And settles.
void publish(struct berth_firewall *firewall, const char *owner, const GPtrArray *list);

#define NOTHING ""
// Who answers there, and what it takes the asker's address for.
void expect(int from, int protocol, const char *address, uint16_t port, const char *wanted);
void expect_both(int from, const char *address, uint16_t port, const char *wanted); // TCP and UDP
