// SPDX-License-Identifier: Apache-2.0
// Whose memory it is: blocks of one array.
#include "base/near.h"
#include "build/dockerfile/internal.h"

#include <string.h>

void *berth_dockerfile__keep(GPtrArray *memory, void *block)
{
	if (block)
		g_ptr_array_add(memory, block);
	return block;
}

char *berth_dockerfile__keep_part(GPtrArray *memory, const char *text, size_t length)
{
	return berth_dockerfile__keep(memory, g_strndup(text, length));
}

const char *const *berth_dockerfile__keep_words(GPtrArray *memory, GPtrArray *words)
{
	g_ptr_array_add(words, NULL);
	return berth_dockerfile__keep(memory, g_ptr_array_free(words, FALSE));
}

void berth_dockerfile__suggest(GError **error, const char *word, const char *const *names)
{
	enum { NEAR = 3 }; // edits
	g_autofree char *lower = g_ascii_strdown(word, -1);
	const char *best = NULL;
	unsigned best_distance = NEAR;

	if (!error || !*error)
		return;
	for (; *names; names++) {
		g_autofree char *name = g_ascii_strdown(*names, -1);
		unsigned distance = berth_near_distance(lower, name);
		// Half of a short word must stay: "x" is not near to "ssh".
		if (distance > 0 && distance < best_distance && distance * 2 <= strlen(name)) {
			best = *names;
			best_distance = distance;
		}
	}
	if (!best)
		return;
	char *message = g_strdup_printf("%s (did you mean %s?)", (*error)->message, best);
	g_free((*error)->message);
	(*error)->message = message;
}

berth_dockerfile *berth_dockerfile_free(berth_dockerfile *file)
{
	if (!file)
		return NULL;
	g_ptr_array_unref(file->memory);
	g_free(file);
	return NULL;
}
