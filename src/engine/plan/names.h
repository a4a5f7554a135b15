// SPDX-License-Identifier: Apache-2.0
// Names of containers: what is a valid one, and made-up ones for containers that got none.
#pragma once

#include <glib.h>
#include <stdbool.h>

// [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most BERTH_LIMIT_CONTAINER_NAME bytes. BERTH_ERROR_INVALID otherwise.
bool berth_container_name_check(const char *name, GError **error);

// "brave_noether"; attempts beyond the first get a digit behind. The caller frees it.
char *berth_container_name_make(unsigned attempt);
