// SPDX-License-Identifier: Apache-2.0
// Bodies of answers that go to a file or to standard output.
#pragma once

#include "cli/client.h"

// Writes the rest of an answer to a file, which is then the whole of it or what it was before, or as it is to a pipe or
// a device; `path` NULL is standard output.
bool berth_output_copy(struct berth_answer *answer, const char *path, GError **error);
