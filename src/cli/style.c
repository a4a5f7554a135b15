// SPDX-License-Identifier: Apache-2.0
#include "cli/style.h"

#include "base/error.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool berth_style_check(const char *when, GError **error)
{
	static const char *const words[] = {"always", "never", "auto", NULL};

	return !when || g_strv_contains(words, when) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid argument \"%s\" for \"--color\" flag: expected always, never or auto", when);
}

bool berth_style_colour(const struct berth_cli *cli)
{
	const char *none = g_getenv("NO_COLOR"), *force = g_getenv("CLICOLOR_FORCE"), *some = g_getenv("CLICOLOR");
	const char *terminal = g_getenv("TERM");

	if (cli->colour && strcmp(cli->colour, "auto") != 0)
		return strcmp(cli->colour, "always") == 0;
	if (none && *none)
		return false;
	if (force && *force && strcmp(force, "0") != 0)
		return true;
	if (some && strcmp(some, "0") == 0)
		return false;
	return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

char *berth_style_paint(bool colours, const char *colour, const char *text)
{
	return colours && colour ? g_strconcat(colour, text, BERTH_PLAIN, NULL) : g_strdup(text);
}

unsigned berth_style_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// The end of the control sequence that begins at `text`; `text` if none does.
static const char *skip_control(const char *text)
{
	const char *at = text + 2;

	if (text[0] != '\033' || text[1] != '[')
		return text;
	while (*at && (g_ascii_isdigit(*at) || *at == ';'))
		at++;
	return *at ? at + 1 : at;
}

static size_t letter_width(gunichar letter)
{
	if (letter < 0x300) // before the first mark that combines
		return 1;
	return g_unichar_iszerowidth(letter) ? 0 : g_unichar_iswide(letter) ? 2 : 1;
}

size_t berth_style_measure(const char *text)
{
	size_t width = 0;

	if (!g_utf8_validate(text, -1, NULL))
		return strlen(text);
	while (*text) {
		const char *next = skip_control(text);
		if (next == text) {
			width += letter_width(g_utf8_get_char(text));
			next = g_utf8_next_char(text);
		}
		text = next;
	}
	return width;
}

char *berth_style_cut(const char *text, size_t width)
{
	g_autoptr(GString) out = g_string_new(NULL);
	size_t taken = 0;

	if (width == 0 || !g_utf8_validate(text, -1, NULL) || berth_style_measure(text) <= width)
		return g_strdup(text);
	while (*text) {
		const char *next = skip_control(text);
		if (next != text) {
			g_string_append_len(out, text, next - text);
		} else {
			next = g_utf8_next_char(text);
			size_t letter = letter_width(g_utf8_get_char(text));
			if (taken + letter < width)
				g_string_append_len(out, text, next - text);
			else if (taken < width)
				g_string_append(out, "…");
			taken = taken + letter < width ? taken + letter : width;
		}
		text = next;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

char *berth_style_clean(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *clean = g_string_sized_new(strlen(valid));

	for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
		gunichar letter = g_utf8_get_char(at);
		if (letter == '\n' || letter == '\t' || !g_unichar_iscntrl(letter))
			g_string_append_len(clean, at, g_utf8_next_char(at) - at);
	}
	return g_string_free(clean, FALSE);
}
