// SPDX-License-Identifier: Apache-2.0
// Texts as BuildKit writes them into an image's history, and what paths and commands become.
#include "build/plan/internal.h"

#include <string.h>

#define DEFAULT_SHELL "/bin/sh", "-c"

char **berth_plan__words(const struct oci_image *image, const struct berth_dockerfile_command *command)
{
	static const char *const shell[] = {DEFAULT_SHELL, NULL};
	char **words;

	if (!command->shell)
		return g_strdupv((char **) command->words);
	g_autofree char *text = g_strjoinv(" ", (char **) command->words);
	words = g_strdupv(image->config->shell && image->config->shell[0] ? image->config->shell : (char **) shell);
	berth_strings_add(&words, g_strdup(text));
	return words;
}

// strconv.Quote of what is UTF-8, and of single bytes that are not.
static void quote(GString *to, const char *text)
{
	static const char from[] = "\a\b\f\n\r\t\v\"\\", into[] = "abfnrtv\"\\";

	g_string_append_c(to, '"');
	for (const char *next = text; *next;) {
		gunichar c = g_utf8_get_char_validated(next, -1);
		const char *escape = strchr(from, *next);
		if (escape)
			g_string_append_printf(to, "\\%c", into[escape - from]);
		else if (c == (gunichar) -1 || c == (gunichar) -2)
			g_string_append_printf(to, "\\x%02x", (unsigned char) *next);
		else if (c < ' ' || c == 0x7f)
			g_string_append_printf(to, "\\x%02x", c);
		else if (c != ' ' && !g_unichar_isgraph(c))
			g_string_append_printf(to, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
		else
			g_string_append_unichar(to, c);
		next = c == (gunichar) -1 || c == (gunichar) -2 ? next + 1 : g_utf8_next_char(next);
	}
	g_string_append_c(to, '"');
}

char *berth_plan__go_list(const char *const *words, bool quoted)
{
	GString *text = g_string_new("[");

	for (size_t i = 0; words && words[i]; i++) {
		if (i > 0)
			g_string_append_c(text, ' ');
		if (quoted)
			quote(text, words[i]);
		else
			g_string_append(text, words[i]);
	}
	g_string_append_c(text, ']');
	return g_string_free(text, FALSE);
}

char *berth_plan__folder(const char *folder, const char *path)
{
	g_autofree char *joined =
		*path == '/' ? g_strdup(path) : g_strconcat(folder && *folder ? folder : "/", "/", path, NULL);
	g_auto(GStrv) parts = g_strsplit(joined, "/", -1);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();

	for (char **part = parts; *part; part++) {
		if (g_str_equal(*part, "..") && kept->len > 0)
			g_ptr_array_set_size(kept, (gint) kept->len - 1);
		else if (**part && !g_str_equal(*part, ".") && !g_str_equal(*part, ".."))
			g_ptr_array_add(kept, *part);
	}
	g_ptr_array_add(kept, NULL);
	g_autofree char *rest = g_strjoinv("/", (char **) kept->pdata);
	return g_strconcat("/", rest, NULL);
}
