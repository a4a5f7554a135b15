// SPDX-License-Identifier: Apache-2.0
// The configuration's key "builder", with Docker's names: how the build cache is kept small, and what builds may be
// allowed.
#pragma once

#include "build/build.h"

struct daemon_builder {
	struct berth_builder_policy policy;
	GArray *rules; // of struct berth_build_prune, which the policy borrows
};

// `text` is JSON; NULL: nothing was said. Errors name the key.
bool daemon_builder_read(const char *text, struct daemon_builder *ret, GError **error);
void daemon_builder_clear(struct daemon_builder *builder);
