// SPDX-License-Identifier: Apache-2.0
// Inside sys: what the two places that protect a program share.
#pragma once

#define BERTH_SELF_MARK "BERTH_SELF" // the environment variable that marks the second run
