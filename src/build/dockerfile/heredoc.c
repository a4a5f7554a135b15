// SPDX-License-Identifier: Apache-2.0
// Heredocs: `<<NAME`, `<<-NAME`, `<<"NAME"`, `3<<NAME`.
#include "build/dockerfile/internal.h"

#include <string.h>

static const char *nothing(G_GNUC_UNUSED void *data, G_GNUC_UNUSED const char *name)
{
	return NULL;
}

static const struct berth_dockerfile_scope no_variables = {.lookup = nothing, .escape = '\\'};

// The only word of `text`, or NULL.
static char *sole_word(const char *text, unsigned manner)
{
	g_auto(GStrv) words = NULL;
	g_autofree char *whole =
		berth_dockerfile__process(&no_variables, text, manner | BERTH_DOCKERFILE__KEEP_UNSET, &words, NULL);

	return whole && words[0] && !words[1] ? g_strdup(words[0]) : NULL;
}

bool berth_dockerfile__heredoc(GPtrArray *memory, const char *word, struct berth_dockerfile_heredoc *ret)
{
	const char *rest = word + strspn(word, "0123456789");
	guint64 fd = 0;

	*ret = (struct berth_dockerfile_heredoc){0};
	if (rest[0] != '<' || rest[1] != '<')
		return false;
	if (rest > word) {
		g_autofree char *digits = g_strndup(word, (gsize) (rest - word));
		if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXINT, &fd, NULL))
			fd = G_MAXINT;
	}
	rest += 2;
	bool chomp = *rest == '-';
	rest += chomp;
	rest += strspn(rest, BERTH_DOCKERFILE_BLANKS "\n");
	if (!*rest || strchr(rest, '<'))
		return false;
	g_autofree char *name = sole_word(rest, 0);
	g_autofree char *raw = sole_word(rest, BERTH_DOCKERFILE__RAW_QUOTES | BERTH_DOCKERFILE__RAW_ESCAPES);
	if (!name || !raw)
		return false;
	*ret = (struct berth_dockerfile_heredoc){
		.name = berth_dockerfile__keep(memory, g_strdup(name)),
		.fd = (unsigned) fd,
		.expand = g_str_equal(name, raw),
		.chomp = chomp,
	};
	return true;
}

GArray *berth_dockerfile__heredocs(GPtrArray *memory, const char *line)
{
	GArray *heredocs = g_array_new(FALSE, FALSE, sizeof(struct berth_dockerfile_heredoc));
	g_auto(GStrv) words = NULL;
	g_autofree char *whole = berth_dockerfile__process(
		&no_variables, line,
		BERTH_DOCKERFILE__RAW_QUOTES | BERTH_DOCKERFILE__RAW_ESCAPES | BERTH_DOCKERFILE__KEEP_UNSET, &words,
		NULL);

	// Quotes that are not closed are the shell's affair, which complains better.
	for (char **word = words; whole && *word; word++) {
		struct berth_dockerfile_heredoc heredoc;
		if (berth_dockerfile__heredoc(memory, *word, &heredoc))
			g_array_append_val(heredocs, heredoc);
	}
	return heredocs;
}

char *berth_dockerfile__without_tabs(const char *content)
{
	GString *out = g_string_new(NULL);

	while (*content) {
		content += strspn(content, "\t");
		size_t length = strcspn(content, "\n");
		length += content[length] == '\n';
		g_string_append_len(out, content, (gssize) length);
		content += length;
	}
	return g_string_free(out, FALSE);
}
