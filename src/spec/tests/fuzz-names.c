// SPDX-License-Identifier: Apache-2.0
// In any text any key is looked up within the text's bounds; and what was printed is found again. The input is a key,
// a newline, and a text.
#include "spec/names.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct look {
	const char *begin, *end;
	const char *wanted;
	bool found;
};

static bool within(void *data, const char *value, size_t length)
{
	struct look *look = data;

	g_assert_true(length > 0 && value >= look->begin && value + length <= look->end);
	g_assert_null(memchr(value, '\n', length));
	look->found |= look->wanted && strlen(look->wanted) == length && memcmp(look->wanted, value, length) == 0;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;

	if (!newline || size > 4096)
		return 0;
	g_autofree char *key = g_strndup((const char *) data, (size_t) (newline - data));
	const char *text = (const char *) newline + 1, *end = (const char *) data + size;
	struct look look = {text, end, NULL, false};
	berth_names_find(text, (size_t) (end - text), key, within, &look);

	g_autofree char *other = g_strndup(text, (size_t) (end - text));
	const struct berth_name names[] = {{key, "10.0.0.1", NULL, true}, {other, "10.0.0.2", "fd::2", true}};
	g_autofree char *printed = berth_names_print("net", names, G_N_ELEMENTS(names));
	look = (struct look){printed, printed + strlen(printed), "10.0.0.1", false};
	bool there = berth_names_find(printed, strlen(printed), key, within, &look);
	// As a value alone, for a name may look so, too.
	bool is_there = strstr(printed, " 10.0.0.1\n") || strstr(printed, " 10.0.0.1 ");
	g_assert_true(!is_there || (there && look.found));
	return 0;
}
