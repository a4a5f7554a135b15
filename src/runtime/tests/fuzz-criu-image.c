// SPDX-License-Identifier: Apache-2.0
// CRIU's images, as far as the runtime reads them.
#include "runtime/criu-images.h"

static bool take(struct berth_wire entry, G_GNUC_UNUSED void *data, G_GNUC_UNUSED GError **error)
{
	struct berth_wire_field field;
	struct berth_wire rest = entry;

	while (berth_wire_next(&rest, &field) > 0)
		if (field.block)
			berth_wire_integer(field.content, 1);
	g_free(berth_wire_text(entry, 7));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	berth_image_parse((struct berth_wire){data, size}, "fuzz.img", take, NULL, NULL);
	return 0;
}
