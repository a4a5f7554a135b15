// SPDX-License-Identifier: Apache-2.0
// Logs of several containers as one, each line with its container's name; or as lines of JSON.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct berth_logs_merge {
	char **names; // of the containers
	bool follow, timestamps, details, colours, json;
	// Copies the log of one container, with times (and details, if they are wanted) before every line, to two
	// descriptors. It is called in a process of its own.
	bool (*copy)(void *data, const char *name, int out, int err, GError **error);
	void *data;
};
// Returns the exit status: 1 if one of the logs could not be read, which was said.
int berth_logs_merge(const struct berth_logs_merge *options, GError **error);
