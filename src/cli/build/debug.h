// SPDX-License-Identifier: Apache-2.0
// --debug-on-failure: a shell in what the failed step left.
#pragma once

#include "cli/command.h"

// Joins this program's terminal with it until it ends.
bool berth_build_enter(struct berth_cli *cli, const char *failed_step, GError **error);
