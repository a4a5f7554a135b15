// SPDX-License-Identifier: Apache-2.0
// What a .dockerignore leaves out of a folder that is sent.
#pragma once

#include "base/tree-tar.h"

struct berth_build_ignore;

// Reads DOCKERFILE.dockerignore of the folder, or else .dockerignore; neither need be there. `dockerfile` may be NULL.
struct berth_build_ignore *berth_build_ignore_read(int folder, const char *dockerfile, GError **error);
void berth_build_ignore_free(struct berth_build_ignore *ignore);
enum berth_tar_pick berth_build_ignore_pick(const struct berth_build_ignore *ignore, const char *name, bool folder);
