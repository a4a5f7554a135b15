// SPDX-License-Identifier: Apache-2.0
// Filters from clients: whatever the text is, it is refused or gives filters that labels and events can be put to.
#include "engine/internal.h"
#include "spec/api-system.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *) data, size);
	g_autoptr(GHashTable) filters = berth_filters_parse(text, NULL);
	const struct api_event event = {.type = (char *) "container"};

	if (!filters)
		return 0;
	berth_engine__labels_pass(filters, NULL);
	berth_engine__event_passes(&event, filters);
	return 0;
}
