// SPDX-License-Identifier: Apache-2.0
// From an instruction's line to its struct: which function reads which, and the small ones.
#include "base/limits.h"
#include "build/dockerfile/internal.h"

#include <string.h>

typedef bool (*read_function)(struct berth_dockerfile__parser *parser,
			      const struct berth_dockerfile__statement *statement,
			      struct berth_dockerfile_instruction *instruction, GError **error);

int berth_dockerfile__kind(const char *word)
{
	for (int kind = 0; kind < BERTH_DOCKERFILE_KINDS; kind++)
		if (g_ascii_strcasecmp(berth_dockerfile_about((enum berth_dockerfile_kind) kind)->name, word) == 0)
			return kind;
	return -1;
}

const char *berth_dockerfile__describe(const char *const *comments, const char *name)
{
	size_t length = strlen(name);

	for (; *comments; comments++)
		if (length > 0 && strncmp(*comments, name, length) == 0 && (*comments)[length] == ' ')
			return *comments + length + 1;
	return NULL;
}

static const char *name_of(const struct berth_dockerfile_instruction *instruction)
{
	return berth_dockerfile_about(instruction->kind)->name;
}

static bool need_one(const struct berth_dockerfile_instruction *instruction, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s requires at least one argument", name_of(instruction));
}

bool berth_dockerfile__command(struct berth_dockerfile__parser *parser, const char *rest, bool *ret_json,
			       struct berth_dockerfile_command *command, GError **error)
{
	int json = berth_dockerfile__json_words(parser->memory, rest, &command->words, error);

	if (json < 0)
		return false;
	*ret_json = json > 0;
	command->shell = !*ret_json;
	if (command->shell) {
		GPtrArray *words = g_ptr_array_new();
		if (*rest)
			g_ptr_array_add(words, (char *) rest);
		command->words = berth_dockerfile__keep_words(parser->memory, words);
	}
	return true;
}

static bool read_command(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
			 struct berth_dockerfile_instruction *instruction, GError **error)
{
	return berth_dockerfile__flags(parser, statement, NULL, NULL, error) &&
	       berth_dockerfile__command(parser, statement->rest, &instruction->json, &instruction->command, error);
}

static bool read_shell(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
		       struct berth_dockerfile_instruction *instruction, GError **error)
{
	int json = berth_dockerfile__json_words(parser->memory, statement->rest, &instruction->words, error);

	if (json < 0 || !berth_dockerfile__flags(parser, statement, NULL, NULL, error))
		return false;
	if (!*statement->rest || (json > 0 && !instruction->words[0]))
		return need_one(instruction, error);
	instruction->json = json > 0;
	return json > 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "SHELL requires the arguments to be in JSON form");
}

static bool read_words(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
		       struct berth_dockerfile_instruction *instruction, GError **error)
{
	const struct berth_dockerfile_about *about = berth_dockerfile_about(instruction->kind);
	int json = 0;

	if (!berth_dockerfile__flags(parser, statement, NULL, NULL, error))
		return false;
	if (about->json)
		json = berth_dockerfile__json_words(parser->memory, statement->rest, &instruction->words, error);
	if (json < 0)
		return false;
	instruction->json = json > 0;
	if (json == 0)
		instruction->words = berth_dockerfile__blank_words(parser->memory, statement->rest);
	if (!instruction->words[0])
		return need_one(instruction, error);
	if (!berth_dockerfile__check_words(statement->word, instruction->words, error))
		return false;
	for (const char *const *word = instruction->words; instruction->kind == BERTH_DOCKERFILE_VOLUME && *word;
	     word++)
		if (!*berth_dockerfile__trim(parser->memory, *word))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "VOLUME specified can not be an empty string");
	return true;
}

static bool read_value(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
		       struct berth_dockerfile_instruction *instruction, GError **error)
{
	if (!berth_dockerfile__flags(parser, statement, NULL, NULL, error))
		return false;
	if (!*statement->rest)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s requires exactly one argument",
				       name_of(instruction));
	instruction->value = statement->rest;
	return true;
}

static bool blank_name(struct berth_dockerfile_instruction *instruction, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s names can not be blank", name_of(instruction));
}

bool berth_dockerfile__check_words(const char *word, const char *const *words, GError **error)
{
	return g_strv_length((char **) words) <= BERTH_LIMIT_DOCKERFILE_WORDS ||
	       berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "%s has more than %d arguments", word,
			       BERTH_LIMIT_DOCKERFILE_WORDS);
}

// Takes the array.
static bool set_pairs(struct berth_dockerfile__parser *parser, GArray *pairs,
		      struct berth_dockerfile_instruction *instruction, GError **error)
{
	parser->pairs += pairs->len;
	instruction->pairs.count = pairs->len;
	instruction->pairs.items = berth_dockerfile__keep(parser->memory, g_array_free(pairs, FALSE));
	return parser->pairs <= BERTH_LIMIT_DOCKERFILE_PAIRS ||
	       berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "ARG, ENV and LABEL have more than %d names in one file", BERTH_LIMIT_DOCKERFILE_PAIRS);
}

// `ENV name value with blanks`: all of the rest is the value.
static bool read_old_pair(struct berth_dockerfile__parser *parser, const char *rest, GArray *pairs,
			  struct berth_dockerfile_instruction *instruction, GError **error)
{
	size_t length = strcspn(rest, BERTH_DOCKERFILE_BLANKS);
	const char *value = rest + length + strspn(rest + length, BERTH_DOCKERFILE_BLANKS);
	struct berth_dockerfile_pair pair = {
		.key = berth_dockerfile__keep_part(parser->memory, rest, length), .value = value, .legacy = true};

	if (!rest[length]) {
		g_array_free(pairs, TRUE);
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s must have two arguments", name_of(instruction));
	}
	g_array_append_val(pairs, pair);
	return set_pairs(parser, pairs, instruction, error);
}

static bool read_pairs(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
		       struct berth_dockerfile_instruction *instruction, GError **error)
{
	bool argument = instruction->kind == BERTH_DOCKERFILE_ARG;
	const char *const *words = berth_dockerfile__quoted_words(parser->memory, statement->rest, parser->escape);

	if (!berth_dockerfile__flags(parser, statement, NULL, NULL, error))
		return false;
	if (!words[0])
		return need_one(instruction, error);
	GArray *pairs = g_array_new(FALSE, TRUE, sizeof(struct berth_dockerfile_pair));
	if (!argument && !strchr(words[0], '='))
		return read_old_pair(parser, statement->rest, pairs, instruction, error);
	for (; *words; words++) {
		const char *equal = strchr(*words, '=');
		struct berth_dockerfile_pair pair = {.key = *words, .value = equal ? equal + 1 : NULL};

		parser->culprit = *words;
		if (!equal && !argument) {
			g_array_free(pairs, TRUE);
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "Syntax error - can't find = in \"%s\". Must be of the form: name=value",
					       *words);
		}
		if (equal)
			pair.key = berth_dockerfile__keep_part(parser->memory, *words, (size_t) (equal - *words));
		if (!*pair.key) {
			g_array_free(pairs, TRUE);
			return blank_name(instruction, error);
		}
		if (argument)
			pair.comment = berth_dockerfile__describe(statement->comments, pair.key);
		g_array_append_val(pairs, pair);
	}
	parser->culprit = NULL;
	return set_pairs(parser, pairs, instruction, error);
}

// What ONBUILD runs later, as text; it is read now, too, so that what is wrong with it is said here.
static bool read_onbuild(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
			 struct berth_dockerfile_instruction *instruction, GError **error)
{
	struct berth_dockerfile__statement inner = *statement;
	struct berth_dockerfile_instruction trigger = {0};
	const char *line = statement->text;

	for (size_t width; (width = berth_dockerfile__space(line)) > 0;)
		line += width;
	line = berth_dockerfile__trim(parser->memory, line + strlen(statement->word));
	if (!*line)
		return need_one(instruction, error);
	inner.text = line;
	berth_dockerfile__split(parser->memory, line, &inner);
	int kind = berth_dockerfile__kind(inner.word);
	parser->culprit = inner.word;
	if (kind == BERTH_DOCKERFILE_ONBUILD)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if (kind >= 0 && !berth_dockerfile_about((enum berth_dockerfile_kind) kind)->trigger)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger",
				       berth_dockerfile_about((enum berth_dockerfile_kind) kind)->name);
	if (!berth_dockerfile__instruction(parser, &inner, &trigger, error))
		return false;
	g_autoptr(GString) text = g_string_new(line);
	for (unsigned i = 0; i < statement->heredocs_count; i++)
		g_string_append_printf(text, "\n%s%s", statement->heredocs[i].content, statement->heredocs[i].name);
	instruction->value = berth_dockerfile__keep_part(parser->memory, text->str, text->len);
	return true;
}

static const read_function functions[BERTH_DOCKERFILE_KINDS] = {
	[BERTH_DOCKERFILE_ADD] = berth_dockerfile__copy,
	[BERTH_DOCKERFILE_ARG] = read_pairs,
	[BERTH_DOCKERFILE_CMD] = read_command,
	[BERTH_DOCKERFILE_COPY] = berth_dockerfile__copy,
	[BERTH_DOCKERFILE_ENTRYPOINT] = read_command,
	[BERTH_DOCKERFILE_ENV] = read_pairs,
	[BERTH_DOCKERFILE_EXPOSE] = read_words,
	[BERTH_DOCKERFILE_HEALTHCHECK] = berth_dockerfile__healthcheck,
	[BERTH_DOCKERFILE_LABEL] = read_pairs,
	[BERTH_DOCKERFILE_MAINTAINER] = read_value,
	[BERTH_DOCKERFILE_ONBUILD] = read_onbuild,
	[BERTH_DOCKERFILE_RUN] = berth_dockerfile__run,
	[BERTH_DOCKERFILE_SHELL] = read_shell,
	[BERTH_DOCKERFILE_STOPSIGNAL] = read_value,
	[BERTH_DOCKERFILE_USER] = read_value,
	[BERTH_DOCKERFILE_VOLUME] = read_words,
	[BERTH_DOCKERFILE_WORKDIR] = read_value,
};

static bool unknown(struct berth_dockerfile__parser *parser, const char *word, GError **error)
{
	const char *names[BERTH_DOCKERFILE_KINDS + 1] = {NULL};

	for (int kind = 0; kind < BERTH_DOCKERFILE_KINDS; kind++)
		names[kind] = berth_dockerfile_about((enum berth_dockerfile_kind) kind)->name;
	parser->culprit = word;
	berth_error_set(error, BERTH_ERROR_INVALID, "unknown instruction: %s", word);
	berth_dockerfile__suggest(error, word, names);
	return false;
}

bool berth_dockerfile__instruction(struct berth_dockerfile__parser *parser,
				   const struct berth_dockerfile__statement *statement,
				   struct berth_dockerfile_instruction *instruction, GError **error)
{
	int kind = berth_dockerfile__kind(statement->word);

	if (kind < 0)
		return unknown(parser, statement->word, error);
	*instruction = (struct berth_dockerfile_instruction){
		.kind = (enum berth_dockerfile_kind) kind,
		.word = statement->word,
		.text = statement->text,
		.original = statement->original,
		.first_line = statement->first_line,
		.last_line = statement->last_line,
		.comments = statement->comments,
		.escape = parser->escape,
		.heredocs = statement->heredocs,
		.heredocs_count = statement->heredocs_count,
	};
	if (!functions[kind])
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s isn't allowed here", statement->word);
	return functions[kind](parser, statement, instruction, error);
}
