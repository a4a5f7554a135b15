// SPDX-License-Identifier: Apache-2.0
#include "cli/build/content-hash.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

#define BLOCK 64 // bytes of SHA-256's
#define CHUNK ((size_t) 256 << 10)
#define LENGTH_SIZE 8 // of the number of bits at the end

struct hashing {
	GChecksum *plain; // NULL: the processor does it
	uint32_t state[8];
	uint8_t rest[BLOCK]; // of a block that is not whole
	size_t filled;
	uint64_t length;
};

#ifdef __x86_64__
// The first bits of the fractional parts of the cube roots of the first 64 primes.
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static bool has_instructions(void)
{
	unsigned a, b, c, d;
	bool vectors = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1);

	return vectors && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

// The instructions want the eight words of the state as (a b e f) and (c d g h), the first in the highest place.
__attribute__((target("sha,ssse3,sse4.1"))) static void add_blocks(uint32_t state[8], const uint8_t *bytes,
								   size_t count)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) (const void *) state), 0xb1); // c d a b
	__m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) (const void *) (state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0), words[4];

	for (; count > 0; count--, bytes += BLOCK) {
		const __m128i abef_before = abef, cdgh_before = cdgh;
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++) { // four rounds each
			__m128i *word = &words[i % 4];
			const __m128i last = words[(i + 3) % 4];
			if (i < 4)
				*word = _mm_shuffle_epi8(
					_mm_loadu_si128((const __m128i *) (const void *) (bytes + (size_t) i * 16)),
					swap);
			else
				*word = _mm_sha256msg2_epu32(
					_mm_add_epi32(_mm_sha256msg1_epu32(*word, words[(i + 1) % 4]),
						      _mm_alignr_epi8(last, words[(i + 2) % 4], 4)),
					last);
			__m128i sum = _mm_add_epi32(
				*word, _mm_loadu_si128((const __m128i *) (const void *) (constants + (size_t) i * 4)));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	low = _mm_shuffle_epi32(abef, 0x1b);
	high = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *) (void *) state, _mm_blend_epi16(low, high, 0xf0));
	_mm_storeu_si128((__m128i *) (void *) (state + 4), _mm_alignr_epi8(high, low, 8));
}
#else
static bool has_instructions(void)
{
	return false;
}

static void add_blocks(G_GNUC_UNUSED uint32_t state[8], G_GNUC_UNUSED const uint8_t *bytes, G_GNUC_UNUSED size_t count)
{
}
#endif

static void begin(struct hashing *this, bool plain)
{
	// Of the square roots of the first eight primes.
	static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	*this = (struct hashing){.plain = plain || !has_instructions() ? g_checksum_new(G_CHECKSUM_SHA256) : NULL};
	memcpy(this->state, initial, sizeof initial);
}

static void add(struct hashing *this, const uint8_t *bytes, size_t size)
{
	if (this->plain) {
		g_checksum_update(this->plain, bytes, (gssize) size);
		return;
	}
	if (size == 0)
		return; // then there may be no bytes at all
	this->length += size;
	if (this->filled > 0) {
		size_t part = MIN(size, BLOCK - this->filled);
		memcpy(this->rest + this->filled, bytes, part);
		this->filled += part;
		bytes += part;
		size -= part;
		if (this->filled < BLOCK)
			return;
		add_blocks(this->state, this->rest, 1);
		this->filled = 0;
	}
	add_blocks(this->state, bytes, size / BLOCK);
	memcpy(this->rest, bytes + size / BLOCK * BLOCK, size % BLOCK);
	this->filled = size % BLOCK;
}

static void end(struct hashing *this, uint8_t ret[BERTH_CONTENT_HASH_SIZE])
{
	static const uint8_t padding[BLOCK] = {0x80};
	gsize size = BERTH_CONTENT_HASH_SIZE;

	if (this->plain) {
		g_checksum_get_digest(this->plain, ret, &size);
		g_checksum_free(this->plain);
		return;
	}
	uint64_t bits = GUINT64_TO_BE(this->length * 8);
	add(this, padding, 1 + (2 * BLOCK - LENGTH_SIZE - 1 - this->filled) % BLOCK);
	add(this, (const uint8_t *) &bits, LENGTH_SIZE);
	for (size_t i = 0; i < G_N_ELEMENTS(this->state); i++) {
		uint32_t word = GUINT32_TO_BE(this->state[i]);
		memcpy(ret + i * sizeof word, &word, sizeof word);
	}
}

void berth_content_hash(const void *bytes, size_t size, bool plain, uint8_t ret[BERTH_CONTENT_HASH_SIZE])
{
	struct hashing hashing;

	begin(&hashing, plain);
	add(&hashing, bytes, size);
	end(&hashing, ret);
}

bool berth_content_hash_fd(int fd, int64_t size, uint8_t ret[BERTH_CONTENT_HASH_SIZE])
{
	g_autofree uint8_t *chunk = g_malloc((size_t) CLAMP(size, 1, (int64_t) CHUNK));
	struct hashing hashing;
	ssize_t length = 1;

	begin(&hashing, false);
	while (size > 0 && length != 0) {
		length = read(fd, chunk, (size_t) MIN(size, (int64_t) CHUNK));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			break;
		add(&hashing, chunk, (size_t) length);
		size -= length;
	}
	int saved = errno;
	end(&hashing, ret);
	errno = saved;
	return length >= 0;
}
