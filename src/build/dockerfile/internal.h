// SPDX-License-Identifier: Apache-2.0
// What the files of the parser share. Texts and arrays that they make belong to an array `memory` of blocks.
#pragma once

#include "build/dockerfile/dockerfile.h"
#include "build/dockerfile/expand.h"

#define BERTH_DOCKERFILE_BLANKS " \t\v\f\r" // between words, within a line

// One instruction's lines, cut into its word, flags and the rest.
struct berth_dockerfile__statement {
	const char *text; // joined
	const char *word;
	const char *const *flags; // "--name=value", quotes removed
	const char *rest;
	const char *const *comments;
	const char *original;
	unsigned first_line, last_line;
	struct berth_dockerfile_heredoc *heredocs;
	unsigned heredocs_count;
};

struct berth_dockerfile__parser {
	GPtrArray *memory;
	const char *text; // with the byte order mark gone
	size_t size, next; // next: where the next line begins
	unsigned line; // that was read last, from 1
	char escape;
	bool directives_over;
	GArray *directives; // struct berth_dockerfile_directive
	GArray *gaps; // struct berth_dockerfile_gap
	GPtrArray *comments; // above the next instruction
	unsigned pairs, flags; // so far: of ARG, ENV and LABEL; of all
	struct berth_dockerfile_place place; // of the error
	const char *culprit; // a word of the source that the error is about, or NULL
};

// Takes a block (NULL is fine) into `memory` and returns it.
void *berth_dockerfile__keep(GPtrArray *memory, void *block);
char *berth_dockerfile__keep_part(GPtrArray *memory, const char *text, size_t length);
// The array's pointers, NULL-terminated; the array is freed.
const char *const *berth_dockerfile__keep_words(GPtrArray *memory, GPtrArray *words);

// lines.c: the next instruction of the text. 1, 0 at its end, -1 on failure.
int berth_dockerfile__next_statement(struct berth_dockerfile__parser *parser,
				     struct berth_dockerfile__statement *statement, GError **error);

// words.c
// The place of a word in a NULL-terminated list; -1: it is not there.
int berth_dockerfile__find_word(const char *const *words, const char *word);
// The length of the white space (Unicode's) that `text` begins with at one character, or 0.
size_t berth_dockerfile__space(const char *text);
// The text without white space at both ends.
char *berth_dockerfile__trim(GPtrArray *memory, const char *text);
// Cuts a joined line into word, flags and rest.
void berth_dockerfile__split(GPtrArray *memory, const char *line, struct berth_dockerfile__statement *statement);
// At blanks.
const char *const *berth_dockerfile__blank_words(GPtrArray *memory, const char *text);
// At white space outside quotes; quotes and escapes stay.
const char *const *berth_dockerfile__quoted_words(GPtrArray *memory, const char *text, char escape);
// A JSON array of texts. 1, 0 if it is no JSON array (then it is shell form), -1 if it is one of other things.
int berth_dockerfile__json_words(GPtrArray *memory, const char *text, const char *const **ret_words, GError **error);
// Fields between commas, with the quotes of CSV.
const char *const *berth_dockerfile__fields(GPtrArray *memory, const char *text, GError **error);

// heredoc.c: whether a word of the line begins a heredoc; `ret` gets name, fd, expand and chomp.
bool berth_dockerfile__heredoc(GPtrArray *memory, const char *word, struct berth_dockerfile_heredoc *ret);
// Those of a line, in their order: struct berth_dockerfile_heredoc. The caller frees the array.
GArray *berth_dockerfile__heredocs(GPtrArray *memory, const char *line);
char *berth_dockerfile__without_tabs(const char *content);

// instruction.c: from a statement to an instruction.
bool berth_dockerfile__instruction(struct berth_dockerfile__parser *parser,
				   const struct berth_dockerfile__statement *statement,
				   struct berth_dockerfile_instruction *instruction, GError **error);
// Whether there are not too many.
bool berth_dockerfile__check_words(const char *word, const char *const *words, GError **error);
// What a word means, or -1.
int berth_dockerfile__kind(const char *word);
// The comment that begins with the name, without it; or NULL.
const char *berth_dockerfile__describe(const char *const *comments, const char *name);

// flags.c
enum berth_dockerfile__flag_type {
	BERTH_DOCKERFILE__BOOLEAN, // bool
	BERTH_DOCKERFILE__TEXT, // const char *
	BERTH_DOCKERFILE__TEXTS, // const char *const *, NULL-terminated
};
struct berth_dockerfile__flag {
	const char *name; // NULL ends the table
	enum berth_dockerfile__flag_type type;
	size_t offset; // in the struct
	size_t given_offset; // of a bool that says whether it was there; 0: none
};
bool berth_dockerfile__flags(struct berth_dockerfile__parser *parser,
			     const struct berth_dockerfile__statement *statement,
			     const struct berth_dockerfile__flag *table, void *options, GError **error);

// run.c, copy.c, health.c
bool berth_dockerfile__run(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
			   struct berth_dockerfile_instruction *instruction, GError **error);
bool berth_dockerfile__copy(struct berth_dockerfile__parser *parser,
			    const struct berth_dockerfile__statement *statement,
			    struct berth_dockerfile_instruction *instruction, GError **error);
bool berth_dockerfile__healthcheck(struct berth_dockerfile__parser *parser,
				   const struct berth_dockerfile__statement *statement,
				   struct berth_dockerfile_instruction *instruction, GError **error);
// A command: JSON, or one text for the shell.
bool berth_dockerfile__command(struct berth_dockerfile__parser *parser, const char *rest, bool *ret_json,
			       struct berth_dockerfile_command *command, GError **error);

// mount.c: one --mount. With no scope only what needs no variables is looked at. `ret_culprit` (may be NULL) is set to
// the part that an error is about, in `memory`.
bool berth_dockerfile__mount(const char *text, const struct berth_dockerfile_scope *scope, GPtrArray *memory,
			     struct berth_dockerfile_mount *mount, const char **ret_culprit, GError **error);

// expand.c: how words are processed, beyond what expand.h offers.
enum {
	BERTH_DOCKERFILE__RAW_QUOTES = 1 << 0, // quotes work and stay
	BERTH_DOCKERFILE__RAW_ESCAPES = 1 << 1, // escapes work and stay
	BERTH_DOCKERFILE__NO_QUOTES = 1 << 2, // quotes are ordinary
	BERTH_DOCKERFILE__KEEP_UNSET = 1 << 3, // variables that are not set stay as they are written
};
// The text, and with `ret_words` (struct not NULL) its words.
char *berth_dockerfile__process(const struct berth_dockerfile_scope *scope, const char *text, unsigned manner,
				char ***ret_words, GError **error);

// match.c: patterns with `*` and `?` of ${a#p} and ${a/p/w}; places are bytes of `value`, which must live on. `greedy`:
// `*` takes as much as it can; `to_end`: a match must reach the value's end.
typedef struct berth_dockerfile__matcher berth_dockerfile__matcher;
berth_dockerfile__matcher *berth_dockerfile__matcher_new(const char *pattern, const char *value, bool greedy,
							 bool to_end);
berth_dockerfile__matcher *berth_dockerfile__matcher_free(berth_dockerfile__matcher *matcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_dockerfile__matcher, berth_dockerfile__matcher_free)
// The first match from `from` on (anchored: there).
bool berth_dockerfile__matcher_find(berth_dockerfile__matcher *matcher, size_t from, bool anchored, size_t *ret_begin,
				    size_t *ret_end);
// Where the shortest or longest match that reaches the end begins; the value's length if there is none.
size_t berth_dockerfile__matcher_suffix(berth_dockerfile__matcher *matcher, bool longest);

// Appends " (did you mean x?)" for the nearest of NULL-terminated names, if one is near.
void berth_dockerfile__suggest(GError **error, const char *word, const char *const *names);
