// SPDX-License-Identifier: Apache-2.0
// Checkpoints, as the start of a container sees them.
#pragma once

#include "engine/internal.h"

// The folder of a checkpoint's images. NOT_FOUND: there is none of that name. The caller frees it.
char *berth_engine__checkpoint_images(struct berth_engine *engine, const struct berth_engine_container *container,
				      const char *name, const char *folder, GError **error);
// It has interfaces of its own, which are made anew and are not saved.
bool berth_engine__has_own_network(const struct berth_container_record *record);
