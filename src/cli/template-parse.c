// SPDX-License-Identifier: Apache-2.0
// The tree of a template, by recursive descent. Nesting is limited here, so that whatever walks a tree may recurse.
// Variables become slots of the body that they are in.
#include "base/error.h"
#include "cli/template-internal.h"

#include <string.h>

struct variable {
	struct template_token name;
	size_t slot;
};

struct parser {
	struct berth_template *template;
	GArray *tokens;
	const char *lex_error;
	size_t at; // the next token
	unsigned int depth;
	unsigned int action_line; // of the action that is being parsed; 0: none
	// Of the body that is being parsed:
	struct template_body *body;
	GArray *variables; // those in scope
	unsigned int ranges;
};

// What a body has of its own, while another one is parsed.
struct parser_scope {
	struct template_body *body;
	GArray *variables;
	unsigned int ranges;
};

static bool parse_list(struct parser *parser, struct template_node **ret_list, struct template_node **ret_end,
		       GError **error);
static struct template_node *parse_pipeline(struct parser *parser, const char *context, enum template_token_type end,
					    GError **error);
static struct template_node *parse_control(struct parser *parser, enum template_node_type type,
					   const struct template_token *first, GError **error);

static const char *const control_contexts[] = {
	[BERTH_NODE_IF] = "if", [BERTH_NODE_RANGE] = "range", [BERTH_NODE_WITH] = "with"};

static const struct template_token *peek(const struct parser *parser)
{
	return &g_array_index(parser->tokens, struct template_token, parser->at);
}

// EOF and ERROR stay.
static const struct template_token *next(struct parser *parser)
{
	const struct template_token *found = peek(parser);

	if (found->type > BERTH_TOKEN_ERROR)
		parser->at++;
	return found;
}

static const struct template_token *peek_nonspace(struct parser *parser)
{
	while (peek(parser)->type == BERTH_TOKEN_SPACE)
		parser->at++;
	return peek(parser);
}

static const struct template_token *next_nonspace(struct parser *parser)
{
	peek_nonspace(parser);
	return next(parser);
}

static const char *token_text(const struct parser *parser, const struct template_token *of)
{
	return parser->template->text + of->start;
}

static size_t token_length(const struct template_token *of)
{
	return of->end - of->start;
}

static void *G_GNUC_PRINTF(4, 5)
	fail(const struct parser *parser, unsigned int line, GError **error, const char *format, ...)
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
	const char *text = token_text(parser, of);
	size_t length = token_length(of);

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

static void *unexpected(const struct parser *parser, const struct template_token *found, const char *context,
			GError **error)
{
	if (found->type == BERTH_TOKEN_ERROR) {
		if (parser->action_line == 0 || parser->action_line == found->line)
			return fail(parser, found->line, error, "%s", parser->lex_error);
		bool names_action = g_str_has_suffix(parser->lex_error, " action");
		return fail(parser, found->line, error, "%s%s started at :%u", parser->lex_error,
			    names_action ? "" : " in action", parser->action_line);
	}
	g_autofree char *text = describe(parser, found);
	return fail(parser, found->line, error, "unexpected %s in %s", text, context);
}

static const struct template_token *expect(struct parser *parser, enum template_token_type type, const char *context,
					   GError **error)
{
	const struct template_token *found = next_nonspace(parser);

	return found->type == type ? found : unexpected(parser, found, context, error);
}

// Nesting: each level is a few calls of this file, and later of what executes it.
static bool enter(struct parser *parser, GError **error)
{
	if (++parser->depth > BERTH_LIMIT_TEMPLATE_DEPTH)
		return fail(parser, 0, error, "nested deeper than %d levels", BERTH_LIMIT_TEMPLATE_DEPTH);
	return true;
}

static struct template_node *new_node(struct parser *parser, enum template_node_type type,
				      const struct template_token *first)
{
	struct template_node *made = g_new0(struct template_node, 1);

	made->type = type;
	made->position = made->start = first->start;
	made->end = first->end;
	g_ptr_array_add(parser->template->nodes, made);
	return made;
}

static void add_child(struct template_node *parent, struct template_node *child)
{
	if (!parent->children)
		parent->children = g_ptr_array_new();
	g_ptr_array_add(parent->children, child);
}

static void add_name(struct template_node *of, const struct parser *parser, const struct template_token *field)
{
	if (!of->names)
		of->names = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(of->names, g_strndup(token_text(parser, field) + 1, token_length(field) - 1));
}

static void end_here(const struct parser *parser, struct template_node *of)
{
	size_t last = parser->at;

	while (last > 0 && g_array_index(parser->tokens, struct template_token, last - 1).type == BERTH_TOKEN_SPACE)
		last--;
	of->end = last > 0 ? g_array_index(parser->tokens, struct template_token, last - 1).end : of->end;
}

// Variables

static bool find_variable(const struct parser *parser, const struct template_token *name, size_t *ret_slot)
{
	for (size_t i = parser->variables->len; i > 0; i--) {
		const struct variable *variable = &g_array_index(parser->variables, struct variable, i - 1);
		if (token_length(&variable->name) == token_length(name) &&
		    memcmp(token_text(parser, &variable->name), token_text(parser, name), token_length(name)) == 0) {
			*ret_slot = variable->slot;
			return true;
		}
	}
	*ret_slot = 0;
	return token_length(name) == 1; // "$", which every body has
}

static bool use_variable(const struct parser *parser, const struct template_token *name, size_t *ret_slot,
			 GError **error)
{
	if (find_variable(parser, name, ret_slot))
		return true;
	g_autofree char *quoted = berth_template__quote(token_text(parser, name), token_length(name));
	return fail(parser, name->line, error, "undefined variable %s", quoted);
}

static bool declare(struct parser *parser, struct template_node *pipe, const struct template_token *name,
		    GError **error)
{
	struct variable variable = {.name = *name};

	if (pipe->assigns) {
		if (!use_variable(parser, name, &variable.slot, error))
			return false;
	} else {
		variable.slot = parser->body->n_slots++;
		g_array_append_val(parser->variables, variable);
	}
	pipe->declared[pipe->n_declared++] = variable.slot;
	return true;
}

// Operands

static struct template_node *parse_number(struct parser *parser, const struct template_token *number, GError **error)
{
	struct template_node *made = new_node(parser, BERTH_NODE_CONSTANT, number);
	g_autofree char *text = g_strndup(token_text(parser, number), token_length(number));
	json_int_t integer = 0;
	gunichar character;
	bool is_integer, whole;

	if (number->type == BERTH_TOKEN_CHAR_CONSTANT) {
		if (!berth_template__unquote_char(text, strlen(text), &character, &whole))
			return fail(parser, number->line, error, "invalid syntax");
		if (!whole)
			return fail(parser, number->line, error, "malformed character constant: %s", text);
		made->constant = json_integer(character);
		return made;
	}
	if (berth_template__read_integer(text, &integer, &is_integer))
		made->constant = json_integer(integer);
	else if (!is_integer)
		made->constant = berth_template__read_float(text);
	if (made->constant)
		return made;
	g_autofree char *quoted = berth_template__quote(text, strlen(text));
	return fail(parser, number->line, error, "%s: %s", is_integer ? "integer overflow" : "illegal number syntax",
		    quoted);
}

static struct template_node *parse_string(struct parser *parser, const struct template_token *string, GError **error)
{
	g_autoptr(GString) text = berth_template__unquote(token_text(parser, string), token_length(string));

	if (!text)
		return fail(parser, string->line, error, "invalid syntax");
	struct template_node *made = new_node(parser, BERTH_NODE_CONSTANT, string);
	made->constant = json_stringn_nocheck(text->str, text->len);
	return made;
}

static struct template_node *parse_function(struct parser *parser, const struct template_token *name, GError **error)
{
	struct template_node *made = new_node(parser, BERTH_NODE_FUNCTION, name);

	made->name = g_strndup(token_text(parser, name), token_length(name));
	made->function = berth_template__function(made->name);
	if (made->function)
		return made;
	g_autofree char *quoted = berth_template__quote(made->name, strlen(made->name));
	return fail(parser, name->line, error, "function %s not defined", quoted);
}

static struct template_node *parse_parenthesised(struct parser *parser, GError **error)
{
	if (!enter(parser, error))
		return NULL;
	struct template_node *pipe = parse_pipeline(parser, "parenthesized pipeline", BERTH_TOKEN_RIGHT_PAREN, error);
	parser->depth--;
	return pipe;
}

// True with *ret_term NULL: there is none.
static bool parse_term(struct parser *parser, struct template_node **ret_term, GError **error)
{
	const struct template_token *found = peek_nonspace(parser);

	*ret_term = NULL;
	next(parser);
	switch (found->type) {
	case BERTH_TOKEN_IDENTIFIER:
		return (*ret_term = parse_function(parser, found, error)) != NULL;
	case BERTH_TOKEN_DOT:
		*ret_term = new_node(parser, BERTH_NODE_DOT, found);
		return true;
	case BERTH_TOKEN_NIL:
		*ret_term = new_node(parser, BERTH_NODE_NIL, found);
		return true;
	case BERTH_TOKEN_VARIABLE:
		*ret_term = new_node(parser, BERTH_NODE_VARIABLE, found);
		return use_variable(parser, found, &(*ret_term)->slot, error);
	case BERTH_TOKEN_FIELD:
		*ret_term = new_node(parser, BERTH_NODE_FIELD, found);
		add_name(*ret_term, parser, found);
		return true;
	case BERTH_TOKEN_BOOL:
		*ret_term = new_node(parser, BERTH_NODE_CONSTANT, found);
		(*ret_term)->constant = json_boolean(*token_text(parser, found) == 't');
		return true;
	case BERTH_TOKEN_CHAR_CONSTANT:
	case BERTH_TOKEN_NUMBER:
		return (*ret_term = parse_number(parser, found, error)) != NULL;
	case BERTH_TOKEN_STRING:
	case BERTH_TOKEN_RAW_STRING:
		return (*ret_term = parse_string(parser, found, error)) != NULL;
	case BERTH_TOKEN_LEFT_PAREN:
		return (*ret_term = parse_parenthesised(parser, error)) != NULL;
	default:
		if (found->type > BERTH_TOKEN_ERROR)
			parser->at--;
		return true;
	}
}

// A term and the fields that follow it.
static bool parse_operand(struct parser *parser, struct template_node **ret_operand, GError **error)
{
	size_t first = peek_nonspace(parser)->start;

	if (!parse_term(parser, ret_operand, error))
		return false;
	if (!*ret_operand || peek(parser)->type != BERTH_TOKEN_FIELD)
		return true;

	struct template_node *term = *ret_operand, *with_fields = term;
	switch (term->type) {
	case BERTH_NODE_FIELD:
	case BERTH_NODE_VARIABLE:
		break;
	case BERTH_NODE_DOT:
	case BERTH_NODE_NIL:
	case BERTH_NODE_CONSTANT: {
		g_autofree char *quoted =
			berth_template__quote(parser->template->text + term->start, term->end - term->start);
		return fail(parser, 0, error, "unexpected . after term %s", quoted);
	}
	default:
		with_fields = new_node(parser, BERTH_NODE_CHAIN, peek(parser));
		with_fields->start = first;
		add_child(with_fields, term);
	}
	with_fields->position = peek(parser)->start;
	while (peek(parser)->type == BERTH_TOKEN_FIELD)
		add_name(with_fields, parser, next(parser));
	end_here(parser, with_fields);
	*ret_operand = with_fields;
	return true;
}

// Pipelines

static struct template_node *parse_command(struct parser *parser, GError **error)
{
	struct template_node *command = new_node(parser, BERTH_NODE_COMMAND, peek_nonspace(parser));

	for (;;) {
		struct template_node *operand;
		if (!parse_operand(parser, &operand, error))
			return NULL;
		if (operand)
			add_child(command, operand);
		const struct template_token *after = peek(parser);
		if (after->type == BERTH_TOKEN_SPACE) {
			next(parser);
			continue;
		}
		end_here(parser, command);
		if (after->type == BERTH_TOKEN_PIPE)
			next(parser);
		else if (after->type != BERTH_TOKEN_RIGHT_DELIMITER && after->type != BERTH_TOKEN_RIGHT_PAREN)
			return unexpected(parser, after, "operand", error);
		break;
	}
	return command->children ? command : fail(parser, 0, error, "empty command");
}

// "$a :=", "$a =", "$i, $e :=": false is an error, not that there is none.
static bool parse_declarations(struct parser *parser, struct template_node *pipe, const char *context,
			       const struct template_token **names, unsigned int *ret_n, GError **error)
{
	unsigned int n = 0;

	while (peek_nonspace(parser)->type == BERTH_TOKEN_VARIABLE) {
		size_t before = parser->at;
		names[n] = next(parser);
		const struct template_token *after = peek_nonspace(parser);
		if (after->type == BERTH_TOKEN_ASSIGN || after->type == BERTH_TOKEN_DECLARE) {
			pipe->assigns = after->type == BERTH_TOKEN_ASSIGN;
			next(parser);
			n++;
			break;
		}
		if (after->type != BERTH_TOKEN_CHAR || *token_text(parser, after) != ',') {
			parser->at = before;
			break;
		}
		next(parser);
		if (n > 0 || strcmp(context, "range") != 0)
			return fail(parser, 0, error, "too many declarations in %s", context);
		n++;
		enum template_token_type type = peek_nonspace(parser)->type;
		if (type != BERTH_TOKEN_VARIABLE && type != BERTH_TOKEN_RIGHT_DELIMITER &&
		    type != BERTH_TOKEN_RIGHT_PAREN)
			return fail(parser, 0, error, "range can only initialize variables");
	}
	*ret_n = n;
	return true;
}

static bool check_pipeline(const struct parser *parser, const struct template_node *pipe, const char *context,
			   GError **error)
{
	if (!pipe->children)
		return fail(parser, 0, error, "missing value for %s", context);
	for (unsigned int i = 1; i < pipe->children->len; i++) {
		const struct template_node *command = pipe->children->pdata[i];
		const struct template_node *first = command->children->pdata[0];
		if (first->type == BERTH_NODE_DOT || first->type == BERTH_NODE_NIL ||
		    first->type == BERTH_NODE_CONSTANT)
			return fail(parser, 0, error, "non executable command in pipeline stage %u", i + 1);
	}
	return true;
}

static struct template_node *parse_pipeline(struct parser *parser, const char *context, enum template_token_type end,
					    GError **error)
{
	const struct template_token *names[2];
	unsigned int n_names = 0;
	struct template_node *pipe = new_node(parser, BERTH_NODE_PIPE, peek_nonspace(parser));

	if (!parse_declarations(parser, pipe, context, names, &n_names, error))
		return NULL;
	for (;;) {
		const struct template_token *found = peek_nonspace(parser);
		if (found->type == end)
			break;
		bool operand = (found->type >= BERTH_TOKEN_BOOL && found->type <= BERTH_TOKEN_IDENTIFIER) ||
			       found->type == BERTH_TOKEN_LEFT_PAREN || found->type == BERTH_TOKEN_DOT ||
			       found->type == BERTH_TOKEN_NIL;
		if (!operand)
			return unexpected(parser, found, context, error);
		struct template_node *command = parse_command(parser, error);
		if (!command)
			return NULL;
		add_child(pipe, command);
	}
	end_here(parser, pipe);
	next(parser);
	if (!check_pipeline(parser, pipe, context, error))
		return NULL;
	// Only now, as "$x := print $x" is about the $x that was there before.
	for (unsigned int i = 0; i < n_names; i++)
		if (!declare(parser, pipe, names[i], error))
			return NULL;
	return pipe;
}

// Actions

static struct parser_scope enter_body(struct parser *parser, const char *name, size_t length)
{
	struct parser_scope outer = {parser->body, parser->variables, parser->ranges};

	parser->body = g_new0(struct template_body, 1);
	parser->body->name = g_strndup(name, length);
	parser->body->n_slots = 1;
	parser->variables = g_array_new(FALSE, FALSE, sizeof(struct variable));
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
		fail(parser, 0, error, "template: multiple definition of template %s", quoted);
	}
	body_free(body);
	return list && !conflict;
}

static bool parse_name(struct parser *parser, const char *context, GString **ret_name, GError **error)
{
	const struct template_token *found = next_nonspace(parser);

	if (found->type != BERTH_TOKEN_STRING && found->type != BERTH_TOKEN_RAW_STRING)
		return unexpected(parser, found, context, error);
	*ret_name = berth_template__unquote(token_text(parser, found), token_length(found));
	return *ret_name || fail(parser, found->line, error, "invalid syntax");
}

// The content of {{define}} and {{block}}, with its end.
static bool parse_body(struct parser *parser, const GString *name, const char *context, GError **error)
{
	struct template_node *list = NULL, *end = NULL;

	if (!enter(parser, error))
		return false;
	struct parser_scope outer = enter_body(parser, name->str, name->len);
	if (parse_list(parser, &list, &end, error) && end->type != BERTH_NODE_END) {
		fail(parser, 0, error, "unexpected {{else}} in %s", context);
		list = NULL;
	}
	parser->depth--;
	return leave_body(parser, outer, end ? list : NULL, error);
}

static bool parse_define(struct parser *parser, GError **error)
{
	g_autoptr(GString) name = NULL;

	return parse_name(parser, "define clause", &name, error) &&
	       expect(parser, BERTH_TOKEN_RIGHT_DELIMITER, "define clause", error) &&
	       parse_body(parser, name, "define clause", error);
}

static struct template_node *parse_template(struct parser *parser, const struct template_token *first, bool is_block,
					    GError **error)
{
	const char *context = is_block ? "block clause" : "template clause";
	struct template_node *made = new_node(parser, BERTH_NODE_TEMPLATE, first);
	g_autoptr(GString) name = NULL;

	made->position = peek_nonspace(parser)->start;
	if (!parse_name(parser, context, &name, error))
		return NULL;
	made->name = g_strndup(name->str, name->len);
	end_here(parser, made);
	if (!is_block && peek_nonspace(parser)->type == BERTH_TOKEN_RIGHT_DELIMITER) {
		next(parser);
	} else {
		made->pipe = parse_pipeline(parser, context, BERTH_TOKEN_RIGHT_DELIMITER, error);
		if (!made->pipe)
			return NULL;
		made->end = made->pipe->end;
	}
	return !is_block || parse_body(parser, name, context, error) ? made : NULL;
}

// Sets otherwise of `control`, after its {{else}}, up to its end.
static bool parse_else(struct parser *parser, struct template_node *control, GError **error)
{
	const struct template_token *found = peek(parser);
	struct template_node *end;

	if ((control->type == BERTH_NODE_IF && found->type == BERTH_TOKEN_IF) ||
	    (control->type == BERTH_NODE_WITH && found->type == BERTH_TOKEN_WITH)) {
		next(parser);
		control->otherwise = new_node(parser, BERTH_NODE_LIST, found);
		struct template_node *nested = parse_control(parser, control->type, found, error);
		if (nested)
			add_child(control->otherwise, nested);
		return nested != NULL;
	}
	if (!parse_list(parser, &control->otherwise, &end, error))
		return false;
	if (end->type != BERTH_NODE_END)
		return fail(parser, 0, error, "expected end; found {{else}}");
	return true;
}

static struct template_node *parse_control(struct parser *parser, enum template_node_type type,
					   const struct template_token *first, GError **error)
{
	struct template_node *control = new_node(parser, type, first), *end;
	unsigned int n_variables = parser->variables->len;

	if (!enter(parser, error))
		return NULL;
	control->pipe = parse_pipeline(parser, control_contexts[type], BERTH_TOKEN_RIGHT_DELIMITER, error);
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
	struct template_node *made = new_node(parser, type, first);

	if (!expect(parser, BERTH_TOKEN_RIGHT_DELIMITER, context, error))
		return NULL;
	return parser->ranges > 0 ? made : fail(parser, first->line, error, "%s outside {{range}}", context);
}

static struct template_node *parse_end(struct parser *parser, const struct template_token *first, GError **error)
{
	struct template_node *made =
		new_node(parser, first->type == BERTH_TOKEN_END ? BERTH_NODE_END : BERTH_NODE_ELSE, first);

	if (made->type == BERTH_NODE_ELSE) {
		enum template_token_type type = peek_nonspace(parser)->type;
		if (type == BERTH_TOKEN_IF || type == BERTH_TOKEN_WITH)
			return made;
	}
	const char *context = made->type == BERTH_NODE_END ? "end" : "else";
	return expect(parser, BERTH_TOKEN_RIGHT_DELIMITER, context, error) ? made : NULL;
}

// After "{{".
static struct template_node *parse_action(struct parser *parser, GError **error)
{
	const struct template_token *first = peek_nonspace(parser);

	if (first->type > BERTH_TOKEN_KEYWORD && first->type != BERTH_TOKEN_DOT && first->type != BERTH_TOKEN_NIL &&
	    first->type != BERTH_TOKEN_DEFINE)
		next(parser);
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
		struct template_node *made = new_node(parser, BERTH_NODE_ACTION, first);
		made->pipe = parse_pipeline(parser, "command", BERTH_TOKEN_RIGHT_DELIMITER, error);
		return made->pipe ? made : NULL;
	}
	}
}

// Text or an action; what is neither is an error.
static struct template_node *parse_piece(struct parser *parser, GError **error)
{
	const struct template_token *found = next(parser);

	if (found->type == BERTH_TOKEN_TEXT)
		return new_node(parser, BERTH_NODE_TEXT, found);
	if (found->type != BERTH_TOKEN_LEFT_DELIMITER)
		return unexpected(parser, found, "input", error);
	parser->action_line = found->line;
	struct template_node *made = parse_action(parser, error);
	parser->action_line = 0;
	return made;
}

// Up to {{end}} or {{else}}, which is *ret_end.
static bool parse_list(struct parser *parser, struct template_node **ret_list, struct template_node **ret_end,
		       GError **error)
{
	struct template_node *list = new_node(parser, BERTH_NODE_LIST, peek(parser));

	while (peek(parser)->type != BERTH_TOKEN_EOF) {
		struct template_node *piece = parse_piece(parser, error);
		if (!piece)
			return false;
		if (piece->type == BERTH_NODE_END || piece->type == BERTH_NODE_ELSE) {
			*ret_list = list;
			*ret_end = piece;
			return true;
		}
		add_child(list, piece);
	}
	return fail(parser, peek(parser)->line, error, "unexpected EOF");
}

static bool parse_top(struct parser *parser, struct template_node *list, GError **error)
{
	while (peek(parser)->type != BERTH_TOKEN_EOF) {
		size_t before = parser->at;
		if (next(parser)->type == BERTH_TOKEN_LEFT_DELIMITER) {
			const struct template_token *first = next_nonspace(parser);
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
			return fail(parser, 0, error, "unexpected {{%s}}",
				    piece->type == BERTH_NODE_END ? "end" : "else");
		add_child(list, piece);
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
	struct template_node *list = new_node(&parser, BERTH_NODE_LIST, peek(&parser));
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
