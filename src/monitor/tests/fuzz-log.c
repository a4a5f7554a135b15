// SPDX-License-Identifier: Apache-2.0
// Any line is a record or none; what was decoded and written again reads the same.
#include "monitor/log-record.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct berth_log_record record, again;
	g_autofree char *line = g_malloc(size + 1);

	memcpy(line, data, size);
	if (!berth_log_record_parse(line, size, &record))
		return 0;
	g_assert_true(record.text >= line && record.text + record.length <= line + size);
	g_autoptr(GString) written = g_string_new(NULL);
	berth_log_record_append(written, record.stream, record.text, record.length, "2023-11-14T22:13:20Z");
	g_assert_true(berth_log_record_parse(written->str, written->len - 1, &again));
	g_assert_true(again.stream == record.stream);
	return 0;
}
