// SPDX-License-Identifier: Apache-2.0
// SHA-256 as streams and the text form of digests. libcrypto's own functions for it are used, not its EVP layer: linked
// statically they are some kilobytes, where EVP's providers would keep megabytes in an idle engine's memory.
#define OPENSSL_API_COMPAT 0x10100000L
#include "store/blob.h"

#include <openssl/sha.h>
#include <string.h>

#define PREFIX "sha256:"
#define DIGITS 64

bool berth_digest_valid(const char *digest)
{
	return digest && g_str_has_prefix(digest, PREFIX) &&
	       strspn(digest + strlen(PREFIX), "0123456789abcdef") == DIGITS && digest[strlen(PREFIX) + DIGITS] == '\0';
}

struct berth_hash {
	SHA256_CTX context;
};

struct berth_hash *berth_hash_new(void)
{
	struct berth_hash *hash = g_new(struct berth_hash, 1);

	SHA256_Init(&hash->context); // these functions cannot fail
	return hash;
}

void berth_hash_update(struct berth_hash *hash, const void *data, size_t length)
{
	SHA256_Update(&hash->context, data, length);
}

void berth_hash_digest(struct berth_hash *hash, char *digest)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[SHA256_DIGEST_LENGTH];

	G_STATIC_ASSERT(sizeof PREFIX + DIGITS == BERTH_DIGEST_SIZE);
	SHA256_Final(bytes, &hash->context);
	memcpy(digest, PREFIX, strlen(PREFIX));
	for (size_t i = 0; i < DIGITS / 2; i++) {
		digest[strlen(PREFIX) + 2 * i] = digits[bytes[i] >> 4];
		digest[strlen(PREFIX) + 2 * i + 1] = digits[bytes[i] & 15];
	}
	digest[BERTH_DIGEST_SIZE - 1] = '\0';
	berth_hash_free(hash);
}

void berth_hash_free(struct berth_hash *hash)
{
	g_free(hash);
}
