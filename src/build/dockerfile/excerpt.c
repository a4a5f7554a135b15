// SPDX-License-Identifier: Apache-2.0
// Showing where in a Dockerfile something is.
#include "build/dockerfile/internal.h"

#include <string.h>

enum {
	AROUND = 2, // lines before and after
	MOST = 20, // lines of the place itself that are shown
	WIDEST = 300, // bytes of a line
};

static void add_line(GString *out, unsigned number, bool marked, const char *text, size_t length)
{
	g_autofree char *part = g_strndup(text, MIN(length, WIDEST));
	g_autofree char *valid = g_utf8_make_valid(part, -1);

	g_strdelimit(valid, "\r", ' ');
	g_strchomp(valid);
	g_string_append_printf(out, "%4u | %s%s", number, marked ? ">>> " : "    ", valid);
	while (out->len > 0 && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	g_string_append_c(out, '\n');
}

// Under the line: as many characters as are before it, tabs kept, then the carets.
static void add_caret(GString *out, const struct berth_dockerfile_place *place, const char *line, size_t length)
{
	size_t column = MIN(place->column, MIN(length, WIDEST));
	size_t end = MIN(column + place->width, MIN(length, WIDEST));

	if (end <= column)
		return;
	g_string_append(out, "     |     ");
	for (size_t i = 0; i < column; i++)
		if (line[i] == '\t')
			g_string_append_c(out, '\t');
		else if ((line[i] & 0xc0) != 0x80)
			g_string_append_c(out, ' ');
	for (size_t i = column; i < end; i++)
		if ((line[i] & 0xc0) != 0x80)
			g_string_append_c(out, '^');
	g_string_append_c(out, '\n');
}

char *berth_dockerfile_excerpt(const char *text, size_t size, const char *name,
			       const struct berth_dockerfile_place *place)
{
	static const char rule[] = "--------------------\n";
	const char *end = text + size;
	GString *out = g_string_new(NULL);
	unsigned last = MIN(place->last_line, place->first_line + MOST - 1);

	if (place->first_line == 0) {
		g_string_append_printf(out, "%s\n", name);
		return g_string_free(out, FALSE);
	}
	g_string_append_printf(out, "%s:%u\n%s", name, place->first_line, rule);
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (unsigned line = 1; text < end && line <= last + AROUND; line++) {
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		size_t length = newline ? (size_t) (newline - text) : (size_t) (end - text);
		bool marked = line >= place->first_line && line <= last;

		if (line + AROUND >= place->first_line)
			add_line(out, line, marked, text, length);
		if (line == place->first_line)
			add_caret(out, place, text, length);
		text += length + 1;
	}
	g_string_append(out, rule);
	return g_string_free(out, FALSE);
}
