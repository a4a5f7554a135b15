// SPDX-License-Identifier: Apache-2.0
// Keys of the cache: a digest of named values, each with its length, so that no two lists of them read the same.
#include "build/solve/key.h"

#include "store/blob.h"

#include <string.h>

struct berth_build_key {
	struct berth_hash *hash;
};

static void add(struct berth_build_key *key, const char *text)
{
	g_autofree char *length = g_strdup_printf("%zu:", strlen(text));

	berth_hash_update(key->hash, length, strlen(length));
	berth_hash_update(key->hash, text, strlen(text));
}

struct berth_build_key *berth_build_key_new(const char *kind)
{
	struct berth_build_key *key = g_new(struct berth_build_key, 1);

	key->hash = berth_hash_new();
	add(key, kind);
	return key;
}

void berth_build_key_add(struct berth_build_key *key, const char *name, const char *value)
{
	if (!value)
		return;
	add(key, name);
	add(key, value);
}

void berth_build_key_list(struct berth_build_key *key, const char *name, const char *const *values)
{
	for (size_t i = 0; values && values[i]; i++)
		berth_build_key_add(key, name, values[i]);
}

char *berth_build_key_end(struct berth_build_key *key)
{
	char digest[BERTH_DIGEST_SIZE];

	berth_hash_digest(g_steal_pointer(&key->hash), digest);
	return g_strdup(digest);
}

void berth_build_key_free(struct berth_build_key *key)
{
	if (!key)
		return;
	berth_hash_free(key->hash);
	g_free(key);
}
