// SPDX-License-Identifier: Apache-2.0
// The tree of a template, by recursive descent. Nesting is limited here, so that whatever walks a tree may recurse.
#include "cli/template-parser.h"

#include "base/error.h"

#include <string.h>

// What a body has of its own, while another one is parsed.
struct parser_scope {
	struct template_body *body;
	GArray *variables;
	unsigned int ranges;
};

static bool parse_list(struct parser *parser, struct template_node **ret_list, struct template_node **ret_end,
		       GError **error);
static struct template_node *parse_control(struct parser *parser, enum template_node_type type,
					   const struct template_token *first, GError **error);

static const char *const control_contexts[] = {
	[BERTH_NODE_IF] = "if", [BERTH_NODE_RANGE] = "range", [BERTH_NODE_WITH] = "with"};

static struct parser_scope enter_body(struct parser *parser, const char *name, size_t length)
{
	struct parser_scope outer = {parser->body, parser->variables, parser->ranges};

	parser->body = g_new0(struct template_body, 1);
	parser->body->name = g_strndup(name, length);
	parser->body->n_slots = 1;
	parser->variables = g_array_new(FALSE, FALSE, sizeof(struct parser_variable));
	parser->ranges = 0;
	return outer;
}

static void body_free(void *data)
{
	struct template_body *body = data;

	g_free(body->name);
	g_free(body);
}

static bool is_blank(const struct parser *parser, const struct template_node *list)
{
	for (unsigned int i = 0; list->children && i < list->children->len; i++) {
		const struct template_node *child = list->children->pdata[i];
		if (child->type != BERTH_NODE_TEXT)
			return false;
		for (size_t at = child->start; at < child->end; at++)
			if (!g_ascii_isspace(parser->template->text[at]))
				return false;
	}
	return true;
}

// Ends a body: keeps it under its name if there is a list. A blank one gives way to another of that name.
static bool leave_body(struct parser *parser, struct parser_scope outer, struct template_node *list, GError **error)
{
	struct template_body *body = parser->body;
	GHashTable *bodies = parser->template->bodies;

	g_array_free(parser->variables, TRUE);
	parser->body = outer.body;
	parser->variables = outer.variables;
	parser->ranges = outer.ranges;
	body->list = list;
	struct template_body *known = list ? g_hash_table_lookup(bodies, body->name) : NULL;
	if (list && (!known || is_blank(parser, known->list))) {
		g_hash_table_replace(bodies, body->name, body);
		return true;
	}
	bool conflict = list && !is_blank(parser, list);
	if (conflict) {
		g_autofree char *quoted = berth_template__quote(body->name, strlen(body->name));
		berth_parser__fail(parser, 0, error, "template: multiple definition of template %s", quoted);
	}
	body_free(body);
	return list && !conflict;
}

static bool parse_name(struct parser *parser, const char *context, GString **ret_name, GError **error)
{
	const struct template_token *found = berth_parser__next_nonspace(parser);

	if (found->type != BERTH_TOKEN_STRING && found->type != BERTH_TOKEN_RAW_STRING)
		return berth_parser__unexpected(parser, found, context, error);
	*ret_name = berth_template__unquote(berth_parser__token_text(parser, found), berth_parser__token_length(found));
	return *ret_name || berth_parser__fail(parser, found->line, error, "invalid syntax");
}

// The content of {{define}} and {{block}}, with its end.
static bool parse_body(struct parser *parser, const GString *name, const char *context, GError **error)
{
	struct template_node *list = NULL, *end = NULL;

	if (!berth_parser__enter(parser, error))
		return false;
	struct parser_scope outer = enter_body(parser, name->str, name->len);
	if (parse_list(parser, &list, &end, error) && end->type != BERTH_NODE_END) {
		berth_parser__fail(parser, 0, error, "unexpected {{else}} in %s", context);
		list = NULL;
	}
	parser->depth--;
	return leave_body(parser, outer, end ? list : NULL, error);
}

static bool parse_define(struct parser *parser, GError **error)
{
	g_autoptr(GString) name = NULL;

	return parse_name(parser, "define clause", &name, error) &&
	       berth_parser__expect(parser, BERTH_TOKEN_RIGHT_DELIMITER, "define clause", error) &&
	       parse_body(parser, name, "define clause", error);
}

static struct template_node *parse_template(struct parser *parser, const struct template_token *first, bool is_block,
					    GError **error)
{
	const char *context = is_block ? "block clause" : "template clause";
	struct template_node *made = berth_parser__new_node(parser, BERTH_NODE_TEMPLATE, first);
	g_autoptr(GString) name = NULL;

	made->position = berth_parser__peek_nonspace(parser)->start;
	if (!parse_name(parser, context, &name, error))
		return NULL;
	made->name = g_strndup(name->str, name->len);
	berth_parser__end_here(parser, made);
	if (!is_block && berth_parser__peek_nonspace(parser)->type == BERTH_TOKEN_RIGHT_DELIMITER) {
		berth_parser__next(parser);
	} else {
		made->pipe = berth_parser__parse_pipeline(parser, context, BERTH_TOKEN_RIGHT_DELIMITER, error);
		if (!made->pipe)
			return NULL;
		made->end = made->pipe->end;
	}
	return !is_block || parse_body(parser, name, context, error) ? made : NULL;
}

// Sets otherwise of `control`, after its {{else}}, up to its end.
static bool parse_else(struct parser *parser, struct template_node *control, GError **error)
{
	const struct template_token *found = berth_parser__peek(parser);
	struct template_node *end;

	if ((control->type == BERTH_NODE_IF && found->type == BERTH_TOKEN_IF) ||
	    (control->type == BERTH_NODE_WITH && found->type == BERTH_TOKEN_WITH)) {
		berth_parser__next(parser);
		control->otherwise = berth_parser__new_node(parser, BERTH_NODE_LIST, found);
		struct template_node *nested = parse_control(parser, control->type, found, error);
		if (nested)
			berth_parser__add_child(control->otherwise, nested);
		return nested != NULL;
	}
	if (!parse_list(parser, &control->otherwise, &end, error))
		return false;
	if (end->type != BERTH_NODE_END)
		return berth_parser__fail(parser, 0, error, "expected end; found {{else}}");
	return true;
}

static struct template_node *parse_control(struct parser *parser, enum template_node_type type,
					   const struct template_token *first, GError **error)
{
	struct template_node *control = berth_parser__new_node(parser, type, first), *end;
	unsigned int n_variables = parser->variables->len;

	if (!berth_parser__enter(parser, error))
		return NULL;
	control->pipe =
		berth_parser__parse_pipeline(parser, control_contexts[type], BERTH_TOKEN_RIGHT_DELIMITER, error);
	if (!control->pipe)
		return NULL;
	parser->ranges += type == BERTH_NODE_RANGE;
	if (!parse_list(parser, &control->body, &end, error))
		return NULL;
	parser->ranges -= type == BERTH_NODE_RANGE;
	if (end->type == BERTH_NODE_ELSE && !parse_else(parser, control, error))
		return NULL;
	g_array_set_size(parser->variables, n_variables);
	parser->depth--;
	return control;
}

static struct template_node *parse_leave(struct parser *parser, enum template_node_type type,
					 const struct template_token *first, GError **error)
{
	const char *context = type == BERTH_NODE_BREAK ? "{{break}}" : "{{continue}}";
	struct template_node *made = berth_parser__new_node(parser, type, first);

	if (!berth_parser__expect(parser, BERTH_TOKEN_RIGHT_DELIMITER, context, error))
		return NULL;
	return parser->ranges > 0 ? made
				  : berth_parser__fail(parser, first->line, error, "%s outside {{range}}", context);
}

static struct template_node *parse_end(struct parser *parser, const struct template_token *first, GError **error)
{
	struct template_node *made = berth_parser__new_node(
		parser, first->type == BERTH_TOKEN_END ? BERTH_NODE_END : BERTH_NODE_ELSE, first);

	if (made->type == BERTH_NODE_ELSE) {
		enum template_token_type type = berth_parser__peek_nonspace(parser)->type;
		if (type == BERTH_TOKEN_IF || type == BERTH_TOKEN_WITH)
			return made;
	}
	const char *context = made->type == BERTH_NODE_END ? "end" : "else";
	return berth_parser__expect(parser, BERTH_TOKEN_RIGHT_DELIMITER, context, error) ? made : NULL;
}

// After "{{".
static struct template_node *parse_action(struct parser *parser, GError **error)
{
	const struct template_token *first = berth_parser__peek_nonspace(parser);

	if (first->type > BERTH_TOKEN_KEYWORD && first->type != BERTH_TOKEN_DOT && first->type != BERTH_TOKEN_NIL &&
	    first->type != BERTH_TOKEN_DEFINE)
		berth_parser__next(parser);
	switch (first->type) {
	case BERTH_TOKEN_IF:
		return parse_control(parser, BERTH_NODE_IF, first, error);
	case BERTH_TOKEN_RANGE:
		return parse_control(parser, BERTH_NODE_RANGE, first, error);
	case BERTH_TOKEN_WITH:
		return parse_control(parser, BERTH_NODE_WITH, first, error);
	case BERTH_TOKEN_TEMPLATE:
	case BERTH_TOKEN_BLOCK:
		return parse_template(parser, first, first->type == BERTH_TOKEN_BLOCK, error);
	case BERTH_TOKEN_BREAK:
		return parse_leave(parser, BERTH_NODE_BREAK, first, error);
	case BERTH_TOKEN_CONTINUE:
		return parse_leave(parser, BERTH_NODE_CONTINUE, first, error);
	case BERTH_TOKEN_ELSE:
	case BERTH_TOKEN_END:
		return parse_end(parser, first, error);
	default: {
		struct template_node *made = berth_parser__new_node(parser, BERTH_NODE_ACTION, first);
		made->pipe = berth_parser__parse_pipeline(parser, "command", BERTH_TOKEN_RIGHT_DELIMITER, error);
		return made->pipe ? made : NULL;
	}
	}
}

// Text or an action; what is neither is an error.
static struct template_node *parse_piece(struct parser *parser, GError **error)
{
	const struct template_token *found = berth_parser__next(parser);

	if (found->type == BERTH_TOKEN_TEXT)
		return berth_parser__new_node(parser, BERTH_NODE_TEXT, found);
	if (found->type != BERTH_TOKEN_LEFT_DELIMITER)
		return berth_parser__unexpected(parser, found, "input", error);
	parser->action_line = found->line;
	struct template_node *made = parse_action(parser, error);
	parser->action_line = 0;
	return made;
}

// Up to {{end}} or {{else}}, which is *ret_end.
static bool parse_list(struct parser *parser, struct template_node **ret_list, struct template_node **ret_end,
		       GError **error)
{
	struct template_node *list = berth_parser__new_node(parser, BERTH_NODE_LIST, berth_parser__peek(parser));

	while (berth_parser__peek(parser)->type != BERTH_TOKEN_EOF) {
		struct template_node *piece = parse_piece(parser, error);
		if (!piece)
			return false;
		if (piece->type == BERTH_NODE_END || piece->type == BERTH_NODE_ELSE) {
			*ret_list = list;
			*ret_end = piece;
			return true;
		}
		berth_parser__add_child(list, piece);
	}
	return berth_parser__fail(parser, berth_parser__peek(parser)->line, error, "unexpected EOF");
}

static bool parse_top(struct parser *parser, struct template_node *list, GError **error)
{
	while (berth_parser__peek(parser)->type != BERTH_TOKEN_EOF) {
		size_t before = parser->at;
		if (berth_parser__next(parser)->type == BERTH_TOKEN_LEFT_DELIMITER) {
			const struct template_token *first = berth_parser__next_nonspace(parser);
			if (first->type == BERTH_TOKEN_DEFINE) {
				parser->action_line = first->line;
				if (!parse_define(parser, error))
					return false;
				parser->action_line = 0;
				continue;
			}
		}
		parser->at = before;
		struct template_node *piece = parse_piece(parser, error);
		if (!piece)
			return false;
		if (piece->type == BERTH_NODE_END || piece->type == BERTH_NODE_ELSE)
			return berth_parser__fail(parser, 0, error, "unexpected {{%s}}",
						  piece->type == BERTH_NODE_END ? "end" : "else");
		berth_parser__add_child(list, piece);
	}
	return true;
}

static void node_free(void *data)
{
	struct template_node *old = data;

	if (old->children)
		g_ptr_array_free(old->children, TRUE);
	if (old->names)
		g_ptr_array_free(old->names, TRUE);
	json_decref(old->constant);
	g_free(old->name);
	g_free(old);
}

struct berth_template *berth_template_parse(const char *text, GError **error)
{
	size_t length = strlen(text);

	if (length > BERTH_LIMIT_TEMPLATE) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"template parsing error: a template of %zu bytes is longer than the limit of %d",
				length, BERTH_LIMIT_TEMPLATE);
		return NULL;
	}
	g_autoptr(berth_template) template = g_new0(struct berth_template, 1);
	template->text = g_strndup(text, length);
	template->length = length;
	template->nodes = g_ptr_array_new_with_free_func(node_free);
	template->bodies = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, body_free);

	g_autofree char *lex_error = NULL;
	g_autoptr(GArray) tokens = berth_template__lex(template->text, length, &lex_error);
	struct parser parser = {.template = template, .tokens = tokens, .lex_error = lex_error};
	struct parser_scope outer = enter_body(&parser, "", 0);
	struct template_node *list = berth_parser__new_node(&parser, BERTH_NODE_LIST, berth_parser__peek(&parser));
	bool good = parse_top(&parser, list, error);
	return leave_body(&parser, outer, good ? list : NULL, error) ? g_steal_pointer(&template) : NULL;
}

void berth_template_free(struct berth_template *template)
{
	if (!template)
		return;
	g_hash_table_unref(template->bodies);
	g_ptr_array_unref(template->nodes);
	g_free(template->text);
	g_free(template);
}
