// SPDX-License-Identifier: Apache-2.0
// TLS to the engine of a tcp:// host, as Docker's command line decides about it: by flags, DOCKER_TLS_VERIFY,
// DOCKER_TLS and DOCKER_CERT_PATH, or the files of a context. It is spoken by the program berth-tls, one for each
// connection, so that `berth` itself is linked with nothing for it.
#pragma once

#include "cli/command.h"

// Environment variables that stand for --tlscacert, --tlscert and --tlskey: how programs that `berth` starts get them.
extern const char *const berth_tls_variables[];

// Sets up cli->client, where TLS is wanted. INVALID: a file is missing; NOT_FOUND: the program is.
bool berth_tls_connect(struct berth_cli *cli, GError **error);
