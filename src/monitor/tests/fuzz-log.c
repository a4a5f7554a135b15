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
	const struct berth_log_piece piece = {.stream = record.stream, .text = record.text, .length = record.length};
	struct berth_log_suffix suffix = {.time = -1};
	struct berth_log_buffer written = {0};
	berth_log_record_append(&written, &suffix, &piece);
	g_assert_true(berth_log_record_parse(written.data, written.length - 1, &again));
	g_assert_true(again.stream == record.stream);
	berth_log_buffer_clear(&written);
	berth_log_suffix_clear(&suffix);
	return 0;
}
