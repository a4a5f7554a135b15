// SPDX-License-Identifier: Apache-2.0
// From bytes to instructions' lines: directives at the top, comments, continuations, heredocs.
#include "base/limits.h"
#include "build/dockerfile/internal.h"

#include <string.h>

struct line {
	const char *text; // not terminated
	size_t length; // without its end
	size_t whole; // with it
};

static const char *const directive_names[] = {"check", "escape", "syntax", NULL};

// 1, 0 at the end, -1 on failure.
static int read_line(struct berth_dockerfile__parser *parser, struct line *line, GError **error)
{
	if (parser->next >= parser->size)
		return 0;
	line->text = parser->text + parser->next;
	const char *end = memchr(line->text, '\n', parser->size - parser->next);
	line->whole = end ? (size_t) (end - line->text) + 1 : parser->size - parser->next;
	line->length = line->whole;
	while (line->length > 0 && strchr("\r\n", line->text[line->length - 1]))
		line->length--;
	parser->next += line->whole;
	parser->line++;
	if (line->length > BERTH_LIMIT_DOCKERFILE_LINE) {
		berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				"dockerfile line greater than max allowed size of %d", BERTH_LIMIT_DOCKERFILE_LINE);
		return -1;
	}
	return 1;
}

static void strip_left(struct line *line)
{
	g_autofree char *text = g_strndup(line->text, line->length);
	const char *rest = text;

	for (size_t width; (width = berth_dockerfile__space(rest)) > 0;)
		rest += width;
	line->text += rest - text;
	line->length -= (size_t) (rest - text);
}

static bool is_comment(struct line line)
{
	strip_left(&line);
	return line.length > 0 && *line.text == '#';
}

bool berth_dockerfile_syntax_check(const char *value, GError **error)
{
	static const char *const names[] = {"dockerfile", "dockerfile-upstream", "dockerfile.v0", NULL};
	g_autofree char *image = g_strndup(value, strcspn(value, BERTH_DOCKERFILE_BLANKS "@"));
	const char *slash = strrchr(image, '/');
	g_autofree char *name = g_strdup(slash ? slash + 1 : image);

	name[strcspn(name, ":")] = 0;
	if (g_strv_contains(names, name))
		return true;
	return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			       "syntax=%s: frontends are not run, Dockerfiles are read by the engine itself; use "
			       "docker/dockerfile or no syntax at all",
			       value);
}

// `# name = value`, of a line without blanks in front. 1: a directive, 0: none, and so no further one, -1: a wrong one.
static int read_directive(struct berth_dockerfile__parser *parser, const struct line *line, GError **error)
{
	g_autofree char *text = g_strndup(line->text, line->length);
	char *name = text + 1, *end, *value;

	if (parser->directives_over)
		return 0;
	parser->directives_over = true;
	if (*text != '#')
		return 0;
	name += strspn(name, BERTH_DOCKERFILE_BLANKS);
	end = name;
	while (g_ascii_isalnum(*end))
		end++;
	value = end + strspn(end, BERTH_DOCKERFILE_BLANKS);
	if (end == name || !g_ascii_isalpha(*name) || *value != '=')
		return 0;
	*end = 0;
	value = g_strstrip(value + 1);
	g_autofree char *lower = g_ascii_strdown(name, -1);
	if (!*value || !g_strv_contains(directive_names, lower))
		return 0;
	for (guint i = 0; i < parser->directives->len; i++)
		if (g_str_equal(g_array_index(parser->directives, struct berth_dockerfile_directive, i).name, lower)) {
			berth_error_set(error, BERTH_ERROR_INVALID, "only one %s parser directive can be used", lower);
			return -1;
		}
	if (g_str_equal(lower, "escape")) {
		if (!g_str_equal(value, "\\") && !g_str_equal(value, "`")) {
			berth_error_set(error, BERTH_ERROR_INVALID, "invalid escape token '%s' does not match ` or \\",
					value);
			parser->culprit = berth_dockerfile__keep_part(parser->memory, value, strlen(value));
			return -1;
		}
		parser->escape = *value;
	}
	parser->culprit = berth_dockerfile__keep_part(parser->memory, value, strlen(value));
	if (g_str_equal(lower, "syntax") && !berth_dockerfile_syntax_check(value, error))
		return -1;
	parser->culprit = NULL;
	struct berth_dockerfile_directive directive = {
		berth_dockerfile__keep_part(parser->memory, lower, strlen(lower)),
		berth_dockerfile__keep_part(parser->memory, value, strlen(value)), parser->line};
	g_array_append_val(parser->directives, directive);
	parser->directives_over = false;
	return 1;
}

// The length without the escape that continues the line, or the whole length: an escape at the end, blanks after it
// allowed, that no other escape stands before.
static bool is_continued(const struct berth_dockerfile__parser *parser, const struct line *line, size_t *ret_length)
{
	size_t end = line->length;

	*ret_length = end;
	while (end > 0 && (line->text[end - 1] == ' ' || line->text[end - 1] == '\t'))
		end--;
	if (end == 0 || line->text[end - 1] != parser->escape)
		return false;
	if (end > 1 && line->text[end - 2] == parser->escape)
		return false;
	*ret_length = end - 1;
	return true;
}

// Lines that continue the one that `joined` holds.
static bool read_continuations(struct berth_dockerfile__parser *parser, GString *joined, unsigned first, GError **error)
{
	bool gap = false;
	struct line line;
	int read;

	while ((read = read_line(parser, &line, error)) > 0) {
		struct line stripped = line;
		size_t length;

		strip_left(&stripped);
		if (is_comment(line))
			continue;
		if (stripped.length == 0) {
			gap = true;
			continue;
		}
		bool more = is_continued(parser, &line, &length);
		g_string_append_len(joined, line.text, (gssize) length);
		if (!more)
			break;
	}
	if (gap) {
		struct berth_dockerfile_gap found = {first, parser->line};
		g_array_append_val(parser->gaps, found);
	}
	return read >= 0;
}

// The lines of one heredoc, up to its name.
static bool read_heredoc(struct berth_dockerfile__parser *parser, struct berth_dockerfile_heredoc *heredoc,
			 GError **error)
{
	g_autoptr(GString) content = g_string_new(NULL);
	struct line line;
	int read;

	while ((read = read_line(parser, &line, error)) > 0) {
		struct line possible = line;

		while (heredoc->chomp && possible.length > 0 && *possible.text == '\t') {
			possible.text++;
			possible.length--;
		}
		if (possible.length == strlen(heredoc->name) &&
		    memcmp(possible.text, heredoc->name, possible.length) == 0)
			break;
		g_string_append_len(content, line.text, (gssize) line.whole);
	}
	if (read < 0)
		return false;
	if (read == 0) {
		parser->culprit = heredoc->name;
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "unterminated heredoc: there is no line \"%s\" that ends it", heredoc->name);
	}
	if (!g_utf8_validate_len(content->str, content->len, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "the heredoc \"%s\" is not valid UTF-8",
				       heredoc->name);
	heredoc->content = berth_dockerfile__keep_part(parser->memory, content->str, content->len);
	heredoc->text = heredoc->chomp ? berth_dockerfile__keep(parser->memory,
								berth_dockerfile__without_tabs(heredoc->content))
				       : heredoc->content;
	return true;
}

// Whether the instruction, or the one that ONBUILD holds, may have heredocs as it is written.
static bool may_have_heredocs(GPtrArray *memory, const struct berth_dockerfile__statement *statement)
{
	struct berth_dockerfile__statement inner = *statement;
	const char *const *words;
	int kind = berth_dockerfile__kind(statement->word);

	if (kind == BERTH_DOCKERFILE_ONBUILD) {
		berth_dockerfile__split(memory, statement->rest, &inner);
		kind = berth_dockerfile__kind(inner.word);
		if (kind == BERTH_DOCKERFILE_ONBUILD)
			return false;
	}
	if (kind < 0 || !berth_dockerfile_about((enum berth_dockerfile_kind) kind)->heredoc)
		return false;
	return berth_dockerfile__json_words(memory, inner.rest, &words, NULL) == 0;
}

static bool read_heredocs(struct berth_dockerfile__parser *parser, struct berth_dockerfile__statement *statement,
			  GError **error)
{
	if (!strstr(statement->text, "<<") || !may_have_heredocs(parser->memory, statement))
		return true;
	g_autoptr(GArray) heredocs = berth_dockerfile__heredocs(parser->memory, statement->text);
	if (heredocs->len > BERTH_LIMIT_DOCKERFILE_HEREDOCS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "%s has more than %d heredocs",
				       statement->word, BERTH_LIMIT_DOCKERFILE_HEREDOCS);
	for (guint i = 0; i < heredocs->len; i++)
		if (!read_heredoc(parser, &g_array_index(heredocs, struct berth_dockerfile_heredoc, i), error))
			return false;
	statement->heredocs_count = heredocs->len;
	statement->heredocs = berth_dockerfile__keep(
		parser->memory, g_memdup2(heredocs->data, heredocs->len * sizeof(struct berth_dockerfile_heredoc)));
	return true;
}

static void read_comment(struct berth_dockerfile__parser *parser, const struct line *line)
{
	g_autofree char *text = g_strndup(line->text + 1, line->length - 1);

	if (g_utf8_validate(text, -1, NULL))
		g_ptr_array_add(parser->comments, berth_dockerfile__trim(parser->memory, text));
}

// From the first line, without blanks in front, which is neither empty nor a comment.
static bool read_statement(struct berth_dockerfile__parser *parser, const struct line *line, size_t length,
			   bool continued, size_t begin, struct berth_dockerfile__statement *statement, GError **error)
{
	g_autoptr(GString) joined = g_string_new_len(line->text, (gssize) length);

	statement->first_line = parser->line;
	parser->place = (struct berth_dockerfile_place){.first_line = parser->line, .last_line = parser->line};
	if (continued && !read_continuations(parser, joined, parser->line, error))
		return false;
	parser->place.last_line = parser->line;
	if (!g_utf8_validate_len(joined->str, joined->len, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "the instruction is not valid UTF-8");
	statement->text = berth_dockerfile__keep_part(parser->memory, joined->str, joined->len);
	statement->comments = berth_dockerfile__keep_words(parser->memory, g_steal_pointer(&parser->comments));
	parser->comments = g_ptr_array_new();
	berth_dockerfile__split(parser->memory, statement->text, statement);
	if (!read_heredocs(parser, statement, error))
		return false;
	statement->last_line = parser->place.last_line = parser->line;
	size_t end = parser->next;
	while (end > begin && strchr("\r\n", parser->text[end - 1]))
		end--;
	g_autofree char *original = g_strndup(parser->text + begin, end - begin);
	statement->original = berth_dockerfile__keep(parser->memory, g_utf8_make_valid(original, -1));
	return true;
}

int berth_dockerfile__next_statement(struct berth_dockerfile__parser *parser,
				     struct berth_dockerfile__statement *statement, GError **error)
{
	struct line line;
	int read;

	*statement = (struct berth_dockerfile__statement){0};
	for (;;) {
		size_t begin = parser->next, length;

		read = read_line(parser, &line, error);
		parser->place = (struct berth_dockerfile_place){.first_line = parser->line, .last_line = parser->line};
		if (read <= 0)
			return read;
		strip_left(&line);
		int directive = read_directive(parser, &line, error);
		if (directive < 0)
			return -1;
		if (line.length > 0 && *line.text == '#') {
			if (directive == 0)
				read_comment(parser, &line);
			continue;
		}
		bool continued = is_continued(parser, &line, &length);
		if (length == 0 && !continued) {
			g_ptr_array_set_size(parser->comments, 0);
			continue;
		}
		if (!read_statement(parser, &line, length, continued, begin, statement, error))
			return -1;
		if (*statement->word)
			return 1;
		// A lone escape, with nothing behind it: no instruction.
	}
}
