// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
#pragma once

#include "http/http.h"
#include "plugin/plugin.h"

// Where a plugin is.
struct berth_plugin_place {
	char *socket; // path; NULL: it is at the URL
	char *url; // without a path: "http://localhost"
	struct berth_tls tls;
	char *source; // the file that it was found by
};
void berth_plugin_place_clear(struct berth_plugin_place *place);

// find.c

// Looks for the plugin in the folders. `ret` must be clear before and be cleared afterwards, also after a failure.
// NOT_FOUND, or INVALID: its file is not as it should be.
bool berth_plugin_find(char *const *folders, const char *name, struct berth_plugin_place *ret, GError **error);
// Names for which there is a file: a new NULL-terminated array, sorted.
char **berth_plugin_names(char *const *folders);

// answer.c

// What an answer means. `body` is of `length` bytes, `what` is in front of messages.
json_t *berth_plugin_answer(const char *what, int status, const char *body, size_t length, GError **error);
