// SPDX-License-Identifier: Apache-2.0
// What is found has a scheme in lower case, and is not more than there may be.
#include "distribution/challenge.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);
	g_autoptr(GPtrArray) challenges = berth_challenges_parse(text);

	g_assert_cmpuint(challenges->len, <=, BERTH_CHALLENGES);
	for (guint i = 0; i < challenges->len; i++) {
		const struct berth_challenge *challenge = challenges->pdata[i];
		g_autofree char *lower = g_ascii_strdown(challenge->scheme, -1);
		g_assert_cmpstr(lower, ==, challenge->scheme);
		g_assert_true(*challenge->scheme);
		g_assert_cmpuint(challenge->realm ? strlen(challenge->realm) : 0, <=, BERTH_CHALLENGE_LENGTH);
	}
	return 0;
}
