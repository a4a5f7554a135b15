// SPDX-License-Identifier: Apache-2.0
// What a plugin answers: any status with any body.
#include "base/json.h"
#include "plugin/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 204, 400, 404, 500, 0};
	g_autoptr(GError) error = NULL;

	if (size == 0)
		return 0;
	g_autofree char *body = g_strndup((const char *) data + 1, size - 1);
	BERTH_AUTO_JSON json_t *answer =
		berth_plugin_answer("fuzz", statuses[data[0] % G_N_ELEMENTS(statuses)], body, size - 1, &error);
	g_assert_true(!answer == !!error);
	g_assert_true(!error || g_utf8_validate(error->message, -1, NULL));
	return 0;
}
