// SPDX-License-Identifier: Apache-2.0
// Filters of lists, as the Engine API's clients send them: JSON, both {"name":["value"]} and {"name":{"value":true}}.
#pragma once

#include <glib.h>
#include <stdbool.h>

// A new table, name -> char **.
GHashTable *berth_filters_parse(const char *text, GError **error);
// Whether all of them (NULL: none) are among the known ones.
bool berth_filters_check(GHashTable *filters, const char *const *known, GError **error);
