// SPDX-License-Identifier: Apache-2.0
// Reading JSON text that comes from outside: bounded, with messages that say where it is wrong.
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stddef.h>

#define BERTH_AUTO_JSON __attribute__((cleanup(berth_json_clear)))

static inline void berth_json_clear(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

// Gives jansson's tables their random seed. Who does not call it, before the first parsing, opens /dev/urandom there.
void berth_json_seed(void);

// Parses `length` bytes. `what` names the text in messages ("config.json"). Trailing garbage, duplicate keys, NUL in a
// string and more than BERTH_LIMIT_JSON bytes are BERTH_ERROR_INVALID. Integers above INT64_MAX become reals, which a
// field table's unsigned fields take again (UINT64_MAX is how many writers say "unlimited"). Returns a new reference.
json_t *berth_json_parse(const char *text, size_t length, const char *what, GError **error);

// The text of a member, "" if there is none. Borrowed.
const char *berth_json_member(const json_t *object, const char *key);

// Compact text, keys in the order in which they were set; the caller frees it with g_free().
char *berth_json_text(const json_t *json);
