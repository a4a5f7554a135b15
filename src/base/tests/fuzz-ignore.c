// SPDX-License-Identifier: Apache-2.0
// Any patterns, and any path: what is in a folder that is skipped is ignored. The path is behind the first NUL byte.
#include "base/ignore.h"
#include "base/pattern.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *patterns = g_strndup((const char *) data, size);
	size_t length = strlen(patterns);
	g_autofree char *raw =
		length < size ? g_strndup((const char *) data + length + 1, size - length - 1) : g_strdup("a/b/c");
	g_autofree char *path = g_canonicalize_filename(raw, "/");
	g_autoptr(GError) error = NULL;
	bool matches;

	if (size > 4096)
		return 0;
	if (!berth_pattern_match(patterns, path, &matches, &error))
		g_assert_nonnull(error);
	g_autoptr(berth_ignore) ignore = berth_ignore_parse(patterns, length, NULL);
	if (!ignore || !path[1])
		return 0;
	bool ignored = berth_ignore_matches(ignore, path + 1);
	for (char *slash = strrchr(path, '/'); slash > path; slash = strrchr(path, '/')) {
		*slash = 0;
		if (berth_ignore_skips_folder(ignore, path + 1))
			g_assert_true(ignored);
	}
	return 0;
}
