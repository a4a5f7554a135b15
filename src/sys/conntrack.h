// SPDX-License-Identifier: Apache-2.0
// Flows that the kernel tracks: found and forgotten. A flow keeps the translation that it was given with its first
// packet, so whoever changes translations has to end the flows that they no longer hold for.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct berth_flow_end {
	uint8_t address[16]; // network order; four bytes of IPv4
	uint16_t port;
};
struct berth_flow {
	int family, protocol;
	uint32_t status; // IPS_DST_NAT …
	// As the first packet was, and as answers are: without translation the one is the other turned round.
	struct berth_flow_end from, to, reply_from, reply_to;
};

// Which flows are looked at; the kernel leaves out the others, if it is new enough (5.8), so that this costs little on
// a host with many. Zeros and NULL: any.
struct berth_flow_filter {
	int family; // AF_INET, AF_INET6
	const uint8_t *reply_from; // address
	int protocol;
	uint16_t to_port; // of that protocol
};

// Forgets those flows of this network namespace of which `chosen` says so; *ret_count (may be NULL) is how many.
typedef bool berth_flow_fn(void *data, const struct berth_flow *flow);
bool berth_flows_forget(const struct berth_flow_filter *filter, berth_flow_fn *chosen, void *data, unsigned *ret_count,
			GError **error);
