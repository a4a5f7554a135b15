// SPDX-License-Identifier: Apache-2.0
// --chown and --chmod: what their text means.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// "user", "user:group", names or numbers, by passwd and group of the root behind the descriptor (-1: there are none).
// NULL and "": 0:0. A number without a group means the group of the same number, a name the user's own group.
bool berth_build_owner(int root, const char *text, uint32_t *ret_uid, uint32_t *ret_gid, GError **error);

// A mode as chmod(1) takes it: octal, or symbolic ("u=rwX,go+r"). Checked here, applied below.
bool berth_build_mode_check(const char *text, GError **error);
// The permissions of a file or folder of mode `mode` (with its kind) after it. Links have none.
mode_t berth_build_mode_apply(const char *text, mode_t mode);
