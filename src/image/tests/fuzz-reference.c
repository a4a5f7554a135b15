// SPDX-License-Identifier: Apache-2.0
// What is accepted can be written and read again, and means the same.
#include "image/reference.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);
	struct berth_image_name name, again;
	g_autoptr(GError) error = NULL;

	if (!berth_image_name_parse(text, &name, &error)) {
		g_assert_true(g_str_has_prefix(error->message, "invalid reference format"));
		return 0;
	}
	g_autofree char *full = berth_image_name_full(&name), *familiar = berth_image_name_familiar(&name);
	g_assert_true(berth_image_name_parse(familiar, &again, NULL));
	g_autofree char *same = berth_image_name_full(&again);
	g_assert_cmpstr(full, ==, same);
	berth_image_name_clear(&name);
	berth_image_name_clear(&again);
	return 0;
}
