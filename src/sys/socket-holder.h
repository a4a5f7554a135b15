// SPDX-License-Identifier: Apache-2.0
// Which process has a port of this host.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct berth_socket_holder {
	int pid; // 0: not known (its /proc cannot be read, or it is in another pid namespace)
	char name[64]; // as it calls itself
};

// Looks for a socket of this network namespace that is bound to the port. `address` (network order, of `family`) may be
// NULL: any; a socket that is bound to no address in particular has it, too. False: there is none.
bool berth_socket_find_holder(int family, int protocol, const uint8_t *address, uint16_t port,
			      struct berth_socket_holder *ret);
