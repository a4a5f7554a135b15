// SPDX-License-Identifier: Apache-2.0
// Records of the two formats of log files, as bytes. Only the log's own files include this.
#pragma once

#include "monitor/log-lines.h"
#include "monitor/log.h"

// What is written; grows as needed.
struct berth_log_buffer {
	char *data;
	size_t length, capacity;
};
// Returns where `room` bytes may be written; the caller adds to `length` what it has written.
char *berth_log_buffer_reserve(struct berth_log_buffer *buffer, size_t room);
void berth_log_buffer_append(struct berth_log_buffer *buffer, const void *data, size_t length);
void berth_log_buffer_clear(struct berth_log_buffer *buffer);

// json-file: one line {"log":…,"stream":…,"attrs":{…},"time":…}. What every record of a moment has behind its text is
// made once.
struct berth_log_suffix {
	int64_t time; // of what is there; -1: nothing is
	char *attributes; // a JSON object as text; NULL: none
	size_t length[2]; // without the newline within the text
	char *text[2]; // of each stream
};
void berth_log_suffix_clear(struct berth_log_suffix *suffix);
// Appends a record with its newline. What is no UTF-8 becomes \ufffd, byte by byte.
void berth_log_record_append(struct berth_log_buffer *out, struct berth_log_suffix *suffix,
			     const struct berth_log_piece *piece);
// Reads one line (without its newline; line[length] must be writable). The text is decoded in place, so *ret borrows
// from `line`. Keys may come in any order, unknown ones are skipped. False if it is no record.
bool berth_log_record_parse(char *line, size_t length, struct berth_log_record *ret);

// Formats a time as Docker does: RFC 3339 with the fraction's trailing zeros dropped. Holds BERTH_MOMENT_SIZE bytes.
void berth_log_time_format(int64_t nanoseconds, char *text);

// local: Docker's framing. A record is its length (four bytes, big-endian), a protobuf message LogEntry {1 source:
// string; 2 time_nano: int64; 3 line: bytes, without newline; 4 partial: bool; 5 metadata {1 last: bool; 2 id: string;
// 3 ordinal: int32}}, and its length again, so that a file can be read backwards.
#define BERTH_LOG_ENTRY_FRAME 4 // bytes before it, and after it
void berth_log_entry_append(struct berth_log_buffer *out, const struct berth_log_piece *piece);
// Reads one message (without its frame; entry[length] must be writable). False if it is none.
bool berth_log_entry_parse(char *entry, size_t length, struct berth_log_record *ret);
// The length in a frame; 0 if it is none that a log may have.
size_t berth_log_entry_length(const char *frame);
