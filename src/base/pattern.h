// SPDX-License-Identifier: Apache-2.0
// Go's filepath.Match: `*` and `?` (neither matches "/"), `[a-z]`, `[^a-z]`, and `\` before any character. What COPY
// and ADD match their sources with, component by component.
#pragma once

#include "base/error.h"

// Whether the whole of `name` is matched. A malformed pattern ("[", "[]a]", "[-]", "a\") is an error wherever it is
// noticed, as in Go: "syntax error in pattern".
bool berth_pattern_match(const char *pattern, const char *name, bool *ret_matches, GError **error);
