// SPDX-License-Identifier: Apache-2.0
// Contexts that were listed, and that the engine asks for: each is sent over a connection of its own, by a process of
// its own, while what the build says is read on.
#pragma once

#include "cli/build/context.h"

struct berth_build_wanted;

struct berth_build_wanted *berth_build_wanted_new(struct berth_cli *cli, struct berth_build_context *context,
						  const char *build);
// The engine wants context `name`.
bool berth_build_wanted_send(struct berth_build_wanted *wanted, const char *name, GError **error);
// Why a context could not be read, the caller's; NULL if none failed. Waits for who sends.
char *berth_build_wanted_end(struct berth_build_wanted *wanted);
