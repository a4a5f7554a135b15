// SPDX-License-Identifier: Apache-2.0
// What the parser's files share: template-parser.c has its place among the tokens, its errors and its nodes,
// template-pipeline.c parses what stands in an action, template-parse.c the actions and the whole.
#pragma once

#include "cli/template-internal.h"

struct parser_variable {
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
	GArray *variables; // of struct parser_variable: those in scope
	unsigned int ranges;
};

// The next token; _nonspace: after spaces. What next() gives is behind the parser then; EOF and ERROR stay.
const struct template_token *berth_parser__peek(const struct parser *parser);
const struct template_token *berth_parser__next(struct parser *parser);
const struct template_token *berth_parser__peek_nonspace(struct parser *parser);
const struct template_token *berth_parser__next_nonspace(struct parser *parser);
// A token's text, which does not end with a NUL.
const char *berth_parser__token_text(const struct parser *parser, const struct template_token *of);
size_t berth_parser__token_length(const struct template_token *of);
// Sets the error in Go's words, with its line (0: where the parser is). Always NULL, which is false too.
void *berth_parser__fail(const struct parser *parser, unsigned int line, GError **error, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
// The same for a token that should not be there; `context` is what is being parsed.
void *berth_parser__unexpected(const struct parser *parser, const struct template_token *found, const char *context,
			       GError **error);
// The next token that is no space, which must be of that type. NULL: it is not.
const struct template_token *berth_parser__expect(struct parser *parser, enum template_token_type type,
						  const char *context, GError **error);
// One level deeper. False, with an error: too deep. Who has entered leaves by depth--.
bool berth_parser__enter(struct parser *parser, GError **error);
// The template owns its nodes.
struct template_node *berth_parser__new_node(struct parser *parser, enum template_node_type type,
					     const struct template_token *first);
void berth_parser__add_child(struct template_node *parent, struct template_node *child);
// The name of a field, without its point.
void berth_parser__add_name(struct template_node *of, const struct parser *parser, const struct template_token *field);
// The node's text ends with the last token that is no space.
void berth_parser__end_here(const struct parser *parser, struct template_node *of);

// template-pipeline.c: up to a token of type `end`, which is behind the parser then. NULL on an error.
struct template_node *berth_parser__parse_pipeline(struct parser *parser, const char *context,
						   enum template_token_type end, GError **error);
