// SPDX-License-Identifier: Apache-2.0
// Checks of the text: casing, names, old forms, comments.
#include "build/dockerfile/lint-internal.h"

#include <string.h>

enum casing {
	CASING_LOWER,
	CASING_UPPER,
	CASING_MIXED,
};

static enum casing casing_of(const char *word)
{
	bool lower = false, upper = false;

	for (; *word; word++) {
		lower |= g_ascii_islower(*word);
		upper |= g_ascii_isupper(*word);
	}
	return lower && upper ? CASING_MIXED : lower ? CASING_LOWER : CASING_UPPER;
}

// What most instructions are in; a draw is for capitals.
static enum casing majority(const berth_dockerfile *file)
{
	unsigned counts[CASING_MIXED + 1] = {0};

	for (unsigned i = 0; i < file->stages_count; i++) {
		counts[casing_of(file->stages[i].word)]++;
		for (unsigned j = 0; j < file->stages[i].count; j++)
			counts[casing_of(file->stages[i].instructions[j].word)]++;
	}
	return counts[CASING_LOWER] > counts[CASING_UPPER] ? CASING_LOWER : CASING_UPPER;
}

static void check_word(struct berth_dockerfile__linter *linter, const char *word, enum casing wanted, unsigned first,
		       unsigned last)
{
	if (casing_of(word) != wanted)
		berth_dockerfile__warn(linter, BERTH_RULE_CONSISTENT_INSTRUCTION_CASING, first, last,
				       "Command '%s' should match the case of the command majority (%s)", word,
				       wanted == CASING_LOWER ? "lowercase" : "uppercase");
}

static void check_stage_name(struct berth_dockerfile__linter *linter, const struct berth_dockerfile_stage *stage)
{
	unsigned first = stage->first_line, last = stage->last_line;
	enum casing from = casing_of(stage->word);

	if (!stage->name)
		return;
	if (!g_str_equal(stage->name, stage->name_written))
		berth_dockerfile__warn(linter, BERTH_RULE_STAGE_NAME_CASING, first, last,
				       "Stage name '%s' should be lowercase", stage->name_written);
	if (from != CASING_MIXED && casing_of(stage->as_word) != from)
		berth_dockerfile__warn(linter, BERTH_RULE_FROM_AS_CASING, first, last,
				       "'%s' and '%s' keywords' casing do not match", stage->as_word, stage->word);
	if (g_str_equal(stage->name, "scratch") || g_str_equal(stage->name, "context"))
		berth_dockerfile__warn(linter, BERTH_RULE_RESERVED_STAGE_NAME, first, last,
				       "Stage name should not use the same name as reserved stage \"%s\"", stage->name);
	for (const struct berth_dockerfile_stage *other = linter->file->stages; other < stage; other++)
		if (other->name && g_str_equal(other->name, stage->name)) {
			berth_dockerfile__warn(linter, BERTH_RULE_DUPLICATE_STAGE_NAME, first, last,
					       "Duplicate stage name \"%s\", stage names should be unique",
					       stage->name);
			break;
		}
}

// Whether the last comment above begins with one of the names that are defined.
static void check_comment(struct berth_dockerfile__linter *linter, const char *word, const char *const *comments,
			  GPtrArray *names, unsigned first, unsigned last)
{
	guint count = g_strv_length((char **) comments);

	if (count == 0 || names->len == 0)
		return;
	const char *comment = comments[count - 1];
	size_t length = strcspn(comment, " ");
	for (guint i = 0; i < names->len; i++)
		if (strlen(names->pdata[i]) == length && strncmp(names->pdata[i], comment, length) == 0)
			return;
	berth_dockerfile__warn(linter, BERTH_RULE_INVALID_DEFINITION_DESCRIPTION, first, last,
			       "Comment for %s should follow the format: `# %s <description>`", word,
			       names->len > 1 ? "<arg_key>" : (const char *) names->pdata[0]);
}

static void check_argument(struct berth_dockerfile__linter *linter,
			   const struct berth_dockerfile_instruction *instruction)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (unsigned i = 0; i < instruction->pairs.count; i++)
		g_ptr_array_add(names, (char *) instruction->pairs.items[i].key);
	check_comment(linter, "ARG", instruction->comments, names, instruction->first_line, instruction->last_line);
}

static void check_instruction(struct berth_dockerfile__linter *linter,
			      const struct berth_dockerfile_instruction *instruction)
{
	unsigned first = instruction->first_line, last = instruction->last_line;

	switch (instruction->kind) {
	case BERTH_DOCKERFILE_ARG:
		check_argument(linter, instruction);
		break;
	case BERTH_DOCKERFILE_MAINTAINER:
		berth_dockerfile__warn(linter, BERTH_RULE_MAINTAINER_DEPRECATED, first, last,
				       "Maintainer instruction is deprecated in favor of using label");
		break;
	case BERTH_DOCKERFILE_ENV:
	case BERTH_DOCKERFILE_LABEL:
		if (instruction->pairs.items[0].legacy)
			berth_dockerfile__warn(
				linter, BERTH_RULE_LEGACY_KEY_VALUE_FORMAT, first, last,
				"\"%s key=value\" should be used instead of legacy \"%s key value\" format",
				instruction->word, instruction->word);
		break;
	default:
		break;
	}
}

void berth_dockerfile__lint_form(struct berth_dockerfile__linter *linter)
{
	const berth_dockerfile *file = linter->file;
	enum casing wanted = majority(file);

	for (unsigned i = 0; i < file->gaps_count; i++)
		berth_dockerfile__warn(linter, BERTH_RULE_NO_EMPTY_CONTINUATION, file->gaps[i].last_line,
				       file->gaps[i].last_line, "Empty continuation line");
	for (unsigned i = 0; i < file->arguments_count; i++)
		check_argument(linter, &file->arguments[i]);
	for (unsigned i = 0; i < file->stages_count; i++) {
		const struct berth_dockerfile_stage *stage = &file->stages[i];
		g_autoptr(GPtrArray) names = g_ptr_array_new();

		if (stage->name)
			g_ptr_array_add(names, (char *) stage->name_written);
		check_comment(linter, "FROM", stage->comments, names, stage->first_line, stage->last_line);
		check_stage_name(linter, stage);
		check_word(linter, stage->word, wanted, stage->first_line, stage->last_line);
		for (unsigned j = 0; j < stage->count; j++) {
			const struct berth_dockerfile_instruction *instruction = &stage->instructions[j];
			check_word(linter, instruction->word, wanted, instruction->first_line, instruction->last_line);
			check_instruction(linter, instruction);
		}
	}
}
