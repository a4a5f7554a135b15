// SPDX-License-Identifier: Apache-2.0
// A plugin inside of a test: a small web server on a unix socket or a port of loopback, whose answers the test gives.
#pragma once

#include <glib.h>
#include <jansson.h>

struct plugin_server;

// Answers a call ("VolumeDriver.Create"), whose document is `body` (NULL: none), with text that is freed afterwards and
// *status (200). NULL: the connection is closed without an answer. Called on a thread per connection.
typedef char *plugin_handler_fn(void *data, const char *method, const json_t *body, int *status);

// `socket`: the path, or NULL for a port of 127.0.0.1.
struct plugin_server *plugin_server_new(const char *socket, plugin_handler_fn *handler, void *data);
void plugin_server_free(struct plugin_server *server); // cuts connections; removes the socket
int plugin_server_port(const struct plugin_server *server);
// The calls so far, a line for each: "VolumeDriver.Create {…}". The caller frees it.
char *plugin_server_calls(struct plugin_server *server);
