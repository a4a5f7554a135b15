// SPDX-License-Identifier: Apache-2.0
// The builder as the engine's guest: its steps run as the engine's containers do, and its images come and go through
// the engine's registries.
#pragma once

#include "build/build.h"
#include "engine/engine.h"

struct daemon_build;

// The engine outlives it.
struct daemon_build *daemon_build_new(struct berth_engine *engine, GError **error);
void daemon_build_free(struct daemon_build *build); // NULL is fine; no build runs any more
struct berth_builder *daemon_build_builder(const struct daemon_build *build);
