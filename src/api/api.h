// SPDX-License-Identifier: Apache-2.0
// The Docker Engine API over HTTP: routes, query parameters, streams and status codes, and nothing of the domain. Every
// route is a row of a table (api/routes.c), from which the API's description is made too. A request runs on a thread of
// its own and reads from top to bottom.
#pragma once

#include "engine/engine.h"

struct berth_api;
struct berth_builder;

struct berth_api_socket {
	int fd; // listening: unix or TCP
	bool tls; // spoken on it
};

// Files of PEM.
struct berth_api_tls {
	const char *authorities; // clients need a certificate of theirs; NULL: they need none
	const char *certificate, *key; // the engine's
};

struct berth_api_options {
	const struct berth_api_socket *sockets; // taken over
	size_t socket_count;
	struct berth_api_tls tls; // for those that speak it
	struct berth_builder *builder; // outlives the API; NULL: builds are refused
	const char *spool; // folder for files without a name that a request brings; NULL: the one for temporary files
};
struct berth_api *berth_api_start(struct berth_engine *engine, const struct berth_api_options *options, GError **error);
// Stops accepting, lets requests end (two seconds), cuts streams off. False: some requests are still at work in the
// engine; the caller must not close the engine beneath them but end the process.
bool berth_api_stop(struct berth_api *api);
// Reads the certificates again, for connections that come later. False: those from before hold.
bool berth_api_reload_tls(struct berth_api *api, const struct berth_api_tls *files, GError **error);
// Serves metrics for Prometheus, and nothing else, on a listening socket (taken over).
bool berth_api_serve_metrics(struct berth_api *api, int socket, GError **error);
// Prints the routes as Markdown, for docs/api.md.
void berth_api_describe(GString *out);
