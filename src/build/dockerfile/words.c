// SPDX-License-Identifier: Apache-2.0
// Cutting lines into words: at blanks, with quotes, JSON, comma-separated fields.
#include "base/limits.h"
#include "build/dockerfile/internal.h"

#include <jansson.h>
#include <string.h>

int berth_dockerfile__find_word(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (g_str_equal(words[i], word))
			return i;
	return -1;
}

size_t berth_dockerfile__space(const char *text)
{
	if (!*text)
		return 0;
	if (strchr(BERTH_DOCKERFILE_BLANKS "\n", *text))
		return 1;
	if (!((unsigned char) *text & 0x80))
		return 0;
	gunichar c = g_utf8_get_char_validated(text, -1);
	if (c == (gunichar) -1 || c == (gunichar) -2)
		return 0;
	bool space = c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
		     c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
	return space ? (size_t) g_unichar_to_utf8(c, NULL) : 0;
}

char *berth_dockerfile__trim(GPtrArray *memory, const char *text)
{
	size_t end = 0;

	for (size_t width; (width = berth_dockerfile__space(text)) > 0;)
		text += width;
	for (size_t i = 0; text[i];) {
		size_t width = berth_dockerfile__space(text + i);
		if (width > 0) {
			i += width;
			continue;
		}
		i++;
		end = i;
	}
	return berth_dockerfile__keep_part(memory, text, end);
}

// Reads the flag that `*text` begins with, its quotes and escapes removed. "--" alone and what begins otherwise is
// none.
static char *read_flag(const char **text)
{
	g_autoptr(GString) word = g_string_new(NULL);
	const char *c = *text;
	char quote = 0;

	if (c[0] != '-' || c[1] != '-')
		return NULL;
	for (; *c && (quote || !g_ascii_isspace(*c)); c++) {
		if (*c == '\\') {
			if (!c[1])
				continue; // at the line's end: nothing
			g_string_append_c(word, *++c);
		} else if (quote && *c == quote) {
			quote = 0;
		} else if (!quote && (*c == '"' || *c == '\'')) {
			quote = *c;
		} else {
			g_string_append_c(word, *c);
		}
	}
	*text = c;
	return g_string_free(g_steal_pointer(&word), FALSE);
}

void berth_dockerfile__split(GPtrArray *memory, const char *line, struct berth_dockerfile__statement *statement)
{
	const char *rest = berth_dockerfile__trim(memory, line);
	size_t length = strcspn(rest, BERTH_DOCKERFILE_BLANKS);
	GPtrArray *flags = g_ptr_array_new();

	statement->word = berth_dockerfile__keep_part(memory, rest, length);
	rest += length;
	for (;;) {
		rest += strspn(rest, BERTH_DOCKERFILE_BLANKS "\n");
		char *flag = read_flag(&rest);
		if (!flag)
			break;
		berth_dockerfile__keep(memory, flag);
		if (g_str_equal(flag, "--"))
			break; // ends the flags
		g_ptr_array_add(flags, flag);
	}
	statement->flags = berth_dockerfile__keep_words(memory, flags);
	statement->rest = berth_dockerfile__trim(memory, rest);
}

const char *const *berth_dockerfile__blank_words(GPtrArray *memory, const char *text)
{
	GPtrArray *words = g_ptr_array_new();

	for (;;) {
		text += strspn(text, BERTH_DOCKERFILE_BLANKS);
		size_t length = strcspn(text, BERTH_DOCKERFILE_BLANKS);
		if (length == 0)
			return berth_dockerfile__keep_words(memory, words);
		g_ptr_array_add(words, berth_dockerfile__keep_part(memory, text, length));
		text += length;
	}
}

// One word: up to white space outside quotes. An escape at the very end is dropped.
static const char *quoted_word(const char *text, char escape, GString *word)
{
	char quote = 0;

	while (*text && (quote || berth_dockerfile__space(text) == 0)) {
		if (*text == escape && quote != '\'') {
			if (!text[1])
				return text + 1;
			g_string_append_c(word, *text++);
		} else if (quote) {
			if (*text == quote)
				quote = 0;
		} else if (*text == '"' || *text == '\'') {
			quote = *text;
		}
		g_string_append_c(word, *text++);
	}
	return text;
}

const char *const *berth_dockerfile__quoted_words(GPtrArray *memory, const char *text, char escape)
{
	GPtrArray *words = g_ptr_array_new();

	for (;;) {
		for (size_t width; (width = berth_dockerfile__space(text)) > 0;)
			text += width;
		if (!*text)
			return berth_dockerfile__keep_words(memory, words);
		g_autoptr(GString) word = g_string_new(NULL);
		text = quoted_word(text, escape, word);
		if (word->len > 0)
			g_ptr_array_add(words, berth_dockerfile__keep_part(memory, word->str, word->len));
	}
}

int berth_dockerfile__json_words(GPtrArray *memory, const char *text, const char *const **ret_words, GError **error)
{
	size_t index;
	json_t *item;

	while (berth_dockerfile__space(text) > 0)
		text += berth_dockerfile__space(text);
	if (*text != '[')
		return 0;
	json_t *array = json_loads(text, 0, NULL);
	if (!array)
		return 0;
	GPtrArray *words = g_ptr_array_new();
	json_array_foreach(array, index, item)
	{
		if (!json_is_string(item))
			break;
		g_ptr_array_add(words, berth_dockerfile__keep(memory, g_strdup(json_string_value(item))));
	}
	bool good = words->len == json_array_size(array);
	json_decref(array);
	*ret_words = berth_dockerfile__keep_words(memory, words);
	if (good)
		return 1;
	berth_error_set(error, BERTH_ERROR_INVALID,
			"when using JSON array syntax, arrays must be comprised of strings only");
	return -1;
}

const char *const *berth_dockerfile__fields(GPtrArray *memory, const char *text, GError **error)
{
	GPtrArray *fields = g_ptr_array_new();

	for (;;) {
		g_autoptr(GString) field = g_string_new(NULL);
		bool quoted = *text == '"', closed = false;

		for (text += quoted; *text; text++) {
			if (quoted && *text == '"' && text[1] == '"') {
				text++;
			} else if (quoted && *text == '"') {
				closed = true;
				text++;
				break;
			} else if (!quoted && (*text == ',' || *text == '"')) {
				break;
			}
			g_string_append_c(field, *text);
		}
		g_ptr_array_add(fields, berth_dockerfile__keep_part(memory, field->str, field->len));
		if (quoted != closed || (*text && *text != ',')) {
			g_ptr_array_free(fields, TRUE);
			berth_error_set(error, BERTH_ERROR_INVALID, "extraneous or missing \" in quoted-field");
			return NULL;
		}
		if (!*text)
			return berth_dockerfile__keep_words(memory, fields);
		text++;
	}
}
