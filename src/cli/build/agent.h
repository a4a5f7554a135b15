// SPDX-License-Identifier: Apache-2.0
// The user's ssh agent for RUN --mount=type=ssh: a connection to the engine waits until a step asks for it, and is then
// joined with the agent's socket; the next one waits. Only what lists identities and signs with them goes through.
#pragma once

#include "cli/command.h"

struct berth_build_agents;

// Of --ssh ("default", "ID=SOCKET", "ID=KEY,KEY"): checks that the sockets are there, and begins agents that have the
// keys. With them goes an offer to tell what is known of hosts. NULL without *error: there are none.
struct berth_build_agents *berth_build_agents_new(char *const *given, GError **error);
// Offers them to the build of this id, which is under way, by processes of their own. For those the client makes
// connections of its own.
void berth_build_agents_start(struct berth_build_agents *agents, struct berth_cli *cli, const char *build);
void berth_build_agents_free(struct berth_build_agents *agents); // and ends them; NULL is fine
