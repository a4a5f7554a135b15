// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/error.h"
#include "base/limits.h"

#include <string.h>
#include <sys/random.h>

// Digits that certainly fit int64_t; a longer number is handed to jansson as a real.
#define SAFE_DIGITS 18

void berth_json_seed(void)
{
	size_t seed = 0;

	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed)
		json_object_seed(seed);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_big(const char *digits, size_t length)
{
	return length > SAFE_DIGITS + 1 ||
	       (length == SAFE_DIGITS + 1 && strncmp(digits, "9223372036854775807", 19) > 0);
}

// Returns a copy in which integers that int64_t cannot hold end in ".0", or NULL if there is none.
static char *with_big_integers_as_reals(const char *text, size_t length, size_t *ret_length)
{
	GString *copy = NULL;
	bool in_string = false;
	size_t copied = 0;

	for (size_t i = 0; i < length; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
			continue;
		}
		if (text[i] == '"') {
			in_string = true;
			continue;
		}
		if (!is_digit(text[i]))
			continue;
		size_t end = i;
		while (end < length && is_digit(text[end]))
			end++;
		bool integer = end == length || !strchr(".eE", text[end]);
		bool fraction = i > 0 && strchr(".eE+", text[i - 1]);
		if (integer && !fraction && is_big(text + i, end - i)) {
			if (!copy)
				copy = g_string_sized_new(length + 64);
			g_string_append_len(copy, text + copied, (gssize) (end - copied));
			g_string_append(copy, ".0");
			copied = end;
		}
		i = end - 1;
	}
	if (!copy)
		return NULL;
	g_string_append_len(copy, text + copied, (gssize) (length - copied));
	*ret_length = copy->len;
	return g_string_free(copy, FALSE);
}

json_t *berth_json_parse(const char *text, size_t length, const char *what, GError **error)
{
	if (length > BERTH_LIMIT_JSON) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: %zu bytes of JSON are more than the limit of %d", what,
				length, BERTH_LIMIT_JSON);
		return NULL;
	}

	g_autofree char *copy = with_big_integers_as_reals(text, length, &length);
	json_error_t where;
	json_t *json = json_loadb(copy ? copy : text, length, JSON_REJECT_DUPLICATES, &where);
	if (!json) {
		// It quotes what it read, which may be cut within a character or be none.
		g_autofree char *words = g_utf8_make_valid(where.text, -1);
		berth_error_set(error, BERTH_ERROR_INVALID, "%s: line %d, column %d: %s", what, where.line,
				where.column, words);
	}
	return json;
}

const char *berth_json_member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

char *berth_json_text(const json_t *json)
{
	// jansson allocates with malloc(), and so does GLib since 2.46.
	return json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
}
