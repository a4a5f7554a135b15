// SPDX-License-Identifier: Apache-2.0
// Where the engine listens: unix sockets that it makes, sockets that systemd hands over, TCP if it must be.
#pragma once

#include "api/api.h"
#include "programs/daemon-options.h"

struct daemon_sockets {
	GArray *sockets; // of struct berth_api_socket
	GPtrArray *paths; // of the unix sockets made here
	GPtrArray *warnings; // of hosts that everyone can use who reaches them; NULL-terminated when they are open
};

// Opens what the options' hosts name (none: `fallback`). Their group owns the unix sockets; none: "berth" if there is
// one, else root's.
bool daemon_sockets_open(struct daemon_sockets *sockets, const struct daemon_options *options, const char *fallback,
			 GError **error);
// Where metrics are served; -1 with *error.
int daemon_sockets_metrics(const char *address, GError **error);
// Removes the unix sockets' files, and closes the descriptors if they were not handed on.
void daemon_sockets_close(struct daemon_sockets *sockets, bool close_fds);
