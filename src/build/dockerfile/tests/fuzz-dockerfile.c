// SPDX-License-Identifier: Apache-2.0
// Any text is parsed or refused with words that say where; what is parsed is expanded, checked, described and shown.
#include "build/dockerfile/call.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(G_GNUC_UNUSED void *data, const char *name)
{
	return strlen(name) % 2 ? "a \"value\" $x" : NULL;
}

static const char *const *environment(G_GNUC_UNUSED void *data, G_GNUC_UNUSED const char *image)
{
	static const char *const variables[] = {"HOME=/root", NULL};

	return variables;
}

static void expand_stage(const berth_dockerfile *file, const struct berth_dockerfile_stage *stage)
{
	g_autoptr(GPtrArray) memory = g_ptr_array_new_with_free_func(g_free);
	struct berth_dockerfile_scope scope = {.lookup = lookup, .escape = file->escape};

	for (unsigned i = 0; i < stage->count; i++) {
		g_autoptr(GError) error = NULL;
		if (!berth_dockerfile_instruction_expand(&stage->instructions[i], &scope, memory, &error))
			g_assert_nonnull(error);
		// What ONBUILD keeps can be read again.
		if (stage->instructions[i].kind == BERTH_DOCKERFILE_ONBUILD) {
			berth_dockerfile_free(berth_dockerfile_parse_trigger(stage->instructions[i].value, NULL));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	struct berth_dockerfile_place place;
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse((const char *) data, size, &place, &error);

	if (!file) {
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
		g_assert_cmpuint(place.first_line, <=, place.last_line);
		g_autofree char *excerpt = berth_dockerfile_excerpt((const char *) data, size, "Dockerfile", &place);
		g_assert_true(g_utf8_validate(excerpt, -1, NULL));
		return 0;
	}
	for (unsigned i = 0; i < file->stages_count; i++)
		expand_stage(file, &file->stages[i]);
	struct berth_dockerfile_lint_options options = {.argument = lookup, .environment = environment};
	g_autoptr(berth_dockerfile_lint) lint = berth_dockerfile_lint_new(file, &options, NULL);
	if (lint) {
		g_free(berth_dockerfile_check_text(file, "Dockerfile", lint));
		g_autofree char *json = berth_dockerfile_check_json(file, "Dockerfile", lint);
		g_assert_nonnull(json);
	}
	g_autofree char *outline = berth_dockerfile_outline_json(file, NULL, lookup, NULL, NULL);
	g_autofree char *targets = berth_dockerfile_targets_json(file);
	g_assert_nonnull(outline);
	g_assert_nonnull(targets);
	return 0;
}
