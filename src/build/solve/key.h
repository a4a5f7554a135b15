// SPDX-License-Identifier: Apache-2.0
// Digests of named values: a step's key, by which the cache knows it.
#pragma once

#include <glib.h>

struct berth_build_key;

// `kind` keeps keys of different things apart. The caller frees it.
struct berth_build_key *berth_build_key_new(const char *kind);
void berth_build_key_add(struct berth_build_key *key, const char *name, const char *value); // NULL: nothing
void berth_build_key_list(struct berth_build_key *key, const char *name, const char *const *values);
// The digest, "sha256:<hex>", which the caller frees. Nothing can be added any more.
char *berth_build_key_end(struct berth_build_key *key);
void berth_build_key_free(struct berth_build_key *key);
typedef struct berth_build_key berth_build_key;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_build_key, berth_build_key_free)
