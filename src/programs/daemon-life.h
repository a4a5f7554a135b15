// SPDX-License-Identifier: Apache-2.0
// The engine as it lives: what its options come to, reading them again, and its end.
#pragma once

#include "api/api.h"
#include "programs/daemon-options.h"

struct daemon_life {
	int argc;
	char **argv;
	struct daemon_options options; // as they are now
	struct berth_engine *engine;
	struct daemon_build *build;
	struct berth_api *api;
	void (*reloaded)(void *data); // told when the options have changed; may be NULL
	void *data;
};

// The engine of these options. `host_warnings`: of its hosts, for info.
struct berth_engine *daemon_life_open(const struct daemon_options *options, char *const *host_warnings, GError **error);
bool daemon_life_set_log(const struct daemon_options *options, GError **error);
// Reads the configuration again. If anything in it is wrong, nothing changes.
void daemon_life_reload(struct daemon_life *life);
// Stops the containers, if that is asked for.
void daemon_life_end(const struct daemon_life *life);
// Says which settings have no effect.
void daemon_life_warn(const struct daemon_options *options);
