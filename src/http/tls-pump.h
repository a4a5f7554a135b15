// SPDX-License-Identifier: Apache-2.0
// Between a connection of TLS and a plain socket: what comes by the one goes out by the other.
#pragma once

#include <gnutls/gnutls.h>

// Moves bytes until one side has gone, or both have said all. The handshake is done. A peer that ends its half with
// TLS's word for it goes on reading; one that ends the connection is gone. Returns GnuTLS's code of the error by which
// it ended, or 0.
int berth_tls_pump(gnutls_session_t session, int socket, int plain);
