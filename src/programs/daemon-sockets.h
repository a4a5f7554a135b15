// SPDX-License-Identifier: Apache-2.0
// Where the engine listens: unix sockets that it makes, sockets that systemd hands over, TCP if it must be.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct daemon_sockets {
	GArray *fds; // int
	GPtrArray *paths; // of the unix sockets made here
};

// Opens what `hosts` name (NULL: `fallback`). `group` owns the unix sockets; NULL: "berth" if there is one, else
// root's.
bool daemon_sockets_open(struct daemon_sockets *sockets, char *const *hosts, const char *fallback, const char *group,
			 bool insecure_tcp, GError **error);
// Removes the unix sockets' files, and closes the descriptors if they were not handed on.
void daemon_sockets_close(struct daemon_sockets *sockets, bool close_fds);
