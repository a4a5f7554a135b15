// SPDX-License-Identifier: Apache-2.0
// Settings of dockerd's that this engine does not have.
#pragma once

#include "base/json.h"
#include "programs/daemon-options.h"

// Whether dockerd has this key; what it means here becomes a finding, if it says anything.
bool daemon_foreign_key(const char *path, const char *key, const json_t *value, struct daemon_findings *findings);
// A new array of the arguments without flags that are dockerd's alone, which become findings.
char **daemon_foreign_without(int argc, char *const *argv, struct daemon_findings *findings);
// The known name (known(i) is NULL behind the last) that a mistyped one is near to, or NULL.
const char *daemon_foreign_nearest(const char *key, const char *(*known)(size_t index));
