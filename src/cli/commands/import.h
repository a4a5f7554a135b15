// SPDX-License-Identifier: Apache-2.0
// Importing a root file system, for `import` and `image bootstrap`.
#pragma once

#include "cli/client.h"

struct berth_import {
	int fd; // the archive, read to its end
	const char *name; // "busybox:latest"; NULL: the image gets none
	const char *message, *platform; // may be NULL
	char *const *changes; // may be NULL
};

// Prints the id of the image, or what went wrong in *error.
bool berth_import(struct berth_client *client, const struct berth_import *import, GError **error);
