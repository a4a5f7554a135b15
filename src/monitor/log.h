// SPDX-License-Identifier: Apache-2.0
// The json-file log, Docker's format: one line {"log":"text\n","stream":"stdout","time":"RFC 3339"} per line of output
// (a longer one than BERTH_LIMIT_LOG_LINE in pieces whose text does not end in a newline). The monitor writes it,
// rotates and compresses it; the engine reads it, also while it is written, rotated or the container runs no more.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct berth_log_writer;
// max_size -1: no rotation. max_file counts the current file too. Appends to a log that exists.
struct berth_log_writer *berth_log_writer_open(const char *path, int64_t max_size, int64_t max_file, bool compress,
					       GError **error);
// Adds output of one stream (1 stdout, 2 stderr) at `time` (nanoseconds since 1970). A line without its newline waits
// in memory for the rest, at most BERTH_LIMIT_LOG_LINE bytes per stream.
bool berth_log_writer_add(struct berth_log_writer *writer, int stream, const void *data, size_t length, int64_t time,
			  GError **error);
// Writes what waits.
bool berth_log_writer_flush(struct berth_log_writer *writer, GError **error);
void berth_log_writer_free(struct berth_log_writer *writer); // flushes

struct berth_log_query {
	bool out, err;
	int64_t since, until; // nanoseconds since 1970; 0: unbounded
	int64_t tail; // the last N lines before `follow`; -1: all
	bool follow; // wait for more, across rotation, until berth_log_reader_stop() and all is read
	int64_t patience; // milliseconds without a record after which a follower hears BERTH_LOG_WAITING; 0: never
};
struct berth_log_record {
	int stream;
	int64_t time;
	const char *text; // borrowed until the next call
	size_t length; // its newline included
};
enum berth_log_result {
	BERTH_LOG_FAILED = -1, // with *error
	BERTH_LOG_END, // all was read; with `follow`: and berth_log_reader_stop() was called
	BERTH_LOG_RECORD,
	BERTH_LOG_WAITING, // nothing came for a while; ask again
};
struct berth_log_reader;
struct berth_log_reader *berth_log_reader_open(const char *path, const struct berth_log_query *query, GError **error);
// Returns an enum berth_log_result. Blocks with `follow`, by inotify. A line that is not a record is skipped.
int berth_log_reader_next(struct berth_log_reader *reader, struct berth_log_record *ret, GError **error);
// The writer has ended (call it from any thread): a follower ends when it has read all that is there.
void berth_log_reader_stop(struct berth_log_reader *reader);
void berth_log_reader_free(struct berth_log_reader *reader);
// Removes the log and its rotated files. Missing is fine.
bool berth_log_remove(const char *path, GError **error);
