// SPDX-License-Identifier: Apache-2.0
// One line of a json-file log, as text. Only the log's own files include this.
#pragma once

#include "monitor/log.h"

// Appends {"log":…,"stream":…,"time":…} and a newline. What is no UTF-8 becomes \ufffd, byte by byte. `time` is text.
void berth_log_record_append(GString *out, int stream, const char *text, size_t length, const char *time);

// Formats a time as Docker does: RFC 3339 with the fraction's trailing zeros dropped. Holds BERTH_MOMENT_SIZE bytes.
void berth_log_time_format(int64_t nanoseconds, char *text);

// Reads one line (without its newline; line[length] must be writable). The text is decoded in place, so *ret borrows
// from `line`. Keys may come in any order, unknown ones are skipped. False if it is no record.
bool berth_log_record_parse(char *line, size_t length, struct berth_log_record *ret);
