// SPDX-License-Identifier: Apache-2.0
// A file of the local format: any bytes are records or none; a writer goes on behind what is whole, and what it adds is
// the last that is read.
#include "base/limits.h"
#include "monitor/log-record.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
	struct berth_log_record record;
	g_autofree char *entry = g_malloc(size + 1);

	memcpy(entry, data, size);
	if (!berth_log_entry_parse(entry, size, &record))
		return;
	g_assert_true(record.text >= entry && record.text + record.length <= entry + size + 1);
	const struct berth_log_piece piece = {
		.stream = record.stream, .text = record.text, .length = record.length, .newline = true};
	struct berth_log_buffer written = {0};
	struct berth_log_record again;
	berth_log_entry_append(&written, &piece);
	size_t length = written.length - 2 * BERTH_LOG_ENTRY_FRAME;
	g_assert_true(berth_log_entry_length(written.data) == length || length > BERTH_LIMIT_LOG_RECORD / 2);
	g_assert_true(berth_log_entry_parse(written.data + BERTH_LOG_ENTRY_FRAME, length, &again));
	g_assert_true(again.stream == piece.stream && again.length == piece.length + 1);
	berth_log_buffer_clear(&written);
}

static void read_file(const char *path, int64_t tail)
{
	const struct berth_log_query query = {.format = BERTH_LOG_LOCAL, .out = true, .err = true, .tail = tail};
	struct berth_log_reader *reader = berth_log_reader_open(path, &query, NULL);
	struct berth_log_record record;

	while (reader && berth_log_reader_next(reader, &record, NULL) == BERTH_LOG_RECORD)
		g_assert_true(record.length <= BERTH_LIMIT_LOG_RECORD);
	berth_log_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	int file = memfd_create("log", MFD_CLOEXEC);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", file);
	if (file < 0 || write(file, data, size) != (ssize_t) size)
		return 0;
	read_file(path, -1);
	read_file(path, 2);

	const struct berth_log_file_options options = {.format = BERTH_LOG_LOCAL, .max_size = -1, .max_file = 1};
	struct berth_log_writer *writer = berth_log_writer_open(path, &options, NULL);
	g_assert_true(writer && berth_log_writer_add(writer, 2, "last\n", 5, 7, NULL));
	berth_log_writer_free(writer);
	const struct berth_log_query query = {.format = BERTH_LOG_LOCAL, .out = true, .err = true, .tail = 1};
	struct berth_log_reader *reader = berth_log_reader_open(path, &query, NULL);
	struct berth_log_record record;
	g_assert_true(berth_log_reader_next(reader, &record, NULL) == BERTH_LOG_RECORD);
	g_assert_true(record.stream == 2 && record.length == 5 && memcmp(record.text, "last\n", 5) == 0);
	berth_log_reader_free(reader);
	close(file);
	return 0;
}
