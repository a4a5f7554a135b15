// SPDX-License-Identifier: Apache-2.0
// Pipelines: commands of operands, and the variables that they declare. Variables become slots of the body that they
// are in.
#include "cli/template-parser.h"

#include <string.h>

// Variables

static bool find_variable(const struct parser *parser, const struct template_token *name, size_t *ret_slot)
{
	for (size_t i = parser->variables->len; i > 0; i--) {
		const struct parser_variable *variable =
			&g_array_index(parser->variables, struct parser_variable, i - 1);
		if (berth_parser__token_length(&variable->name) == berth_parser__token_length(name) &&
		    memcmp(berth_parser__token_text(parser, &variable->name), berth_parser__token_text(parser, name),
			   berth_parser__token_length(name)) == 0) {
			*ret_slot = variable->slot;
			return true;
		}
	}
	*ret_slot = 0;
	return berth_parser__token_length(name) == 1; // "$", which every body has
}

static bool use_variable(const struct parser *parser, const struct template_token *name, size_t *ret_slot,
			 GError **error)
{
	if (find_variable(parser, name, ret_slot))
		return true;
	g_autofree char *quoted =
		berth_template__quote(berth_parser__token_text(parser, name), berth_parser__token_length(name));
	return berth_parser__fail(parser, name->line, error, "undefined variable %s", quoted);
}

static bool declare(struct parser *parser, struct template_node *pipe, const struct template_token *name,
		    GError **error)
{
	struct parser_variable variable = {.name = *name};

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
	struct template_node *made = berth_parser__new_node(parser, BERTH_NODE_CONSTANT, number);
	g_autofree char *text = g_strndup(berth_parser__token_text(parser, number), berth_parser__token_length(number));
	json_int_t integer = 0;
	gunichar character;
	bool is_integer, whole;

	if (number->type == BERTH_TOKEN_CHAR_CONSTANT) {
		if (!berth_template__unquote_char(text, strlen(text), &character, &whole))
			return berth_parser__fail(parser, number->line, error, "invalid syntax");
		if (!whole)
			return berth_parser__fail(parser, number->line, error, "malformed character constant: %s",
						  text);
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
	return berth_parser__fail(parser, number->line, error, "%s: %s",
				  is_integer ? "integer overflow" : "illegal number syntax", quoted);
}

static struct template_node *parse_string(struct parser *parser, const struct template_token *string, GError **error)
{
	g_autoptr(GString) text =
		berth_template__unquote(berth_parser__token_text(parser, string), berth_parser__token_length(string));

	if (!text)
		return berth_parser__fail(parser, string->line, error, "invalid syntax");
	struct template_node *made = berth_parser__new_node(parser, BERTH_NODE_CONSTANT, string);
	made->constant = json_stringn_nocheck(text->str, text->len);
	return made;
}

static struct template_node *parse_function(struct parser *parser, const struct template_token *name, GError **error)
{
	struct template_node *made = berth_parser__new_node(parser, BERTH_NODE_FUNCTION, name);

	made->name = g_strndup(berth_parser__token_text(parser, name), berth_parser__token_length(name));
	made->function = berth_template__function(made->name);
	if (made->function)
		return made;
	g_autofree char *quoted = berth_template__quote(made->name, strlen(made->name));
	return berth_parser__fail(parser, name->line, error, "function %s not defined", quoted);
}

static struct template_node *parse_parenthesised(struct parser *parser, GError **error)
{
	if (!berth_parser__enter(parser, error))
		return NULL;
	struct template_node *pipe =
		berth_parser__parse_pipeline(parser, "parenthesized pipeline", BERTH_TOKEN_RIGHT_PAREN, error);
	parser->depth--;
	return pipe;
}

// True with *ret_term NULL: there is none.
static bool parse_term(struct parser *parser, struct template_node **ret_term, GError **error)
{
	const struct template_token *found = berth_parser__peek_nonspace(parser);

	*ret_term = NULL;
	berth_parser__next(parser);
	switch (found->type) {
	case BERTH_TOKEN_IDENTIFIER:
		return (*ret_term = parse_function(parser, found, error)) != NULL;
	case BERTH_TOKEN_DOT:
		*ret_term = berth_parser__new_node(parser, BERTH_NODE_DOT, found);
		return true;
	case BERTH_TOKEN_NIL:
		*ret_term = berth_parser__new_node(parser, BERTH_NODE_NIL, found);
		return true;
	case BERTH_TOKEN_VARIABLE:
		*ret_term = berth_parser__new_node(parser, BERTH_NODE_VARIABLE, found);
		return use_variable(parser, found, &(*ret_term)->slot, error);
	case BERTH_TOKEN_FIELD:
		*ret_term = berth_parser__new_node(parser, BERTH_NODE_FIELD, found);
		berth_parser__add_name(*ret_term, parser, found);
		return true;
	case BERTH_TOKEN_BOOL:
		*ret_term = berth_parser__new_node(parser, BERTH_NODE_CONSTANT, found);
		(*ret_term)->constant = json_boolean(*berth_parser__token_text(parser, found) == 't');
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
	size_t first = berth_parser__peek_nonspace(parser)->start;

	if (!parse_term(parser, ret_operand, error))
		return false;
	if (!*ret_operand || berth_parser__peek(parser)->type != BERTH_TOKEN_FIELD)
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
		return berth_parser__fail(parser, 0, error, "unexpected . after term %s", quoted);
	}
	default:
		with_fields = berth_parser__new_node(parser, BERTH_NODE_CHAIN, berth_parser__peek(parser));
		with_fields->start = first;
		berth_parser__add_child(with_fields, term);
	}
	with_fields->position = berth_parser__peek(parser)->start;
	while (berth_parser__peek(parser)->type == BERTH_TOKEN_FIELD)
		berth_parser__add_name(with_fields, parser, berth_parser__next(parser));
	berth_parser__end_here(parser, with_fields);
	*ret_operand = with_fields;
	return true;
}

// Pipelines

static struct template_node *parse_command(struct parser *parser, GError **error)
{
	struct template_node *command =
		berth_parser__new_node(parser, BERTH_NODE_COMMAND, berth_parser__peek_nonspace(parser));

	for (;;) {
		struct template_node *operand;
		if (!parse_operand(parser, &operand, error))
			return NULL;
		if (operand)
			berth_parser__add_child(command, operand);
		const struct template_token *after = berth_parser__peek(parser);
		if (after->type == BERTH_TOKEN_SPACE) {
			berth_parser__next(parser);
			continue;
		}
		berth_parser__end_here(parser, command);
		if (after->type == BERTH_TOKEN_PIPE)
			berth_parser__next(parser);
		else if (after->type != BERTH_TOKEN_RIGHT_DELIMITER && after->type != BERTH_TOKEN_RIGHT_PAREN)
			return berth_parser__unexpected(parser, after, "operand", error);
		break;
	}
	return command->children ? command : berth_parser__fail(parser, 0, error, "empty command");
}

// "$a :=", "$a =", "$i, $e :=": false is an error, not that there is none.
static bool parse_declarations(struct parser *parser, struct template_node *pipe, const char *context,
			       const struct template_token **names, unsigned int *ret_n, GError **error)
{
	unsigned int n = 0;

	while (berth_parser__peek_nonspace(parser)->type == BERTH_TOKEN_VARIABLE) {
		size_t before = parser->at;
		names[n] = berth_parser__next(parser);
		const struct template_token *after = berth_parser__peek_nonspace(parser);
		if (after->type == BERTH_TOKEN_ASSIGN || after->type == BERTH_TOKEN_DECLARE) {
			pipe->assigns = after->type == BERTH_TOKEN_ASSIGN;
			berth_parser__next(parser);
			n++;
			break;
		}
		if (after->type != BERTH_TOKEN_CHAR || *berth_parser__token_text(parser, after) != ',') {
			parser->at = before;
			break;
		}
		berth_parser__next(parser);
		if (n > 0 || strcmp(context, "range") != 0)
			return berth_parser__fail(parser, 0, error, "too many declarations in %s", context);
		n++;
		enum template_token_type type = berth_parser__peek_nonspace(parser)->type;
		if (type != BERTH_TOKEN_VARIABLE && type != BERTH_TOKEN_RIGHT_DELIMITER &&
		    type != BERTH_TOKEN_RIGHT_PAREN)
			return berth_parser__fail(parser, 0, error, "range can only initialize variables");
	}
	*ret_n = n;
	return true;
}

static bool check_pipeline(const struct parser *parser, const struct template_node *pipe, const char *context,
			   GError **error)
{
	if (!pipe->children)
		return berth_parser__fail(parser, 0, error, "missing value for %s", context);
	for (unsigned int i = 1; i < pipe->children->len; i++) {
		const struct template_node *command = pipe->children->pdata[i];
		const struct template_node *first = command->children->pdata[0];
		if (first->type == BERTH_NODE_DOT || first->type == BERTH_NODE_NIL ||
		    first->type == BERTH_NODE_CONSTANT)
			return berth_parser__fail(parser, 0, error, "non executable command in pipeline stage %u",
						  i + 1);
	}
	return true;
}

struct template_node *berth_parser__parse_pipeline(struct parser *parser, const char *context,
						   enum template_token_type end, GError **error)
{
	const struct template_token *names[2];
	unsigned int n_names = 0;
	struct template_node *pipe =
		berth_parser__new_node(parser, BERTH_NODE_PIPE, berth_parser__peek_nonspace(parser));

	if (!parse_declarations(parser, pipe, context, names, &n_names, error))
		return NULL;
	for (;;) {
		const struct template_token *found = berth_parser__peek_nonspace(parser);
		if (found->type == end)
			break;
		bool operand = (found->type >= BERTH_TOKEN_BOOL && found->type <= BERTH_TOKEN_IDENTIFIER) ||
			       found->type == BERTH_TOKEN_LEFT_PAREN || found->type == BERTH_TOKEN_DOT ||
			       found->type == BERTH_TOKEN_NIL;
		if (!operand)
			return berth_parser__unexpected(parser, found, context, error);
		struct template_node *command = parse_command(parser, error);
		if (!command)
			return NULL;
		berth_parser__add_child(pipe, command);
	}
	berth_parser__end_here(parser, pipe);
	berth_parser__next(parser);
	if (!check_pipeline(parser, pipe, context, error))
		return NULL;
	// Only now, as "$x := print $x" is about the $x that was there before.
	for (unsigned int i = 0; i < n_names; i++)
		if (!declare(parser, pipe, names[i], error))
			return NULL;
	return pipe;
}
