// SPDX-License-Identifier: Apache-2.0
// A builder for tests of the HTTP layer. What it was asked for is in fake_last() of the fake engine; the target chooses
// what happens: "fail" is a step that fails, "bad" is refused before anything is told, "slow" is work until the client
// leaves or cancels, "agent" asks for the agent "default" and writes "ping" to it.
#pragma once

#include "api/tests/fake-engine.h"
#include "build/build.h"

struct berth_builder *fake_builder_new(struct berth_engine *engine);
