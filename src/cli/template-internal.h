// SPDX-License-Identifier: Apache-2.0
// What the parts of templates know of each other: template-lex.c makes tokens, template-parse.c a tree (with
// template-parser.c and template-pipeline.c), template.c executes it (with template-evaluate.c) and calls the functions
// of template-functions.c and template-functions-text.c; template-print.c writes values as Go's fmt does, and
// template-text.c has what all of them need of text.
//
// A value is a json_t. NULL stands for Go's invalid value: what a key that is not there gives. Strings may hold any
// bytes, NUL among them, since literals and functions can make such.
#pragma once

#include "cli/template.h"

// What one execution may do, so that loops over loops end: a unit is a byte that a function makes or reads; nodes and
// elements count more.
#define BERTH_LIMIT_TEMPLATE_WORK ((size_t) 2 * BERTH_LIMIT_TEMPLATE_OUTPUT)
#define BERTH_LIMIT_TEMPLATE_WIDTH 1000000 // of a verb of printf, as Go has it

// Tokens

enum template_token_type {
	BERTH_TOKEN_EOF,
	BERTH_TOKEN_ERROR, // the last token; `error` says what is wrong
	BERTH_TOKEN_TEXT,
	BERTH_TOKEN_LEFT_DELIMITER,
	BERTH_TOKEN_RIGHT_DELIMITER,
	BERTH_TOKEN_SPACE,
	BERTH_TOKEN_ASSIGN, // =
	BERTH_TOKEN_DECLARE, // :=
	BERTH_TOKEN_PIPE,
	BERTH_TOKEN_LEFT_PAREN,
	BERTH_TOKEN_RIGHT_PAREN,
	BERTH_TOKEN_CHAR, // any other printable ASCII character, such as a comma
	BERTH_TOKEN_BOOL,
	BERTH_TOKEN_CHAR_CONSTANT,
	BERTH_TOKEN_NUMBER,
	BERTH_TOKEN_STRING,
	BERTH_TOKEN_RAW_STRING,
	BERTH_TOKEN_FIELD, // .Name
	BERTH_TOKEN_VARIABLE, // $name
	BERTH_TOKEN_IDENTIFIER,
	BERTH_TOKEN_KEYWORD, // all that follow are keywords; this one is no token itself
	BERTH_TOKEN_BLOCK,
	BERTH_TOKEN_BREAK,
	BERTH_TOKEN_CONTINUE,
	BERTH_TOKEN_DEFINE,
	BERTH_TOKEN_DOT,
	BERTH_TOKEN_ELSE,
	BERTH_TOKEN_END,
	BERTH_TOKEN_IF,
	BERTH_TOKEN_NIL,
	BERTH_TOKEN_RANGE,
	BERTH_TOKEN_TEMPLATE,
	BERTH_TOKEN_WITH,
};

struct template_token {
	enum template_token_type type;
	unsigned int line;
	size_t start, end; // within the template
};

// All tokens of a text, which end with EOF or ERROR; of the latter *ret_error is the message.
GArray *berth_template__lex(const char *text, size_t length, char **ret_error);

// Trees. All nodes of a template lie in its `nodes`; what points to them does not own them.

enum template_node_type {
	BERTH_NODE_LIST, // children: what is between actions, and these
	BERTH_NODE_TEXT,
	BERTH_NODE_ACTION, // pipe
	BERTH_NODE_IF, // pipe, body, otherwise
	BERTH_NODE_RANGE,
	BERTH_NODE_WITH,
	BERTH_NODE_TEMPLATE, // name, pipe (may be NULL)
	BERTH_NODE_BREAK,
	BERTH_NODE_CONTINUE,
	BERTH_NODE_ELSE, // these two only while parsing
	BERTH_NODE_END,
	BERTH_NODE_PIPE, // children: commands; declares slots
	BERTH_NODE_COMMAND, // children: operands
	BERTH_NODE_FIELD, // names
	BERTH_NODE_VARIABLE, // slot, names
	BERTH_NODE_CHAIN, // children[0], names
	BERTH_NODE_FUNCTION,
	BERTH_NODE_DOT,
	BERTH_NODE_NIL,
	BERTH_NODE_CONSTANT,
};

struct template_function;

struct template_node {
	enum template_node_type type;
	size_t position; // where errors say that it is
	size_t start, end; // its text
	GPtrArray *children;
	GPtrArray *names; // owned strings
	struct template_node *pipe, *body, *otherwise;
	char *name;
	const struct template_function *function;
	json_t *constant;
	size_t slot;
	size_t declared[2]; // slots
	unsigned int n_declared;
	bool assigns; // to slots that are there, instead of declaring them
};

// A named body: the template itself (named ""), what {{define}} and {{block}} make.
struct template_body {
	char *name;
	struct template_node *list;
	size_t n_slots; // variables; slot 0 is "$"
};

struct berth_template {
	char *text;
	size_t length;
	GPtrArray *nodes;
	GHashTable *bodies; // name -> struct template_body
};

// Functions

struct template_call {
	json_t **arguments; // none is NULL
	size_t count;
	size_t limit; // units of work that there are
	size_t made; // units of work that it took, for the caller
	bool header; // leave text as it is: a table's head is made
};

// `parameters` has a letter for each: s string, i integer, l list of strings, a anything; the letter before "*" stands
// for any number. The arguments given to `call` fit. It gives a new reference, or NULL for an invalid value.
struct template_function {
	const char *name, *parameters;
	bool (*call)(struct template_call *call, json_t **ret_value, GError **error);
};

const struct template_function *berth_template__function(const char *name);
bool berth_template__truth(const json_t *value);

// Text

// What gathers text until it has cost as much as the limit: its bytes, and some more for each time that something is
// written. What would exceed it is not written; `full` remembers that, `deep` that a value was nested too deeply to be
// written.
struct template_writer {
	GString *text;
	size_t limit, work;
	bool full, deep;
};

void berth_template__write(struct template_writer *writer, const char *bytes, size_t length);
void berth_template__write_text(struct template_writer *writer, const char *text);
void berth_template__write_repeated(struct template_writer *writer, char c, size_t count);
void berth_template__write_character(struct template_writer *writer, gunichar c); // U+FFFD for what is none
// printf's `format` takes one unsigned integer, `c`.
void berth_template__write_escape(struct template_writer *writer, unsigned int c, const char *format);
// As in a Go literal, within double quotes; and one character, without quotes around it.
void berth_template__write_quoted(struct template_writer *writer, const char *bytes, size_t length, bool ascii);
void berth_template__write_quoted_character(struct template_writer *writer, gunichar c, char quote, bool ascii);
bool berth_template__is_printable(gunichar c);
// False, with an error, if not everything could be written.
bool berth_template__written(const struct template_writer *writer, GError **error);

void berth_template__print(struct template_writer *writer, const json_t *value); // as %v
void berth_template__printf(struct template_writer *writer, const char *format, size_t length, json_t *const *arguments,
			    size_t count);
void berth_template__json(struct template_writer *writer, const json_t *value);
const char *berth_template__type_name(const json_t *value); // as Go names it: "[]interface {}"
// In Go's double quotes; the caller frees.
char *berth_template__quote(const char *bytes, size_t length);
// The reverse of a literal with its quotes (" or `). NULL: invalid syntax.
GString *berth_template__unquote(const char *literal, size_t length);
// The character in a literal's ''; false: invalid syntax. *ret_whole: there is no other one after it.
bool berth_template__unquote_char(const char *literal, size_t length, gunichar *ret_character, bool *ret_whole);
// The character that begins there; U+FFFD of width 1 for what is not UTF-8.
gunichar berth_template__character(const char *bytes, size_t length, size_t *ret_width);
// strconv.ParseInt(text, 0, 64): with a base's prefix and underscores. False: none, or (*ret_is_integer) one that is
// too big.
bool berth_template__read_integer(const char *text, json_int_t *ret, bool *ret_is_integer);
// A literal with a point or an exponent, as a real; NULL: it is none, or infinite.
json_t *berth_template__read_float(const char *text);
// The fewest digits that read back as `value`, as d.ddde±xx; the exponent of that; and the same without one.
void berth_template__shortest(double value, char *text, int size);
int berth_template__exponent_of(const char *scientific);
char *berth_template__plain_decimal(const char *scientific);
// An object's keys in the order in which Go has them; borrowed from the object.
GPtrArray *berth_template__sorted_keys(const json_t *object);
