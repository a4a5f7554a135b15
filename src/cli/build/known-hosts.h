// SPDX-License-Identifier: Apache-2.0
// What the user knows of the keys of hosts, for git over ssh: the engine asks for one host by its name, and is told the
// lines about it, not the others.
#pragma once

#include "cli/client.h"

// Answers one question on a connection.
void berth_build_known_hosts_serve(struct berth_answer *answer);
