// SPDX-License-Identifier: Apache-2.0
// filepath.Match: the pattern is checked first, then matched with one place to go back to, the last `*`.
#include "base/pattern-internal.h"

#include <glib.h>
#include <string.h>

static gunichar character(const char *text, size_t *width)
{
	gunichar c = *text ? g_utf8_get_char_validated(text, -1) : 0;

	if (c == (gunichar) -1 || c == (gunichar) -2) {
		*width = 1;
		return 0xfffd;
	}
	*width = c ? (size_t) g_unichar_to_utf8(c, NULL) : 0;
	return c;
}

// One end of a range. NULL: malformed.
static const char *range_end(const char *pattern, gunichar *ret)
{
	size_t width;

	if (!*pattern || *pattern == '-' || *pattern == ']')
		return NULL;
	if (*pattern == '\\')
		pattern++;
	*ret = character(pattern, &width);
	if (width == 0 || (*ret == 0xfffd && width == 1) || !pattern[width])
		return NULL;
	return pattern + width;
}

const char *berth_pattern__class(const char *pattern, gunichar c, bool *ret_matches)
{
	bool negated = *++pattern == '^', matches = false;

	pattern += negated;
	for (bool first = true; first || *pattern != ']'; first = false) {
		gunichar low, high;

		pattern = range_end(pattern, &low);
		if (!pattern)
			return NULL;
		high = low;
		if (*pattern == '-') {
			pattern = range_end(pattern + 1, &high);
			if (!pattern)
				return NULL;
		}
		matches |= low <= c && c <= high;
	}
	*ret_matches = matches != negated;
	return pattern + 1;
}

bool berth_pattern__check(const char *pattern, GError **error)
{
	const char *whole = pattern;
	bool matches;

	while (pattern && *pattern) {
		if (*pattern == '[')
			pattern = berth_pattern__class(pattern, 0, &matches);
		else if (*pattern == '\\')
			pattern = pattern[1] ? pattern + 2 : NULL;
		else
			pattern++;
	}
	return pattern || berth_error_set(error, BERTH_ERROR_INVALID, "syntax error in pattern \"%s\"", whole);
}

bool berth_pattern__step(const char **pattern, const char **name)
{
	const char *p = *pattern;
	size_t width;
	gunichar c = character(*name, &width);

	if (!**name)
		return false;
	if (*p == '[') {
		bool matches = false;
		*pattern = berth_pattern__class(p, c, &matches);
		*name += width;
		return matches;
	}
	if (*p == '?') {
		*pattern = p + 1;
		*name += width;
		return c != '/';
	}
	p += *p == '\\';
	*pattern = p + 1;
	return *p == *(*name)++;
}

bool berth_pattern_match(const char *pattern, const char *name, bool *ret_matches, GError **error)
{
	const char *star = NULL, *star_name = NULL; // behind the last `*`, and what it has not taken yet

	if (!berth_pattern__check(pattern, error))
		return false;
	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			star_name = name;
			continue;
		}
		if (!*pattern && !*name)
			break;
		if (*pattern && berth_pattern__step(&pattern, &name))
			continue;
		if (!star || !*star_name || *star_name == '/') {
			*ret_matches = false;
			return true;
		}
		pattern = star;
		name = ++star_name;
	}
	*ret_matches = true;
	return true;
}
