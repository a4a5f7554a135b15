// SPDX-License-Identifier: Apache-2.0
#include "base/keys.h"

#include "base/error.h"

#include <string.h>

static bool parse_key(const char *name, uint8_t *ret)
{
	if (strlen(name) == 1) {
		*ret = (uint8_t) name[0];
		return true;
	}
	if (g_ascii_strcasecmp(name, "del") == 0) {
		*ret = 127;
		return true;
	}
	if (g_ascii_strncasecmp(name, "ctrl-", 5) != 0 || strlen(name) != 6)
		return false;
	char key = g_ascii_toupper(name[5]);
	*ret = (uint8_t) (key - '@');
	return key >= '@' && key <= '_';
}

bool berth_keys_parse(const char *text, struct berth_keys *ret, GError **error)
{
	*ret = (struct berth_keys){0};
	if (!text || !*text)
		return true;
	g_auto(GStrv) names = g_strsplit(text, ",", BERTH_LIMIT_DETACH_KEYS + 1);
	if (g_strv_length(names) > BERTH_LIMIT_DETACH_KEYS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "detach keys: more than the limit of %d",
				       BERTH_LIMIT_DETACH_KEYS);
	for (; names[ret->count]; ret->count++)
		if (!parse_key(names[ret->count], &ret->keys[ret->count])) {
			g_autofree char *shown = g_strndup(names[ret->count], 32);
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "detach keys: unknown key '%s': use one character, ctrl-a … ctrl-z, "
					       "ctrl-@, ctrl-[, ctrl-\\, ctrl-], ctrl-^, ctrl-_ or DEL",
					       shown);
		}
	return true;
}

bool berth_keys_filter(struct berth_keys *keys, const void *data, size_t length, GByteArray *out)
{
	const uint8_t *at = data;

	if (keys->count == 0) {
		g_byte_array_append(out, data, (unsigned) length);
		return false;
	}
	for (; length > 0; at++, length--) {
		// What is held back and does not go on with this key is let go, from its beginning, until the rest of
		// it is a beginning of the sequence again.
		while (keys->matched > 0 && *at != keys->keys[keys->matched]) {
			size_t keep = keys->matched - 1;
			while (keep > 0 && memcmp(keys->keys, keys->keys + keys->matched - keep, keep) != 0)
				keep--;
			g_byte_array_append(out, keys->keys, (unsigned) (keys->matched - keep));
			keys->matched = keep;
		}
		if (*at != keys->keys[keys->matched])
			g_byte_array_append(out, at, 1);
		else if (++keys->matched == keys->count)
			return true;
	}
	return false;
}
