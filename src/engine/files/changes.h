// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>

// Files that the engine puts into a container to mount something of its own on: they are no changes of the container,
// and not part of what it is committed to.
bool berth_engine__is_own_file(const char *path);
