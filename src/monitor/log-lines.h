// SPDX-License-Identifier: Apache-2.0
// Output cut into lines, which are what every log driver takes. A line without its newline waits here for the rest; one
// of more than BERTH_LIMIT_LOG_LINE bytes comes in pieces that do not cut a character. Only the log's own files include
// this.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct berth_log_piece {
	int stream; // 1 stdout, 2 stderr
	int64_t time; // nanoseconds since 1970
	const char *text; // borrowed
	size_t length; // without the newline
	bool newline; // this ends the line
	unsigned ordinal; // of a line in several pieces, from 1; 0: the line is whole
	int64_t line; // of such a line: the same in all of its pieces
};
// Takes one piece. False ends the whole call.
typedef bool berth_log_piece_fn(void *data, const struct berth_log_piece *piece, GError **error);

struct berth_log_lines {
	GByteArray *pending[2]; // each stream's unfinished line
	unsigned ordinal[2]; // of the last piece of it that was given away
	int64_t line[2];
};
void berth_log_lines_init(struct berth_log_lines *lines);
void berth_log_lines_clear(struct berth_log_lines *lines);

// Gives every line that `data` completes to `each`. When that fails, what waits of the stream is dropped.
bool berth_log_lines_add(struct berth_log_lines *lines, int stream, const void *data, size_t length, int64_t time,
			 berth_log_piece_fn *each, void *user, GError **error);
// Gives what waits of both streams, without newline.
bool berth_log_lines_flush(struct berth_log_lines *lines, int64_t time, berth_log_piece_fn *each, void *user,
			   GError **error);
