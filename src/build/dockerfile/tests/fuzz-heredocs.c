// SPDX-License-Identifier: Apache-2.0
// Any text as the words and lines of a heredoc. What COPY gets from it is what is between its first line and its name.
#include "build/dockerfile/dockerfile.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *instruction, const char *text)
{
	g_autofree char *whole = g_strdup_printf("FROM a\n%s%s\n", instruction, text);
	g_autoptr(berth_dockerfile) file = berth_dockerfile_parse(whole, strlen(whole), NULL, NULL);

	if (!file || file->stages[0].count == 0)
		return;
	const struct berth_dockerfile_instruction *first = &file->stages[0].instructions[0];
	for (unsigned i = 0; i < first->heredocs_count; i++) {
		const struct berth_dockerfile_heredoc *heredoc = &first->heredocs[i];
		g_assert_nonnull(strstr(whole, heredoc->content));
		g_assert_true(heredoc->chomp || g_str_equal(heredoc->content, heredoc->text));
		g_assert_cmpuint(strlen(heredoc->text), <=, strlen(heredoc->content));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);

	check("RUN ", text);
	check("COPY <<", text);
	check("ONBUILD ADD <<-", text);
	return 0;
}
