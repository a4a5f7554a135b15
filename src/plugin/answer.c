// SPDX-License-Identifier: Apache-2.0
// What a plugin's answer means: a document, or a refusal in the plugin's own words.
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "plugin/internal.h"

#include <string.h>

// Words that go into messages: one line of printable text, not too long.
static char *words_of(const char *text, size_t length)
{
	g_autofree char *words = g_utf8_make_valid(text, (gssize) MIN(length, BERTH_LIMIT_PLUGIN_WORDS));

	for (char *at = words; *at; at++)
		if (g_ascii_iscntrl(*at))
			*at = ' ';
	return g_strdup(g_strstrip(words));
}

static json_t *refuse(const char *what, int status, const char *text, size_t length, GError **error)
{
	g_autofree char *words = words_of(text, length);

	if (status == 404)
		berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "%s: the plugin does not have it%s%s", what,
				words[0] ? ": " : "", words);
	else if (words[0])
		berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: %s", what, words);
	else
		berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: the plugin answers with status %d", what, status);
	return NULL;
}

// Some answer with nothing, or with "null", where the document has no members.
static bool is_nothing(const char *body, size_t length)
{
	if (length > sizeof "null" + 8 || memchr(body, '\0', length))
		return false;
	g_autofree char *text = g_strstrip(g_strndup(body, length));
	return !text[0] || g_str_equal(text, "null");
}

json_t *berth_plugin_answer(const char *what, int status, const char *body, size_t length, GError **error)
{
	bool good = status >= 200 && status < 300;
	json_t *document = good && is_nothing(body, length) ? json_object()
							    : berth_json_parse(body, length, what, good ? error : NULL);

	if (!document)
		return good ? NULL : refuse(what, status, body, length, error);
	const char *words = json_string_value(json_object_get(document, "Err"));
	if (!good || (words && words[0])) {
		g_autofree char *copy = words ? g_strdup(words) : g_strndup(body, length);
		json_decref(document);
		return refuse(what, status, copy, strlen(copy), error);
	}
	if (json_is_object(document))
		return document;
	json_decref(document);
	berth_error_set(error, BERTH_ERROR_INTERNAL, "%s: the plugin's answer is not an object", what);
	return NULL;
}
