// SPDX-License-Identifier: Apache-2.0
// The pieces of patterns, of which ignore.c makes its own.
#pragma once

#include "base/pattern.h"

#include <glib.h>

// "[…]": where it ends, or NULL if it is malformed; whether the character is in it.
const char *berth_pattern__class(const char *pattern, gunichar c, bool *ret_matches);

// Whether a pattern is well-formed.
bool berth_pattern__check(const char *pattern, GError **error);

// Takes one element that is no `*` from a checked pattern, and what it matches from the name. False: it does not match,
// and where the two point is of no meaning.
bool berth_pattern__step(const char **pattern, const char **name);
