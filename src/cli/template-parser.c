// SPDX-License-Identifier: Apache-2.0
// The parser's place among the tokens, its errors, and the nodes that it makes.
#include "cli/template-parser.h"

#include "base/error.h"

const struct template_token *berth_parser__peek(const struct parser *parser)
{
	return &g_array_index(parser->tokens, struct template_token, parser->at);
}

const struct template_token *berth_parser__next(struct parser *parser)
{
	const struct template_token *found = berth_parser__peek(parser);

	if (found->type > BERTH_TOKEN_ERROR)
		parser->at++;
	return found;
}

const struct template_token *berth_parser__peek_nonspace(struct parser *parser)
{
	while (berth_parser__peek(parser)->type == BERTH_TOKEN_SPACE)
		parser->at++;
	return berth_parser__peek(parser);
}

const struct template_token *berth_parser__next_nonspace(struct parser *parser)
{
	berth_parser__peek_nonspace(parser);
	return berth_parser__next(parser);
}

const char *berth_parser__token_text(const struct parser *parser, const struct template_token *of)
{
	return parser->template->text + of->start;
}

size_t berth_parser__token_length(const struct template_token *of)
{
	return of->end - of->start;
}

void *berth_parser__fail(const struct parser *parser, unsigned int line, GError **error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *message = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (line == 0)
		line = g_array_index(parser->tokens, struct template_token, parser->at > 0 ? parser->at - 1 : 0).line;
	berth_error_set(error, BERTH_ERROR_INVALID, "template parsing error: template: :%u: %s", line, message);
	return NULL;
}

static char *describe(const struct parser *parser, const struct template_token *of)
{
	const char *text = berth_parser__token_text(parser, of);
	size_t length = berth_parser__token_length(of);

	if (of->type == BERTH_TOKEN_EOF)
		return g_strdup("EOF");
	if (of->type > BERTH_TOKEN_KEYWORD)
		return g_strdup_printf("<%.*s>", (int) length, text);
	size_t shown = 0;
	for (unsigned int characters = 0; characters < 10 && shown < length; characters++) {
		size_t width;
		berth_template__character(text + shown, length - shown, &width);
		shown += width;
	}
	g_autofree char *quoted = berth_template__quote(text, shown);
	return g_strdup_printf("%s%s", quoted, length > 10 ? "..." : "");
}

void *berth_parser__unexpected(const struct parser *parser, const struct template_token *found, const char *context,
			       GError **error)
{
	if (found->type == BERTH_TOKEN_ERROR) {
		if (parser->action_line == 0 || parser->action_line == found->line)
			return berth_parser__fail(parser, found->line, error, "%s", parser->lex_error);
		bool names_action = g_str_has_suffix(parser->lex_error, " action");
		return berth_parser__fail(parser, found->line, error, "%s%s started at :%u", parser->lex_error,
					  names_action ? "" : " in action", parser->action_line);
	}
	g_autofree char *text = describe(parser, found);
	return berth_parser__fail(parser, found->line, error, "unexpected %s in %s", text, context);
}

const struct template_token *berth_parser__expect(struct parser *parser, enum template_token_type type,
						  const char *context, GError **error)
{
	const struct template_token *found = berth_parser__next_nonspace(parser);

	return found->type == type ? found : berth_parser__unexpected(parser, found, context, error);
}

// Nesting: each level is a few calls of this file, and later of what executes it.
bool berth_parser__enter(struct parser *parser, GError **error)
{
	if (++parser->depth > BERTH_LIMIT_TEMPLATE_DEPTH)
		return berth_parser__fail(parser, 0, error, "nested deeper than %d levels", BERTH_LIMIT_TEMPLATE_DEPTH);
	return true;
}

struct template_node *berth_parser__new_node(struct parser *parser, enum template_node_type type,
					     const struct template_token *first)
{
	struct template_node *made = g_new0(struct template_node, 1);

	made->type = type;
	made->position = made->start = first->start;
	made->end = first->end;
	g_ptr_array_add(parser->template->nodes, made);
	return made;
}

void berth_parser__add_child(struct template_node *parent, struct template_node *child)
{
	if (!parent->children)
		parent->children = g_ptr_array_new();
	g_ptr_array_add(parent->children, child);
}

void berth_parser__add_name(struct template_node *of, const struct parser *parser, const struct template_token *field)
{
	if (!of->names)
		of->names = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(of->names,
			g_strndup(berth_parser__token_text(parser, field) + 1, berth_parser__token_length(field) - 1));
}

void berth_parser__end_here(const struct parser *parser, struct template_node *of)
{
	size_t last = parser->at;

	while (last > 0 && g_array_index(parser->tokens, struct template_token, last - 1).type == BERTH_TOKEN_SPACE)
		last--;
	of->end = last > 0 ? g_array_index(parser->tokens, struct template_token, last - 1).end : of->end;
}
