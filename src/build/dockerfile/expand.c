// SPDX-License-Identifier: Apache-2.0
// The shell's words as docker reads them: variables, quotes, escapes.
#include "base/limits.h"
#include "build/dockerfile/internal.h"

#include <string.h>

struct words {
	GPtrArray *done; // NULL: not asked for
	GString *word;
	bool inside;
};

struct walker {
	const struct berth_dockerfile_scope *scope;
	const char *next;
	unsigned manner;
	bool raw_escapes;
	unsigned depth;
	size_t made; // bytes that variables gave
};

static bool process_until(struct walker *walker, char stop, bool raw_escapes, struct words *words, GString *out,
			  GError **error);

static void end_word(struct words *words)
{
	if (words->word->len > 0)
		g_ptr_array_add(words->done, g_strdup(words->word->str));
	g_string_truncate(words->word, 0);
}

// As part of a word, blanks too.
static void add_raw(struct words *words, const char *text, size_t length)
{
	if (!words || !words->done)
		return;
	g_string_append_len(words->word, text, (gssize) length);
	words->inside = true;
}

// Blanks end words.
static void add_text(struct words *words, const char *text, size_t length)
{
	if (!words || !words->done)
		return;
	for (size_t i = 0; i < length;) {
		size_t width = berth_dockerfile__space(text + i);
		if (width == 0) {
			add_raw(words, text + i, 1);
			i++;
			continue;
		}
		if (words->inside && words->word->len > 0) {
			end_word(words);
			words->inside = false;
		}
		i += width;
	}
}

static const char *look_up(struct walker *walker, const char *name, bool report)
{
	const char *value = walker->scope->lookup(walker->scope->data, name);

	if (!value && report && walker->scope->unset && walker->scope->unset->len < BERTH_LIMIT_EXPANSION_UNSET)
		g_ptr_array_add(walker->scope->unset, g_strdup(name));
	return value;
}

static bool add_made(struct walker *walker, const char *text, GString *out, GError **error)
{
	size_t length = strlen(text), *all = walker->scope->made;

	walker->made += length;
	if (all)
		*all += length;
	if (all && *all > BERTH_LIMIT_EXPANSION_ALL)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "variables make more than %d bytes of all texts together",
				       BERTH_LIMIT_EXPANSION_ALL);
	if (walker->made > BERTH_LIMIT_EXPANSION)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "variables make more than %d bytes of one text", BERTH_LIMIT_EXPANSION);
	g_string_append_len(out, text, (gssize) length);
	return true;
}

// A name: letters, digits and "_"; digits alone if it begins with one; or one of the shell's special parameters.
static char *read_name(struct walker *walker)
{
	const char *begin = walker->next, *c = begin;

	if (g_ascii_isdigit(*c)) {
		while (g_ascii_isdigit(*c))
			c++;
	} else if (*c && strchr("@*#?-$!", *c)) {
		c++;
	} else {
		for (;;) {
			gunichar letter = *c ? g_utf8_get_char_validated(c, -1) : 0;
			if (letter == 0 || letter == (gunichar) -1 || letter == (gunichar) -2 ||
			    (!g_unichar_isalpha(letter) && !g_unichar_isdigit(letter) && letter != '_'))
				break;
			c = g_utf8_next_char(c);
		}
	}
	walker->next = c;
	return g_strndup(begin, (gsize) (c - begin));
}

static bool missing_brace(GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "syntax error: missing '}'");
}

// The word of a modifier, up to the brace.
static char *read_word(struct walker *walker, char stop, bool raw_escapes, GError **error)
{
	g_autoptr(GString) word = g_string_new(NULL);

	if (!process_until(walker, stop, raw_escapes, NULL, word, error)) {
		if (!*walker->next && error && g_error_matches(*error, BERTH_ERROR, BERTH_ERROR_INVALID)) {
			g_clear_error(error);
			if (stop == '}')
				missing_brace(error);
			else
				berth_error_set(error, BERTH_ERROR_INVALID, "syntax error: missing '%c' in ${}", stop);
		}
		return NULL;
	}
	return g_string_free(g_steal_pointer(&word), FALSE);
}

static bool too_much(GError **error)
{
	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "a pattern and its value are larger than %d characters times characters",
			       BERTH_LIMIT_EXPANSION_MATCH);
}

static bool check_pattern(const char *pattern, const char *value, GError **error)
{
	if ((guint64) (strlen(pattern) + 1) * (strlen(value) + 1) > BERTH_LIMIT_EXPANSION_MATCH)
		return too_much(error);
	for (const char *c = pattern; *c; c++)
		if (*c == '\\') {
			c++;
			if (!*c || !strchr("*?\\}/", *c))
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "invalid pattern (%s) in substitution: invalid escape '\\%.*s'",
						       pattern, (int) (*c ? g_utf8_next_char(c) - c : 0), c);
		}
	return true;
}

// ${a#p} ${a##p} ${a%p} ${a%%p}
static bool trim(struct walker *walker, char modifier, const char *word, const char *value, GString *out,
		 GError **error)
{
	bool greedy = *word == modifier;
	size_t begin, end;

	word += greedy;
	if (!check_pattern(word, value, error))
		return false;
	bool suffix = modifier == '%';
	g_autoptr(berth_dockerfile__matcher) matcher = berth_dockerfile__matcher_new(word, value, greedy, suffix);
	if (!suffix) {
		bool found = berth_dockerfile__matcher_find(matcher, 0, true, &begin, &end);
		return add_made(walker, found ? value + end : value, out, error);
	}
	g_autofree char *kept = g_strndup(value, berth_dockerfile__matcher_suffix(matcher, greedy));
	return add_made(walker, kept, out, error);
}

// What a pattern matches becomes `word`: once, or everywhere. What matches nothing stands between characters.
static void replace_in(berth_dockerfile__matcher *matcher, const char *value, const char *word, bool all, GString *out)
{
	size_t length = strlen(value), from = 0, begin, end, last_end = SIZE_MAX;

	// More than the limit is refused by the caller.
	while (out->len <= BERTH_LIMIT_EXPANSION &&
	       berth_dockerfile__matcher_find(matcher, from, false, &begin, &end)) {
		g_string_append_len(out, value + from, (gssize) (begin - from));
		if (end > begin || begin != last_end)
			g_string_append(out, word);
		from = last_end = end;
		if (!all || from >= length)
			break;
		if (end > begin)
			continue;
		size_t width = (size_t) (g_utf8_next_char(value + begin) - (value + begin));
		width = MIN(width, length - begin);
		g_string_append_len(out, value + begin, (gssize) width);
		from += width;
	}
	g_string_append(out, value + MIN(from, length));
}

// ${a/p/w} ${a//p/w}
static bool replace(struct walker *walker, const char *name, GString *out, GError **error)
{
	bool all = *walker->next == '/';

	walker->next += all;
	g_autofree char *pattern = read_word(walker, '/', true, error);
	if (!pattern)
		return false;
	g_autofree char *word = read_word(walker, '}', true, error);
	if (!word)
		return false;
	const char *value = look_up(walker, name, true);
	if (!value && walker->manner & BERTH_DOCKERFILE__KEEP_UNSET) {
		g_string_append_printf(out, "${%s/%s/%s}", name, pattern, word);
		return true;
	}
	g_autofree char *kept = g_strdup(value ? value : "");
	if (!check_pattern(pattern, kept, error))
		return false;
	g_autoptr(GString) result = g_string_new(NULL);
	g_autoptr(berth_dockerfile__matcher) matcher = berth_dockerfile__matcher_new(pattern, kept, true, false);
	replace_in(matcher, kept, word, all, result);
	return add_made(walker, result->str, out, error);
}

// ${name:-w} and its like; `modifier` is what stands behind the name and the colon.
static bool modify(struct walker *walker, const char *name, bool colon, char modifier, GString *out, GError **error)
{
	bool raw = modifier == '#' || modifier == '%';

	if (!modifier || !strchr("+-?#%", modifier) || (colon && raw))
		return berth_error_set(error, BERTH_ERROR_INVALID, "unsupported modifier (%s%c) in substitution",
				       colon ? ":" : "", modifier ? modifier : ' ');
	g_autofree char *word = read_word(walker, '}', raw, error);
	if (!word)
		return false;
	const char *value = look_up(walker, name, raw);
	if (!value && walker->manner & BERTH_DOCKERFILE__KEEP_UNSET) {
		g_string_append_printf(out, "${%s%s%c%s}", name, colon ? ":" : "", modifier, word);
		return true;
	}
	bool good = value && (!colon || *value);
	switch (modifier) {
	case '-':
		return add_made(walker, good ? value : word, out, error);
	case '+':
		return add_made(walker, good ? word : "", out, error);
	case '?':
		if (!good)
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s: %s", name,
					       *word   ? word
					       : value ? "is not allowed to be empty"
						       : "is not allowed to be unset");
		return add_made(walker, value, out, error);
	default:
		return trim(walker, modifier, word, value ? value : "", out, error);
	}
}

static bool add_variable(struct walker *walker, const char *name, bool braces, GString *out, GError **error)
{
	const char *value = look_up(walker, name, true);

	if (!value && walker->manner & BERTH_DOCKERFILE__KEEP_UNSET) {
		g_string_append_printf(out, braces ? "${%s}" : "$%s", name);
		return true;
	}
	return add_made(walker, value ? value : "", out, error);
}

static bool process_braces(struct walker *walker, GString *out, GError **error)
{
	if (!*walker->next)
		return missing_brace(error);
	if (strchr("{}:", *walker->next))
		return berth_error_set(error, BERTH_ERROR_INVALID, "syntax error: bad substitution");
	g_autofree char *name = read_name(walker);
	char c = *walker->next;
	if (!c)
		return missing_brace(error);
	walker->next++;
	if (c == '}')
		return add_variable(walker, name, true, out, error);
	if (c == '/')
		return replace(walker, name, out, error);
	bool colon = c == ':';
	if (colon) {
		c = *walker->next;
		walker->next += c != 0;
	}
	return modify(walker, name, colon, c, out, error);
}

static bool process_dollar(struct walker *walker, GString *out, GError **error)
{
	bool good;

	walker->next++;
	if (*walker->next == '{') {
		walker->next++;
		if (walker->depth >= BERTH_LIMIT_EXPANSION_DEPTH)
			return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					       "substitutions are nested more than %d deep",
					       BERTH_LIMIT_EXPANSION_DEPTH);
		walker->depth++;
		good = process_braces(walker, out, error);
		walker->depth--;
		return good;
	}
	g_autofree char *name = read_name(walker);
	if (*name)
		return add_variable(walker, name, false, out, error);
	g_string_append_c(out, '$');
	return true;
}

static bool process_single_quote(struct walker *walker, GString *out, GError **error)
{
	bool raw = walker->manner & BERTH_DOCKERFILE__RAW_QUOTES;
	const char *begin = ++walker->next;
	const char *end = strchr(begin, '\'');

	if (!end) {
		walker->next = begin + strlen(begin);
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "unexpected end of statement while looking for matching single-quote");
	}
	walker->next = end + 1;
	g_string_append_len(out, begin - raw, end - begin + 2 * raw);
	return true;
}

static bool process_double_quote(struct walker *walker, GString *out, GError **error)
{
	bool raw = walker->manner & BERTH_DOCKERFILE__RAW_QUOTES;
	char escape = walker->scope->escape;

	walker->next++;
	if (raw)
		g_string_append_c(out, '"');
	for (;;) {
		char c = *walker->next;
		if (!c)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "unexpected end of statement while looking for matching double-quote");
		if (c == '"')
			break;
		if (c == '$') {
			if (!process_dollar(walker, out, error))
				return false;
			continue;
		}
		walker->next++;
		if (c == escape) {
			char following = *walker->next;
			if (walker->raw_escapes)
				g_string_append_c(out, c);
			if (!following)
				continue;
			if (following == '"' || following == '$' || following == escape) {
				walker->next++;
				c = following;
			} else if (walker->raw_escapes) {
				continue; // it stands there already
			}
		}
		g_string_append_c(out, c);
	}
	walker->next++;
	if (raw)
		g_string_append_c(out, '"');
	return true;
}

// An escape and what follows it, or an ordinary character.
static void process_character(struct walker *walker, struct words *words, GString *out)
{
	const char *c = walker->next++;

	if (*c != walker->scope->escape) {
		// A whole character, so that its blanks are known.
		size_t width = MAX(berth_dockerfile__space(c), 1);
		walker->next = c + width;
		add_text(words, c, width);
		g_string_append_len(out, c, (gssize) width);
		return;
	}
	if (walker->raw_escapes) {
		add_raw(words, c, 1);
		g_string_append_c(out, *c);
	}
	if (!*walker->next)
		return;
	size_t width = MAX(berth_dockerfile__space(walker->next), 1);
	add_raw(words, walker->next, width);
	g_string_append_len(out, walker->next, (gssize) width);
	walker->next += width;
}

// Up to `stop` (0: the end), which is passed.
static bool process_stretch(struct walker *walker, char stop, struct words *words, GString *out, GError **error)
{
	bool quotes = !(walker->manner & BERTH_DOCKERFILE__NO_QUOTES);

	while (*walker->next) {
		char c = *walker->next;
		size_t before = out->len;

		if (stop && c == stop) {
			walker->next++;
			return true;
		}
		if (c == '$') {
			if (!process_dollar(walker, out, error))
				return false;
			add_text(words, out->str + before, out->len - before);
		} else if (quotes && (c == '\'' || c == '"')) {
			if (!(c == '"' ? process_double_quote : process_single_quote)(walker, out, error))
				return false;
			add_raw(words, out->str + before, out->len - before);
		} else {
			process_character(walker, words, out);
		}
	}
	if (stop)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "unexpected end of statement while looking for matching %c", stop);
	return true;
}

static bool process_until(struct walker *walker, char stop, bool raw_escapes, struct words *words, GString *out,
			  GError **error)
{
	bool before = walker->raw_escapes;

	walker->raw_escapes = raw_escapes;
	bool good = process_stretch(walker, stop, words, out, error);
	walker->raw_escapes = before;
	return good;
}

char *berth_dockerfile__process(const struct berth_dockerfile_scope *scope, const char *text, unsigned manner,
				char ***ret_words, GError **error)
{
	struct walker walker = {.scope = scope, .next = text, .manner = manner};
	g_autoptr(GString) word = g_string_new(NULL);
	struct words words = {.word = word};
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) problem = NULL;

	if (ret_words)
		words.done = g_ptr_array_new_with_free_func(g_free);
	bool good = process_until(&walker, 0, manner & BERTH_DOCKERFILE__RAW_ESCAPES, &words, out, &problem);
	if (!good) {
		g_clear_pointer(&words.done, g_ptr_array_unref);
		g_propagate_error(error, g_steal_pointer(&problem));
		return NULL;
	}
	if (ret_words) {
		end_word(&words);
		g_ptr_array_add(words.done, NULL);
		*ret_words = (char **) g_ptr_array_free(words.done, FALSE);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static char *process(const struct berth_dockerfile_scope *scope, const char *text, unsigned manner, char ***ret_words,
		     GError **error)
{
	char *result = berth_dockerfile__process(scope, text, manner, ret_words, error);

	if (!result)
		g_prefix_error(error, "failed to process \"%s\": ", text);
	return result;
}

char *berth_dockerfile_expand(const struct berth_dockerfile_scope *scope, const char *text, GError **error)
{
	return process(scope, text, 0, NULL, error);
}

char **berth_dockerfile_expand_words(const struct berth_dockerfile_scope *scope, const char *text, GError **error)
{
	char **words = NULL;
	g_autofree char *whole = process(scope, text, 0, &words, error);

	return whole ? words : NULL;
}

char *berth_dockerfile_expand_text(const struct berth_dockerfile_scope *scope, const char *text, GError **error)
{
	struct berth_dockerfile_scope backslash = *scope;

	backslash.escape = '\\';
	return process(&backslash, text, BERTH_DOCKERFILE__NO_QUOTES, NULL, error);
}
