// SPDX-License-Identifier: Apache-2.0
// SHA-256 as streams and the text form of digests. libcrypto cannot fail here but for want of memory, which ends the
// program as everywhere.
#include "store/blob.h"

#include <openssl/evp.h>
#include <string.h>

#define PREFIX "sha256:"
#define DIGITS 64

bool berth_digest_valid(const char *digest)
{
	return digest && g_str_has_prefix(digest, PREFIX) &&
	       strspn(digest + strlen(PREFIX), "0123456789abcdef") == DIGITS && digest[strlen(PREFIX) + DIGITS] == '\0';
}

struct berth_hash {
	EVP_MD_CTX *context;
};

struct berth_hash *berth_hash_new(void)
{
	struct berth_hash *hash = g_new(struct berth_hash, 1);

	hash->context = EVP_MD_CTX_new();
	if (!hash->context || EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1)
		g_error("libcrypto gives no SHA-256");
	return hash;
}

void berth_hash_update(struct berth_hash *hash, const void *data, size_t length)
{
	if (EVP_DigestUpdate(hash->context, data, length) != 1)
		g_error("libcrypto's SHA-256 failed");
}

void berth_hash_digest(struct berth_hash *hash, char *digest)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[EVP_MAX_MD_SIZE];

	G_STATIC_ASSERT(sizeof PREFIX + DIGITS == BERTH_DIGEST_SIZE);
	if (EVP_DigestFinal_ex(hash->context, bytes, NULL) != 1)
		g_error("libcrypto's SHA-256 failed");
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
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->context);
	g_free(hash);
}
