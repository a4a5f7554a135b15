// SPDX-License-Identifier: Apache-2.0
// The builder as the engine's guest: its steps run as the engine's containers do, and its images come and go through
// the engine's registries.
#pragma once

#include "build/build.h"
#include "engine/engine.h"

struct daemon_build;

// The engine outlives it. `builder` as below.
struct daemon_build *daemon_build_new(struct berth_engine *engine, const char *builder, GError **error);
void daemon_build_free(struct daemon_build *build); // NULL is fine; no build runs any more
// What the configuration says of builds: JSON (daemon-builder.h), or NULL.
bool daemon_build_configure(struct daemon_build *build, const char *builder, GError **error);
struct berth_builder *daemon_build_builder(const struct daemon_build *build);
