// SPDX-License-Identifier: Apache-2.0
// The patterns of .dockerignore. Each keeps the text before its first wildcard, so that most paths are judged by one
// comparison.
#include "base/ignore.h"
#include "base/limits.h"
#include "base/pattern-internal.h"

#include <string.h>

struct pattern {
	char *text; // cleaned, without "!"
	size_t literal; // bytes before the first wildcard
	bool plain; // has none
	bool exception; // "!"
	bool anything; // `**name`: any text before the name, in the middle of a component too
};

struct berth_ignore {
	GArray *patterns; // struct pattern
	GPtrArray *texts; // with "!", NULL-terminated
};

static void pattern_clear(void *data)
{
	g_free(((struct pattern *) data)->text);
}

// Go's filepath.Clean: no empty, "." and inner ".." components, no slash at the end.
static char *clean(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();
	bool rooted = *path == '/';

	for (char **part = parts; *part; part++) {
		if (!**part || g_str_equal(*part, "."))
			continue;
		if (!g_str_equal(*part, ".."))
			g_ptr_array_add(kept, *part);
		else if (kept->len > 0 && !g_str_equal(kept->pdata[kept->len - 1], ".."))
			g_ptr_array_set_size(kept, (int) kept->len - 1);
		else if (!rooted)
			g_ptr_array_add(kept, *part);
	}
	g_ptr_array_add(kept, NULL);
	g_autofree char *joined = g_strjoinv("/", (char **) kept->pdata);
	if (rooted)
		return g_strconcat("/", joined, NULL);
	return g_strdup(*joined ? joined : ".");
}

static bool add(berth_ignore *ignore, const char *given, GError **error)
{
	g_autofree char *trimmed = g_strstrip(g_strdup(given));

	if (!*trimmed)
		return true;
	g_autofree char *cleaned = clean(trimmed);
	struct pattern pattern = {.exception = *cleaned == '!'};
	const char *text = cleaned + pattern.exception;
	if (!*text)
		return berth_error_set(error, BERTH_ERROR_INVALID, "illegal exclusion pattern: \"!\"");
	if (!berth_pattern__check(text, error))
		return false;
	if (ignore->patterns->len >= BERTH_LIMIT_IGNORE_PATTERNS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "there are more than %d patterns",
				       BERTH_LIMIT_IGNORE_PATTERNS);
	pattern.literal = strcspn(text, "*?[\\");
	pattern.plain = !text[pattern.literal];
	pattern.anything = g_str_has_prefix(text, "**") && text[2] && text[2] != '/' && !strpbrk(text + 2, "*?[\\");
	pattern.text = g_strdup(text);
	g_array_append_val(ignore->patterns, pattern);
	g_ptr_array_add(ignore->texts, g_strdup(cleaned));
	return true;
}

static berth_ignore *empty(void)
{
	berth_ignore *ignore = g_new0(berth_ignore, 1);

	ignore->patterns = g_array_new(FALSE, FALSE, sizeof(struct pattern));
	g_array_set_clear_func(ignore->patterns, pattern_clear);
	ignore->texts = g_ptr_array_new_with_free_func(g_free);
	return ignore;
}

berth_ignore *berth_ignore_new(const char *const *patterns, GError **error)
{
	g_autoptr(berth_ignore) ignore = empty();

	for (; *patterns; patterns++)
		if (!add(ignore, *patterns, error))
			return NULL;
	g_ptr_array_add(ignore->texts, NULL);
	return g_steal_pointer(&ignore);
}

// One line of the file: comments only in the first column, "/" in front is dropped, "!" may have blanks behind it.
static bool add_line(berth_ignore *ignore, const char *line, GError **error)
{
	if (*line == '#')
		return true;
	g_autofree char *text = g_strstrip(g_strdup(line));
	bool exception = *text == '!';
	g_autofree char *rest = g_strstrip(g_strdup(text + exception));
	g_autofree char *cleaned = *rest ? clean(rest) : g_strdup("");
	g_autofree char *pattern =
		g_strconcat(exception ? "!" : "", cleaned + (cleaned[0] == '/' && cleaned[1] ? 1 : 0), NULL);

	return add(ignore, pattern, error);
}

berth_ignore *berth_ignore_parse(const char *text, size_t size, GError **error)
{
	static const char mark[] = "\xef\xbb\xbf";
	g_autoptr(berth_ignore) ignore = empty();

	if (size > BERTH_LIMIT_IGNORE_FILE) {
		berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "the file is larger than %d bytes",
				BERTH_LIMIT_IGNORE_FILE);
		return NULL;
	}
	if (memchr(text, 0, size)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the file has a NUL byte: it must be text");
		return NULL;
	}
	g_autofree char *copy = g_strndup(text, size);
	g_auto(GStrv) lines = g_strsplit(g_str_has_prefix(copy, mark) ? copy + strlen(mark) : copy, "\n", -1);
	for (unsigned i = 0; lines[i]; i++)
		if (!add_line(ignore, lines[i], error)) {
			g_prefix_error(error, "line %u: ", i + 1);
			return NULL;
		}
	g_ptr_array_add(ignore->texts, NULL);
	return g_steal_pointer(&ignore);
}

berth_ignore *berth_ignore_free(berth_ignore *ignore)
{
	if (!ignore)
		return NULL;
	g_array_unref(ignore->patterns);
	g_ptr_array_unref(ignore->texts);
	g_free(ignore);
	return NULL;
}

bool berth_ignore_is_empty(const berth_ignore *ignore)
{
	return ignore->patterns->len == 0;
}

// Where a `**` goes on: behind the next slash.
static const char *behind_slash(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? slash + 1 : NULL;
}

// Whether the pattern matches the path or a folder above it: the match ends at the path's end or at a slash.
static bool match(const char *pattern, const char *name)
{
	const char *star = NULL, *star_name = NULL; // behind the last `*`, and what it has not taken yet
	const char *stars = NULL, *stars_name = NULL; // of the last `**`

	for (;;) {
		if (pattern[0] == '*' && pattern[1] == '*') {
			pattern += 2;
			pattern += *pattern == '/';
			if (!*pattern)
				return true;
			stars = pattern;
			stars_name = name;
			star = NULL;
			continue;
		}
		if (*pattern == '*') {
			star = ++pattern;
			star_name = name;
			continue;
		}
		if (!*pattern && (!*name || *name == '/'))
			return true;
		if (*pattern && berth_pattern__step(&pattern, &name))
			continue;
		if (star && *star_name && *star_name != '/') {
			pattern = star;
			name = ++star_name;
			continue;
		}
		stars_name = stars ? behind_slash(stars_name) : NULL;
		if (!stars_name)
			return false;
		star = NULL;
		pattern = stars;
		name = stars_name;
	}
}

// `**name`: whether the path or a folder above it ends with the name.
static bool ends_with(const char *path, const char *name)
{
	size_t length = strlen(name);

	for (const char *found = path; (found = strstr(found, name)); found++)
		if (!found[length] || found[length] == '/')
			return true;
	return false;
}

static bool pattern_matches(const struct pattern *pattern, const char *path)
{
	if (strncmp(path, pattern->text, pattern->literal) != 0)
		return false;
	if (pattern->plain)
		return !path[pattern->literal] || path[pattern->literal] == '/';
	if (pattern->anything)
		return ends_with(path, pattern->text + 2);
	// From the start: what is literal may be taken back by nothing, so it need not be matched again.
	return match(pattern->text + pattern->literal, path + pattern->literal);
}

bool berth_ignore_matches(const berth_ignore *ignore, const char *path)
{
	bool ignored = false;

	for (guint i = 0; i < ignore->patterns->len; i++) {
		const struct pattern *pattern = &g_array_index(ignore->patterns, struct pattern, i);
		// One that would change nothing is not looked at.
		if (pattern->exception == ignored && pattern_matches(pattern, path))
			ignored = !pattern->exception;
	}
	return ignored;
}

// Whether an exception may match something below the folder.
static bool reaches_below(const struct pattern *pattern, const char *folder)
{
	g_auto(GStrv) wanted = g_strsplit(pattern->text, "/", -1);
	g_auto(GStrv) parts = g_strsplit(folder, "/", -1);

	guint i;

	for (i = 0; parts[i] && wanted[i]; i++) {
		bool matches = false;
		if (strstr(wanted[i], "**"))
			return true;
		// A class may match a slash, as in Go, and `\/` does: then components tell nothing.
		if (strchr(wanted[i], '[') || g_str_has_suffix(wanted[i], "\\"))
			return true;
		if (!berth_pattern_match(wanted[i], parts[i], &matches, NULL) || !matches)
			return false;
	}
	// One that matches the folder itself, or one above, came before what ignores it, and so it does below.
	return wanted[i];
}

bool berth_ignore_skips_folder(const berth_ignore *ignore, const char *path)
{
	if (!berth_ignore_matches(ignore, path))
		return false;
	for (guint i = 0; i < ignore->patterns->len; i++) {
		const struct pattern *pattern = &g_array_index(ignore->patterns, struct pattern, i);
		if (pattern->exception && reaches_below(pattern, path))
			return false;
	}
	return true;
}
