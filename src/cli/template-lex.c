// SPDX-License-Identifier: Apache-2.0
// Tokens of a template. All of them are made before parsing: a template is small, and the parser can look about freely.
#include "cli/template-internal.h"

#include <stdarg.h>
#include <string.h>

#define END_OF_TEXT ((gunichar) -1)

struct lexer {
	const char *text;
	size_t length, start, at;
	unsigned int line; // of `start`
	unsigned int parens;
	GArray *tokens;
	char *error;
};

static const struct {
	const char *word;
	enum template_token_type type;
} keywords[] = {
	{"block", BERTH_TOKEN_BLOCK},       {"break", BERTH_TOKEN_BREAK},
	{"continue", BERTH_TOKEN_CONTINUE}, {"define", BERTH_TOKEN_DEFINE},
	{"else", BERTH_TOKEN_ELSE},         {"end", BERTH_TOKEN_END},
	{"false", BERTH_TOKEN_BOOL},        {"if", BERTH_TOKEN_IF},
	{"nil", BERTH_TOKEN_NIL},           {"range", BERTH_TOKEN_RANGE},
	{"template", BERTH_TOKEN_TEMPLATE}, {"true", BERTH_TOKEN_BOOL},
	{"with", BERTH_TOKEN_WITH},
};

static bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_alphanumeric(gunichar c)
{
	return c != END_OF_TEXT && (c == '_' || g_unichar_isalpha(c) || g_unichar_isdigit(c));
}

static char byte_at(const struct lexer *lexer, size_t at)
{
	return at < lexer->length ? lexer->text[at] : '\0';
}

static bool follows(const struct lexer *lexer, size_t at, const char *word)
{
	size_t length = strlen(word);

	return at <= lexer->length && lexer->length - at >= length && memcmp(lexer->text + at, word, length) == 0;
}

static gunichar peek(const struct lexer *lexer, size_t *ret_width)
{
	*ret_width = 0;
	if (lexer->at >= lexer->length)
		return END_OF_TEXT;
	return berth_template__character(lexer->text + lexer->at, lexer->length - lexer->at, ret_width);
}

static void skip(struct lexer *lexer)
{
	for (; lexer->start < lexer->at; lexer->start++)
		lexer->line += lexer->text[lexer->start] == '\n';
}

static void emit(struct lexer *lexer, enum template_token_type type)
{
	struct template_token token = {.type = type, .line = lexer->line, .start = lexer->start, .end = lexer->at};

	g_array_append_val(lexer->tokens, token);
	skip(lexer);
}

static bool G_GNUC_PRINTF(2, 3) fail(struct lexer *lexer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	lexer->error = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	emit(lexer, BERTH_TOKEN_ERROR);
	return false;
}

static bool fail_character(struct lexer *lexer, const char *what)
{
	size_t width;
	gunichar c = peek(lexer, &width);
	char text[8] = "";

	if (c == END_OF_TEXT)
		c = 0xfffd;
	text[g_unichar_to_utf8(c, text)] = '\0';
	if (g_unichar_isprint(c))
		return fail(lexer, "%s U+%04X '%s'", what, c, text);
	return fail(lexer, "%s U+%04X", what, c);
}

// "}}", or " -}}", which trims what follows.
static bool at_right_delimiter(const struct lexer *lexer, size_t at, bool *ret_trims)
{
	*ret_trims = is_space(byte_at(lexer, at)) && follows(lexer, at + 1, "-}}");
	return *ret_trims || follows(lexer, at, "}}");
}

static void trim_left(struct lexer *lexer)
{
	while (is_space(byte_at(lexer, lexer->at)))
		lexer->at++;
	skip(lexer);
}

static void lex_right_delimiter(struct lexer *lexer, bool trims)
{
	if (trims) {
		lexer->at += 2;
		skip(lexer);
	}
	lexer->at += 2;
	emit(lexer, BERTH_TOKEN_RIGHT_DELIMITER);
	if (trims)
		trim_left(lexer);
}

static bool lex_comment(struct lexer *lexer)
{
	const char *end = g_strstr_len(lexer->text + lexer->at + 2, (gssize) (lexer->length - lexer->at - 2), "*/");
	bool trims;

	if (!end)
		return fail(lexer, "unclosed comment");
	lexer->at = (size_t) (end - lexer->text) + 2;
	if (!at_right_delimiter(lexer, lexer->at, &trims))
		return fail(lexer, "comment ends before closing delimiter");
	lexer->at += trims ? 4 : 2;
	skip(lexer);
	if (trims)
		trim_left(lexer);
	return true;
}

static bool at_terminator(const struct lexer *lexer)
{
	char c = byte_at(lexer, lexer->at);

	return lexer->at >= lexer->length || is_space(c) || (c && strchr(".,|:()", c)) ||
	       follows(lexer, lexer->at, "}}");
}

static void skip_alphanumeric(struct lexer *lexer)
{
	size_t width;

	while (is_alphanumeric(peek(lexer, &width)))
		lexer->at += width;
}

// After "." or "$".
static bool lex_field_or_variable(struct lexer *lexer, enum template_token_type type)
{
	if (at_terminator(lexer)) {
		emit(lexer, type == BERTH_TOKEN_VARIABLE ? type : BERTH_TOKEN_DOT);
		return true;
	}
	skip_alphanumeric(lexer);
	if (!at_terminator(lexer))
		return fail_character(lexer, "bad character");
	emit(lexer, type);
	return true;
}

static bool lex_identifier(struct lexer *lexer)
{
	enum template_token_type type = BERTH_TOKEN_IDENTIFIER;

	skip_alphanumeric(lexer);
	if (!at_terminator(lexer))
		return fail_character(lexer, "bad character");
	for (size_t i = 0; i < G_N_ELEMENTS(keywords); i++)
		if (strlen(keywords[i].word) == lexer->at - lexer->start &&
		    follows(lexer, lexer->start, keywords[i].word))
			type = keywords[i].type;
	emit(lexer, type);
	return true;
}

static bool accept(struct lexer *lexer, const char *set)
{
	char c = byte_at(lexer, lexer->at);

	if (!c || !strchr(set, c))
		return false;
	lexer->at++;
	return true;
}

static void accept_run(struct lexer *lexer, const char *set)
{
	while (accept(lexer, set))
		;
}

static void scan_number(struct lexer *lexer)
{
	const char *digits = "0123456789_", *exponent = "eE";

	accept(lexer, "+-");
	if (accept(lexer, "0")) {
		if (accept(lexer, "xX")) {
			digits = "0123456789abcdefABCDEF_";
			exponent = "pP";
		} else if (accept(lexer, "oO")) {
			digits = "01234567_";
			exponent = "";
		} else if (accept(lexer, "bB")) {
			digits = "01_";
			exponent = "";
		}
	}
	accept_run(lexer, digits);
	if (accept(lexer, "."))
		accept_run(lexer, digits);
	if (accept(lexer, exponent)) {
		accept(lexer, "+-");
		accept_run(lexer, "0123456789_");
	}
}

// Go's complex numbers ("1+2i") are no numbers here.
static bool lex_number(struct lexer *lexer)
{
	size_t width;

	scan_number(lexer);
	bool more = byte_at(lexer, lexer->at) == '+' || byte_at(lexer, lexer->at) == '-';
	if (more)
		scan_number(lexer);
	if (is_alphanumeric(peek(lexer, &width)))
		more = true;
	else
		width = 0;
	if (more) {
		lexer->at += width;
		g_autofree char *quoted = berth_template__quote(lexer->text + lexer->start, lexer->at - lexer->start);
		return fail(lexer, "bad number syntax: %s", quoted);
	}
	emit(lexer, BERTH_TOKEN_NUMBER);
	return true;
}

// After the opening quote.
static bool lex_quoted(struct lexer *lexer, char quote, enum template_token_type type, const char *what)
{
	for (; lexer->at < lexer->length; lexer->at++) {
		char c = lexer->text[lexer->at];
		if (c == quote) {
			lexer->at++;
			emit(lexer, type);
			return true;
		}
		if (quote == '`')
			continue;
		if (c == '\\')
			lexer->at++;
		if (byte_at(lexer, lexer->at) == '\n')
			break;
	}
	lexer->at = MIN(lexer->at, lexer->length);
	return fail(lexer, "unterminated %s", what);
}

static bool lex_paren(struct lexer *lexer, char paren)
{
	if (paren == '(') {
		lexer->parens++;
		emit(lexer, BERTH_TOKEN_LEFT_PAREN);
		return true;
	}
	if (lexer->parens == 0)
		return fail(lexer, "unexpected right paren");
	lexer->parens--;
	emit(lexer, BERTH_TOKEN_RIGHT_PAREN);
	return true;
}

static bool lex_space(struct lexer *lexer)
{
	while (is_space(byte_at(lexer, lexer->at)))
		lexer->at++;
	// The last space may belong to " -}}".
	if (follows(lexer, lexer->at, "-}}"))
		lexer->at--;
	if (lexer->at > lexer->start)
		emit(lexer, BERTH_TOKEN_SPACE);
	return true;
}

static bool lex_other(struct lexer *lexer, char c)
{
	static const struct {
		char c;
		enum template_token_type type;
	} single[] = {{'=', BERTH_TOKEN_ASSIGN}, {'|', BERTH_TOKEN_PIPE}};
	size_t width;

	for (size_t i = 0; i < G_N_ELEMENTS(single); i++)
		if (c == single[i].c) {
			lexer->at++;
			emit(lexer, single[i].type);
			return true;
		}
	if (c == ':') {
		lexer->at++;
		if (!accept(lexer, "="))
			return fail(lexer, "expected :=");
		emit(lexer, BERTH_TOKEN_DECLARE);
		return true;
	}
	if (is_alphanumeric(peek(lexer, &width)))
		return lex_identifier(lexer);
	if (c < ' ' || c > '~') // bytes above 0x7f are negative, or above '~'
		return fail_character(lexer, "unrecognized character in action:");
	lexer->at++;
	emit(lexer, BERTH_TOKEN_CHAR);
	return true;
}

// One token within an action that is not its end.
static bool lex_inside_action(struct lexer *lexer)
{
	char c = byte_at(lexer, lexer->at), next = byte_at(lexer, lexer->at + 1);

	if (lexer->at >= lexer->length)
		return fail(lexer, "unclosed action");
	if (is_space(c))
		return lex_space(lexer);
	if (g_ascii_isdigit(c) || c == '+' || c == '-' || (c == '.' && g_ascii_isdigit(next)))
		return lex_number(lexer);
	switch (c) {
	case '"':
		lexer->at++;
		return lex_quoted(lexer, c, BERTH_TOKEN_STRING, "quoted string");
	case '`':
		lexer->at++;
		return lex_quoted(lexer, c, BERTH_TOKEN_RAW_STRING, "raw quoted string");
	case '\'':
		lexer->at++;
		return lex_quoted(lexer, c, BERTH_TOKEN_CHAR_CONSTANT, "character constant");
	case '$':
		lexer->at++;
		return lex_field_or_variable(lexer, BERTH_TOKEN_VARIABLE);
	case '.':
		lexer->at++;
		return lex_field_or_variable(lexer, BERTH_TOKEN_FIELD);
	case '(':
	case ')':
		lexer->at++;
		return lex_paren(lexer, c);
	default:
		return lex_other(lexer, c);
	}
}

// From "{{" to "}}".
static bool lex_action(struct lexer *lexer)
{
	bool trims = byte_at(lexer, lexer->at + 2) == '-' && is_space(byte_at(lexer, lexer->at + 3));
	size_t marker = trims ? 2 : 0;

	lexer->at += 2;
	if (follows(lexer, lexer->at + marker, "/*")) {
		lexer->at += marker;
		skip(lexer);
		return lex_comment(lexer);
	}
	emit(lexer, BERTH_TOKEN_LEFT_DELIMITER);
	lexer->at += marker;
	skip(lexer);
	lexer->parens = 0;
	for (;;) {
		if (at_right_delimiter(lexer, lexer->at, &trims)) {
			if (lexer->parens > 0)
				return fail(lexer, "unclosed left paren");
			lex_right_delimiter(lexer, trims);
			return true;
		}
		if (!lex_inside_action(lexer))
			return false;
	}
}

// Up to the next action, or to the end.
static void lex_text(struct lexer *lexer)
{
	const char *action = memmem(lexer->text + lexer->at, lexer->length - lexer->at, "{{", 2);
	size_t end = action ? (size_t) (action - lexer->text) : lexer->length;

	lexer->at = end;
	if (action && byte_at(lexer, end + 2) == '-' && is_space(byte_at(lexer, end + 3)))
		while (lexer->at > lexer->start && is_space(lexer->text[lexer->at - 1]))
			lexer->at--;
	if (lexer->at > lexer->start)
		emit(lexer, BERTH_TOKEN_TEXT);
	lexer->at = end;
	skip(lexer);
}

GArray *berth_template__lex(const char *text, size_t length, char **ret_error)
{
	struct lexer lexer = {.text = text,
			      .length = length,
			      .line = 1,
			      .tokens = g_array_new(FALSE, FALSE, sizeof(struct template_token))};

	while (lexer.at < length) {
		lex_text(&lexer);
		if (lexer.at < length && !lex_action(&lexer))
			break;
	}
	if (!lexer.error)
		emit(&lexer, BERTH_TOKEN_EOF);
	*ret_error = lexer.error;
	return lexer.tokens;
}
