// SPDX-License-Identifier: Apache-2.0
// Ports as requests write them. No state.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

// "80", "80/tcp", "8000-8010/udp". *ret_last is the first where it is one port. INVALID in Docker's words.
struct berth_port {
	int protocol; // IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP
	uint16_t first, last;
};
bool berth_port_parse(const char *text, struct berth_port *ret, GError **error);
const char *berth_port_protocol(int protocol); // "tcp"
int berth_port_protocol_of(const char *name); // 0: there is none of that name
char *berth_port_text(int protocol, uint16_t port); // "80/tcp"

// What a binding asks for: "", "0" (any of the ephemeral range: 0..0), "8080", "8000-8010".
bool berth_port_host_range(const char *text, uint16_t *ret_first, uint16_t *ret_last, GError **error);

bool berth_port_bindings_check(GHashTable *bindings, GError **error);
// A deep copy; NULL gives an empty one.
GHashTable *berth_port_bindings_copy(GHashTable *bindings);
