// SPDX-License-Identifier: Apache-2.0
// Key files for --ssh: an ssh-agent of our own that has them, nobody's but ours, which ends with us.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct berth_build_keys;

// Begins `ssh-agent` and gives it the keys with `ssh-add`, which asks for passphrases on the terminal. `flag` names the
// flag's value in messages. NULL on failure: a file that is no private key, or that others can read; a program missing.
struct berth_build_keys *berth_build_keys_new(const char *flag, char *const *paths, GError **error);
// Where it answers: a path that this process and those that it forks have; borrowed.
const char *berth_build_keys_socket(const struct berth_build_keys *keys);
void berth_build_keys_free(struct berth_build_keys *keys); // and ends it; NULL is fine
