// SPDX-License-Identifier: Apache-2.0
// The key sequence by which a client leaves a terminal, and the search for it in what the client types.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BERTH_LIMIT_DETACH_KEYS 32 // keys of one sequence

struct berth_keys {
	uint8_t keys[BERTH_LIMIT_DETACH_KEYS];
	size_t count; // 0: there is no sequence, nothing is found
	size_t matched; // of them, by what came last; these are held back
};

// Reads "ctrl-p,ctrl-q", "ctrl-@", "a,b", "DEL". NULL and "" give no sequence. BERTH_ERROR_INVALID names what is wrong.
bool berth_keys_parse(const char *text, struct berth_keys *ret, GError **error);

// Appends to `out` what is not the sequence: keys that begin it are held back until the next one shows whether it goes
// on. Returns true when it is complete; what follows in `data` is dropped then.
bool berth_keys_filter(struct berth_keys *keys, const void *data, size_t length, GByteArray *out);
