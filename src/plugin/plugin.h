// SPDX-License-Identifier: Apache-2.0
// Docker's plugin protocol, version 1: programs that listen on a socket and answer POST /<interface>.<method> with
// JSON. They are found by name in the folders that Docker has for them: /run/docker/plugins/<name>.sock or
// <name>/<name>.sock, then <name>.spec (a line: unix://… or tcp://…) and <name>.json (address and TLS) in
// /etc/docker/plugins and /usr/lib/docker/plugins.
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#define BERTH_PLUGIN_VOLUME "VolumeDriver"
#define BERTH_PLUGIN_NETWORK "NetworkDriver"
#define BERTH_PLUGIN_IPAM "IpamDriver"
#define BERTH_PLUGIN_AUTHORIZATION "authz" // whose methods are AuthZPlugin.…

struct berth_plugins;

// `folders` (NULL: Docker's) is where plugins are looked for, sockets in the first. Any thread may call.
struct berth_plugins *berth_plugins_new(char *const *folders);
void berth_plugins_free(struct berth_plugins *plugins);
// Ends the calls that are under way, and all later ones, with CANCELED: the engine stops.
void berth_plugins_stop(struct berth_plugins *plugins);

// Whether a plugin can have that name: INVALID or NOT_FOUND if not.
bool berth_plugin_name_valid(const char *name, GError **error);

// Finds and activates a plugin: it is there, answers, and implements the interface. Remembered afterwards. NOT_FOUND:
// 'plugin "x" not found'; NOT_IMPLEMENTED: it has not that interface; UNAVAILABLE: it does not answer (with a socket's
// file there, it is tried for up to `patience` milliseconds, with growing pauses).
bool berth_plugin_activate(struct berth_plugins *plugins, const char *name, const char *interface, int patience,
			   GError **error);

// Calls a method: `request` (taken; NULL: none) is its document. Returns the answer's, which the caller owns (an empty
// object if there is none). A plugin's refusal ({"Err": …}, status 4xx and 5xx) is INTERNAL with its words, a method
// that it does not have (404) NOT_IMPLEMENTED. A connection that broke is made again once: a plugin may have been
// restarted, and gets some seconds for that. A call has BERTH_LIMIT_PLUGIN_SECONDS.
json_t *berth_plugin_call(struct berth_plugins *plugins, const char *name, const char *interface, const char *method,
			  json_t *request, GError **error);

// Names of plugins that were activated and implement the interface: a new NULL-terminated array, sorted. Nobody is
// asked.
char **berth_plugins_active(struct berth_plugins *plugins, const char *interface);
// Names of plugins that can be found now and implement the interface: a new NULL-terminated array, sorted.
char **berth_plugins_list(struct berth_plugins *plugins, const char *interface);
