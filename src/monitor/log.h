// SPDX-License-Identifier: Apache-2.0
// Log files of a container, in one of two formats, both Docker's: json-file (one line
// {"log":"text\n","stream":"stdout", "time":"RFC 3339"} per line of output) and local (log-record.h). A line longer
// than BERTH_LIMIT_LOG_LINE makes several records, of which only the last one's text ends in a newline. The monitor
// writes them, rotates and compresses them; the engine reads them, also while they are written, rotated or the
// container runs no more.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum berth_log_format { BERTH_LOG_JSON, BERTH_LOG_LOCAL };

struct berth_log_file_options {
	enum berth_log_format format;
	int64_t max_size; // bytes; -1: no rotation
	int64_t max_file; // files kept, the current one included
	bool compress; // rotated files by gzip: <log>.1.gz is the newest
	const char *attributes; // of every record of json-file: a JSON object as text; NULL or "": none
};

struct berth_log_writer;
// Appends to a log that exists.
struct berth_log_writer *berth_log_writer_open(const char *path, const struct berth_log_file_options *options,
					       GError **error);
// Adds output of one stream (1 stdout, 2 stderr) at `time` (nanoseconds since 1970). A line without its newline waits
// in memory for the rest, at most BERTH_LIMIT_LOG_LINE bytes per stream.
bool berth_log_writer_add(struct berth_log_writer *writer, int stream, const void *data, size_t length, int64_t time,
			  GError **error);
// Writes what waits.
bool berth_log_writer_flush(struct berth_log_writer *writer, GError **error);
// What waits of a stream: the beginning of a line that is in no file yet. Borrowed until the next call.
const uint8_t *berth_log_writer_pending(const struct berth_log_writer *writer, int stream, size_t *ret_length);
// Waits until no rotated file is being compressed any more: a process of its own does that.
void berth_log_writer_settle(struct berth_log_writer *writer);
void berth_log_writer_free(struct berth_log_writer *writer); // flushes

struct berth_log_query {
	enum berth_log_format format;
	bool out, err;
	int64_t since, until; // nanoseconds since 1970; 0: unbounded
	int64_t tail; // the last N lines before `follow`; -1: all
	bool follow; // wait for more, across rotation, until berth_log_reader_stop() and all is read
	int64_t patience; // milliseconds without a record after which a follower hears BERTH_LOG_WAITING; 0: never, -1:
			  // at once, and is never made to wait
	bool tell_caught_up; // BERTH_LOG_CAUGHT_UP is wanted
};
struct berth_log_record {
	int stream;
	int64_t time;
	const char *text; // borrowed until the next call
	size_t length; // its newline included
	const char *attributes; // a JSON object as text, borrowed likewise; NULL: none
	size_t attributes_length;
};
enum berth_log_result {
	BERTH_LOG_FAILED = -1, // with *error
	BERTH_LOG_END, // all was read; with `follow`: and berth_log_reader_stop() was called
	BERTH_LOG_RECORD,
	BERTH_LOG_WAITING, // nothing came for a while; ask again
	BERTH_LOG_CAUGHT_UP, // all that there is was read: the next call may wait
};
struct berth_log_reader;
struct berth_log_reader *berth_log_reader_open(const char *path, const struct berth_log_query *query, GError **error);
// Returns an enum berth_log_result. Blocks with `follow`, by inotify. What is no record is skipped.
int berth_log_reader_next(struct berth_log_reader *reader, struct berth_log_record *ret, GError **error);
// The writer has ended (call it from any thread): a follower ends when it has read all that is there.
void berth_log_reader_stop(struct berth_log_reader *reader);
void berth_log_reader_free(struct berth_log_reader *reader);
// Removes the log and its rotated files. Missing is fine.
bool berth_log_remove(const char *path, GError **error);
