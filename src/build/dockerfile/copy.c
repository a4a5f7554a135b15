// SPDX-License-Identifier: Apache-2.0
// COPY and ADD.
#include "build/dockerfile/internal.h"

#include <string.h>

typedef struct berth_dockerfile_copy copy;

static const struct berth_dockerfile__flag copy_flags[] = {
	{"chmod", BERTH_DOCKERFILE__TEXT, offsetof(copy, chmod), 0},
	{"chown", BERTH_DOCKERFILE__TEXT, offsetof(copy, chown), 0},
	{"exclude", BERTH_DOCKERFILE__TEXTS, offsetof(copy, excludes), 0},
	{"from", BERTH_DOCKERFILE__TEXT, offsetof(copy, from), 0},
	{"link", BERTH_DOCKERFILE__BOOLEAN, offsetof(copy, link), 0},
	{"parents", BERTH_DOCKERFILE__BOOLEAN, offsetof(copy, parents), 0},
	{0},
};

static const struct berth_dockerfile__flag add_flags[] = {
	{"checksum", BERTH_DOCKERFILE__TEXT, offsetof(copy, checksum), 0},
	{"chmod", BERTH_DOCKERFILE__TEXT, offsetof(copy, chmod), 0},
	{"chown", BERTH_DOCKERFILE__TEXT, offsetof(copy, chown), 0},
	{"exclude", BERTH_DOCKERFILE__TEXTS, offsetof(copy, excludes), 0},
	{"keep-git-dir", BERTH_DOCKERFILE__BOOLEAN, offsetof(copy, keep_git_dir), offsetof(copy, keep_git_dir_given)},
	{"link", BERTH_DOCKERFILE__BOOLEAN, offsetof(copy, link), 0},
	{"unpack", BERTH_DOCKERFILE__BOOLEAN, offsetof(copy, unpack), offsetof(copy, unpack_given)},
	{0},
};

// Heredocs in the order of the sources; those of the line that are no source (there are none but by JSON) stay out.
static bool read_paths(struct berth_dockerfile__parser *parser, const char *const *words,
		       struct berth_dockerfile_instruction *instruction, GError **error)
{
	GPtrArray *sources = g_ptr_array_new();
	guint count = g_strv_length((char **) words);
	struct berth_dockerfile_heredoc heredoc;

	for (guint i = 0; i + 1 < count; i++)
		if (instruction->json || !berth_dockerfile__heredoc(parser->memory, words[i], &heredoc))
			g_ptr_array_add(sources, (char *) words[i]);
	instruction->copy.sources = berth_dockerfile__keep_words(parser->memory, sources);
	instruction->copy.destination = words[count - 1];
	if (!instruction->json && berth_dockerfile__heredoc(parser->memory, words[count - 1], &heredoc)) {
		parser->culprit = words[count - 1];
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s cannot accept a heredoc as a destination",
				       berth_dockerfile_about(instruction->kind)->name);
	}
	return true;
}

static bool check_from(struct berth_dockerfile__parser *parser, struct berth_dockerfile_copy *options, GError **error)
{
	const char *dollar = options->from ? strchr(options->from, '$') : NULL;

	if (options->from && !*options->from)
		options->from = NULL;
	if (!dollar || !dollar[1])
		return true;
	parser->culprit = options->from;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "'--from=%s' doesn't support variable expansion, define alias stage instead: "
			       "FROM %s AS name",
			       options->from, options->from);
}

bool berth_dockerfile__copy(struct berth_dockerfile__parser *parser,
			    const struct berth_dockerfile__statement *statement,
			    struct berth_dockerfile_instruction *instruction, GError **error)
{
	const char *name = berth_dockerfile_about(instruction->kind)->name;
	const char *const *words;
	int json = berth_dockerfile__json_words(parser->memory, statement->rest, &words, error);

	if (json < 0)
		return false;
	instruction->json = json > 0;
	if (json == 0)
		words = berth_dockerfile__blank_words(parser->memory, statement->rest);
	if (!berth_dockerfile__flags(parser, statement,
				     instruction->kind == BERTH_DOCKERFILE_ADD ? add_flags : copy_flags,
				     &instruction->copy, error))
		return false;
	if (!words[0] || !words[1])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s requires at least two arguments, but only one was provided. Destination "
				       "could not be determined",
				       name);
	return berth_dockerfile__check_words(name, words, error) && read_paths(parser, words, instruction, error) &&
	       check_from(parser, &instruction->copy, error);
}
