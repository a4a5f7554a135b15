// SPDX-License-Identifier: Apache-2.0
// A parsed Dockerfile in a few lines of text, for tests that compare.
#pragma once

#include "build/dockerfile/dockerfile.h"

// One line for each argument, stage and instruction. The caller frees.
char *dump(const berth_dockerfile *file);
