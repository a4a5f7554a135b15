// SPDX-License-Identifier: Apache-2.0
// What the files of the driver for plugins share: remote.c (networks, endpoints' lives), remote-link.c (their
// interfaces).
#pragma once

#include "network/network-internal.h"

// An answer to Join.
struct berth_remote_join {
	char *source; // the interface's name on the host; NULL: there is none
	char *prefix; // of its name in the container; NULL: as we name it
	char *gateway, *gateway6; // NULL: none
	char **routes; // as an endpoint has them; NULL: none
};
void berth_remote_join_clear(struct berth_remote_join *join);
// Checks the answer. `ret` is to be cleared, also after a failure.
bool berth_remote_join_read(const json_t *answer, struct berth_remote_join *ret, GError **error);

// Moves the interface `source` into the container, by the name that the endpoint has for it, and sets it up. Fills in
// the endpoint's MAC if it has none.
bool berth_remote_move_in(struct berth_networks *networks, const char *source, struct berth_endpoint *endpoint,
			  struct berth_sandbox *sandbox, GError **error);
// Moves it back to the host; missing is fine.
bool berth_remote_move_out(const char *source, const struct berth_endpoint *endpoint, struct berth_sandbox *sandbox,
			   GError **error);
