// SPDX-License-Identifier: Apache-2.0
// The two halves of an update of a container: limits and policy, and published ports.
#pragma once

#include "engine/internal.h"

// The host configuration that the container is to have, checked; NULL: refused, in Docker's words.
struct api_host_config *berth_engine__limits_next(const struct berth_engine_container *container,
						  const struct api_host_config *wanted, char ***ret_warnings,
						  GError **error);
// Makes it the container's, in the database and, if it runs, in the kernel. On failure nothing has changed.
// `operation` is held.
bool berth_engine__limits_set(struct berth_engine *engine, struct berth_engine_container *container,
			      const struct api_host_config *next, GError **error);
