// SPDX-License-Identifier: Apache-2.0
// TLS for the API. Each connection is decrypted by a thread of its own, which passes what it reads through a pair of
// sockets to the HTTP server: that, and whatever gets hold of an upgraded connection, knows plain sockets only.
#pragma once

#include "api/api.h"
#include "api/connection.h"

struct berth_tls_server;

// Reads the certificates. INVALID names the file.
struct berth_tls_server *berth_tls_server_new(const struct berth_api_tls *files, GError **error);
// Reads them again, for connections that come later. False: those from before hold.
bool berth_tls_server_reload(struct berth_tls_server *server, const struct berth_api_tls *files, GError **error);
// Accepts on a listening socket (taken over) and hands connections to `daemon`, whose connections those are.
bool berth_tls_server_listen(struct berth_tls_server *server, int socket, struct MHD_Daemon *daemon,
			     struct berth_connections *connections, GError **error);
// Stops accepting.
void berth_tls_server_quiesce(struct berth_tls_server *server);
// Ends what connections are left, and waits for their threads. False: some did not end in time; it is not freed then.
bool berth_tls_server_free(struct berth_tls_server *server);
