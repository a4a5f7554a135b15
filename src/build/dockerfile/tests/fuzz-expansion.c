// SPDX-License-Identifier: Apache-2.0
// Any text is expanded within bounds or refused.
#include "base/limits.h"
#include "build/dockerfile/expand.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A value that the input chooses: what is behind its first line.
static const char *lookup(void *data, const char *name)
{
	return strlen(name) % 3 ? data : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);
	char *newline = strchr(text, '\n');
	g_autoptr(GPtrArray) unset = g_ptr_array_new_with_free_func(g_free);
	struct berth_dockerfile_scope scope = {.lookup = lookup,
					       .data = newline ? newline + 1 : text,
					       .escape = size % 2 ? '\\' : '`',
					       .unset = unset};

	if (newline)
		*newline = 0;
	g_autoptr(GError) error = NULL;
	g_autofree char *word = berth_dockerfile_expand(&scope, text, &error);
	g_assert_true(!word == !!error);
	if (word)
		g_assert_cmpuint(strlen(word), <=, BERTH_LIMIT_EXPANSION + strlen(text));
	g_auto(GStrv) words = berth_dockerfile_expand_words(&scope, text, NULL);
	g_assert_true(!word == !words);
	g_free(berth_dockerfile_expand_text(&scope, text, NULL));
	return 0;
}
