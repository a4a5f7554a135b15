// SPDX-License-Identifier: Apache-2.0
// What attach and exec share of a connection that was taken over: its socket goes to the engine, and through it to the
// container's monitor.
#pragma once

#include "api/request.h"

// Gives the engine's side its socket, which is its to keep. False with *error.
typedef bool berth_relay_fn(struct berth_request *request, int socket, GError **error);

// Calls `give` with a copy of the client's socket. Only for a client that sent input together with its request, which
// the HTTP library has read already, the connection's thread passes bytes on. Returns when all is done.
bool berth_relay(struct berth_request *request, int socket, const char *early, size_t length, berth_relay_fn *give,
		 GError **error);
