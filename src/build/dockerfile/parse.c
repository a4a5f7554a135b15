// SPDX-License-Identifier: Apache-2.0
// From instructions to stages.
#include "base/limits.h"
#include "build/dockerfile/internal.h"

#include <string.h>

struct stages {
	GArray *arguments; // struct berth_dockerfile_instruction
	GArray *stages; // struct berth_dockerfile_stage
	GArray *instructions; // of the last stage
	unsigned count; // of all instructions
};

static bool is_name(const char *name)
{
	if (!g_ascii_isalpha(*name))
		return false;
	for (; *name; name++)
		if (!g_ascii_isalnum(*name) && !strchr("-_.", *name))
			return false;
	return true;
}

// FROM [--platform=…] base [AS name]
static bool read_from(struct berth_dockerfile__parser *parser, const struct berth_dockerfile__statement *statement,
		      struct berth_dockerfile_stage *stage, GError **error)
{
	static const struct berth_dockerfile__flag flags[] = {
		{"platform", BERTH_DOCKERFILE__TEXT, offsetof(struct berth_dockerfile_stage, platform), 0},
		{0},
	};
	const char *const *words = berth_dockerfile__blank_words(parser->memory, statement->rest);
	guint count = g_strv_length((char **) words);

	*stage = (struct berth_dockerfile_stage){
		.word = statement->word,
		.text = statement->text,
		.original = statement->original,
		.comments = statement->comments,
		.first_line = statement->first_line,
		.last_line = statement->last_line,
	};
	if (!berth_dockerfile__flags(parser, statement, flags, stage, error))
		return false;
	if (stage->platform && !*stage->platform)
		stage->platform = NULL;
	if (count != 1 && (count != 3 || g_ascii_strcasecmp(words[1], "as") != 0))
		return berth_error_set(error, BERTH_ERROR_INVALID, "FROM requires either one or three arguments");
	stage->base = words[0];
	if (count == 1)
		return true;
	if (!is_name(words[2])) {
		parser->culprit = words[2];
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"invalid name for build stage: \"%s\", name can't start with a number or contain "
			"symbols",
			words[2]);
	}
	stage->as_word = words[1];
	stage->name_written = words[2];
	stage->name = berth_dockerfile__keep(parser->memory, g_ascii_strdown(words[2], -1));
	stage->comment = berth_dockerfile__describe(statement->comments, stage->name_written);
	return true;
}

// Gives the last stage its instructions.
static void end_stage(struct berth_dockerfile__parser *parser, struct stages *stages)
{
	if (stages->stages->len == 0)
		return;
	struct berth_dockerfile_stage *stage =
		&g_array_index(stages->stages, struct berth_dockerfile_stage, stages->stages->len - 1);
	stage->count = stages->instructions->len;
	stage->instructions = berth_dockerfile__keep(
		parser->memory, g_memdup2(stages->instructions->data,
					  stages->instructions->len * sizeof(struct berth_dockerfile_instruction)));
	g_array_set_size(stages->instructions, 0);
}

static bool add_stage(struct berth_dockerfile__parser *parser, struct stages *stages,
		      const struct berth_dockerfile__statement *statement, GError **error)
{
	struct berth_dockerfile_stage stage;

	if (!read_from(parser, statement, &stage, error))
		return false;
	if (stages->stages->len >= BERTH_LIMIT_DOCKERFILE_STAGES)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "there are more than %d stages",
				       BERTH_LIMIT_DOCKERFILE_STAGES);
	end_stage(parser, stages);
	g_array_append_val(stages->stages, stage);
	return true;
}

static bool add(struct berth_dockerfile__parser *parser, struct stages *stages, bool trigger,
		const struct berth_dockerfile__statement *statement, GError **error)
{
	struct berth_dockerfile_instruction instruction;

	if (++stages->count > BERTH_LIMIT_DOCKERFILE_INSTRUCTIONS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "there are more than %d instructions",
				       BERTH_LIMIT_DOCKERFILE_INSTRUCTIONS);
	if (!trigger && berth_dockerfile__kind(statement->word) == BERTH_DOCKERFILE_FROM)
		return add_stage(parser, stages, statement, error);
	if (!berth_dockerfile__instruction(parser, statement, &instruction, error))
		return false;
	if (stages->stages->len > 0) {
		g_array_append_val(stages->instructions, instruction);
	} else if (trigger || instruction.kind == BERTH_DOCKERFILE_ARG) {
		g_array_append_val(stages->arguments, instruction);
	} else {
		parser->culprit = statement->word;
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "no build stage in current context: %s before the first FROM", statement->word);
	}
	return true;
}

static bool read_all(struct berth_dockerfile__parser *parser, struct stages *stages, bool trigger, GError **error)
{
	struct berth_dockerfile__statement statement;
	int read;

	while ((read = berth_dockerfile__next_statement(parser, &statement, error)) > 0)
		if (!add(parser, stages, trigger, &statement, error))
			return false;
	if (read < 0)
		return false;
	end_stage(parser, stages);
	if (stages->count == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "file with no instructions");
	if (!trigger && stages->stages->len == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "no build stage in current context: there is no FROM");
	return true;
}

// Where the culprit is within the lines of the error.
static void find_culprit(struct berth_dockerfile__parser *parser)
{
	const char *text = parser->text, *end = parser->text + parser->size;
	size_t length = parser->culprit ? strlen(parser->culprit) : 0;

	for (unsigned line = 1; length > 0 && line <= parser->place.last_line && text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		size_t width = newline ? (size_t) (newline - text) : (size_t) (end - text);
		const char *found =
			line >= parser->place.first_line ? memmem(text, width, parser->culprit, length) : NULL;

		if (found) {
			// What other lines of it say does not matter: the caret shows one.
			parser->place.first_line = parser->place.last_line = line;
			parser->place.column = (unsigned) (found - text);
			parser->place.width = (unsigned) length;
			return;
		}
		text += width + 1;
	}
}

// Checks that hold for all of the text.
static bool check_text(struct berth_dockerfile__parser *parser, GError **error)
{
	const char *zero = memchr(parser->text, 0, parser->size);

	if (parser->size > BERTH_LIMIT_DOCKERFILE)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "the Dockerfile is larger than %d bytes",
				       BERTH_LIMIT_DOCKERFILE);
	if (parser->size == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the Dockerfile cannot be empty");
	if (!zero)
		return true;
	for (const char *c = parser->text; c < zero; c++)
		parser->place.last_line += *c == '\n';
	parser->place.first_line = ++parser->place.last_line;
	return berth_error_set(error, BERTH_ERROR_INVALID, "there is a NUL byte: the Dockerfile must be UTF-8 text");
}

static void take_arrays(berth_dockerfile *file, struct berth_dockerfile__parser *parser, struct stages *stages)
{
	file->escape = parser->escape;
	file->directives_count = parser->directives->len;
	file->directives = berth_dockerfile__keep(file->memory, g_array_free(parser->directives, FALSE));
	file->gaps_count = parser->gaps->len;
	file->gaps = berth_dockerfile__keep(file->memory, g_array_free(parser->gaps, FALSE));
	file->arguments_count = stages->arguments->len;
	file->arguments = berth_dockerfile__keep(file->memory, g_array_free(stages->arguments, FALSE));
	file->stages_count = stages->stages->len;
	file->stages = berth_dockerfile__keep(file->memory, g_array_free(stages->stages, FALSE));
	g_array_free(stages->instructions, TRUE);
	g_ptr_array_free(parser->comments, TRUE);
}

static void fail(struct berth_dockerfile__parser *parser, struct berth_dockerfile_place *ret_place, GError **error)
{
	find_culprit(parser);
	if (ret_place)
		*ret_place = parser->place;
	if (!error || !*error)
		return;
	char *message = g_utf8_make_valid((*error)->message, -1);
	g_free((*error)->message);
	(*error)->message = message;
	if (parser->place.first_line > 0)
		g_prefix_error(error, "dockerfile parse error on line %u: ", parser->place.first_line);
}

static berth_dockerfile *parse(const char *text, size_t size, bool trigger, struct berth_dockerfile_place *ret_place,
			       GError **error)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t skip = size >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
	g_autoptr(berth_dockerfile) file = g_new0(berth_dockerfile, 1);

	file->memory = g_ptr_array_new_with_free_func(g_free);
	file->source = berth_dockerfile__keep(file->memory, g_memdup2(text + skip, size - skip + 0));
	file->source_size = size - skip;
	struct berth_dockerfile__parser parser = {
		.memory = file->memory,
		.text = file->source ? file->source : "",
		.size = file->source_size,
		.escape = '\\',
		.directives = g_array_new(FALSE, FALSE, sizeof(struct berth_dockerfile_directive)),
		.gaps = g_array_new(FALSE, FALSE, sizeof(struct berth_dockerfile_gap)),
		.comments = g_ptr_array_new(),
		.directives_over = trigger,
	};
	struct stages stages = {
		.arguments = g_array_new(FALSE, FALSE, sizeof(struct berth_dockerfile_instruction)),
		.stages = g_array_new(FALSE, FALSE, sizeof(struct berth_dockerfile_stage)),
		.instructions = g_array_new(FALSE, FALSE, sizeof(struct berth_dockerfile_instruction)),
	};
	bool good = check_text(&parser, error) && read_all(&parser, &stages, trigger, error);
	take_arrays(file, &parser, &stages);
	if (good)
		return g_steal_pointer(&file);
	fail(&parser, ret_place, error);
	return NULL;
}

berth_dockerfile *berth_dockerfile_parse(const char *text, size_t size, struct berth_dockerfile_place *ret_place,
					 GError **error)
{
	if (ret_place)
		*ret_place = (struct berth_dockerfile_place){0};
	return parse(text, size, false, ret_place, error);
}

berth_dockerfile *berth_dockerfile_parse_trigger(const char *text, GError **error)
{
	berth_dockerfile *file = parse(text, strlen(text), true, NULL, error);

	if (!file)
		g_prefix_error(error, "ONBUILD trigger \"%s\" of the base image: ", text);
	return file;
}

int berth_dockerfile_find_stage(const berth_dockerfile *file, const char *name, unsigned before)
{
	unsigned count = MIN(before, file->stages_count);
	guint64 index;

	for (unsigned i = count; i > 0; i--)
		if (file->stages[i - 1].name && g_ascii_strcasecmp(file->stages[i - 1].name, name) == 0)
			return (int) i - 1;
	if (g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT, &index, NULL) && index < count)
		return (int) index;
	return -1;
}
