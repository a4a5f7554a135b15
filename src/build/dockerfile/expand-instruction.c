// SPDX-License-Identifier: Apache-2.0
// Which values of an instruction are expanded.
#include "build/dockerfile/internal.h"

#include <string.h>

typedef struct berth_dockerfile_instruction instruction;

struct work {
	const struct berth_dockerfile_scope *scope;
	GPtrArray *memory;
};

static bool expand(const struct work *work, const char **text, GError **error)
{
	if (!*text)
		return true;
	*text = berth_dockerfile__keep(work->memory, berth_dockerfile_expand(work->scope, *text, error));
	return *text;
}

static bool expand_list(const struct work *work, const char *const **list, GError **error)
{
	GPtrArray *words = g_ptr_array_new();

	for (const char *const *word = *list; *word; word++) {
		const char *text = *word;
		if (!expand(work, &text, error)) {
			g_ptr_array_free(words, TRUE);
			return false;
		}
		g_ptr_array_add(words, (char *) text);
	}
	*list = berth_dockerfile__keep_words(work->memory, words);
	return true;
}

static bool expand_volumes(const struct work *work, instruction *ret, GError **error)
{
	if (!expand_list(work, &ret->words, error))
		return false;
	for (const char *const *word = ret->words; *word; word++)
		if (!**word)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "VOLUME specified can not be an empty string");
	return true;
}

// EXPOSE: a value may hold several words.
static bool expand_words(const struct work *work, instruction *ret, GError **error)
{
	GPtrArray *words = g_ptr_array_new();

	for (const char *const *word = ret->words; *word; word++) {
		g_autofree char **parts = berth_dockerfile_expand_words(work->scope, *word, error);
		if (!parts) {
			g_ptr_array_free(words, TRUE);
			return false;
		}
		for (char **part = parts; *part; part++)
			g_ptr_array_add(words, berth_dockerfile__keep(work->memory, *part));
	}
	ret->words = berth_dockerfile__keep_words(work->memory, words);
	return true;
}

static bool expand_pairs(const struct work *work, instruction *ret, GError **error)
{
	struct berth_dockerfile_pair *pairs =
		berth_dockerfile__keep(work->memory, g_memdup2(ret->pairs.items, ret->pairs.count * sizeof *pairs));

	for (unsigned i = 0; i < ret->pairs.count; i++)
		if (!expand(work, &pairs[i].key, error) || !expand(work, &pairs[i].value, error))
			return false;
	ret->pairs.items = pairs;
	return true;
}

static bool expand_heredocs(const struct work *work, instruction *ret, GError **error)
{
	struct berth_dockerfile_heredoc *heredocs =
		berth_dockerfile__keep(work->memory, g_memdup2(ret->heredocs, ret->heredocs_count * sizeof *heredocs));

	for (unsigned i = 0; i < ret->heredocs_count; i++) {
		if (!heredocs[i].expand)
			continue;
		char *text = berth_dockerfile_expand_text(work->scope, heredocs[i].text, error);
		if (!text) {
			g_prefix_error(error, "heredoc \"%s\": ", heredocs[i].name);
			return false;
		}
		heredocs[i].text = berth_dockerfile__keep(work->memory, text);
	}
	ret->heredocs = heredocs;
	return true;
}

static bool expand_copy(const struct work *work, instruction *ret, GError **error)
{
	struct berth_dockerfile_copy *copy = &ret->copy;

	return expand_list(work, &copy->sources, error) && expand(work, &copy->destination, error) &&
	       expand(work, &copy->chown, error) && expand(work, &copy->chmod, error) &&
	       expand(work, &copy->checksum, error) && expand_list(work, &copy->excludes, error) &&
	       expand_heredocs(work, ret, error);
}

static bool expand_run(const struct work *work, instruction *ret, GError **error)
{
	struct berth_dockerfile_run *run = &ret->run;
	unsigned count = g_strv_length((char **) run->mount_texts);
	struct berth_dockerfile_mount *mounts =
		berth_dockerfile__keep(work->memory, g_new0(struct berth_dockerfile_mount, count));

	for (unsigned i = 0; i < count; i++)
		if (!berth_dockerfile__mount(run->mount_texts[i], work->scope, work->memory, &mounts[i], NULL, error)) {
			g_prefix_error(error, "--mount=%s: ", run->mount_texts[i]);
			return false;
		}
	run->mounts = mounts;
	run->mounts_count = count;
	return expand_list(work, &run->devices, error);
}

static bool expand_all(const struct work *work, instruction *ret, GError **error)
{
	switch (ret->kind) {
	case BERTH_DOCKERFILE_ADD:
	case BERTH_DOCKERFILE_COPY:
		return expand_copy(work, ret, error);
	case BERTH_DOCKERFILE_ARG:
	case BERTH_DOCKERFILE_ENV:
	case BERTH_DOCKERFILE_LABEL:
		return expand_pairs(work, ret, error);
	case BERTH_DOCKERFILE_EXPOSE:
		return expand_words(work, ret, error);
	case BERTH_DOCKERFILE_VOLUME:
		return expand_volumes(work, ret, error);
	case BERTH_DOCKERFILE_STOPSIGNAL:
	case BERTH_DOCKERFILE_USER:
	case BERTH_DOCKERFILE_WORKDIR:
		return expand(work, &ret->value, error);
	case BERTH_DOCKERFILE_RUN:
		return expand_run(work, ret, error);
	default:
		return true;
	}
}

const struct berth_dockerfile_instruction *
berth_dockerfile_instruction_expand(const struct berth_dockerfile_instruction *given,
				    const struct berth_dockerfile_scope *scope, GPtrArray *memory, GError **error)
{
	struct work work = {scope, memory};
	instruction *ret = berth_dockerfile__keep(memory, g_memdup2(given, sizeof *given));

	return expand_all(&work, ret, error) ? ret : NULL;
}
