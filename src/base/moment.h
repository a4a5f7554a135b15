// SPDX-License-Identifier: Apache-2.0
// Moments in time as the API, the logs and the records write them: RFC 3339 in UTC with nanoseconds.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BERTH_MOMENT_NEVER "0001-01-01T00:00:00Z" // how Docker's API writes "has not happened"
#define BERTH_MOMENT_SIZE 31 // of "2026-01-02T03:04:05.123456789Z" and its NUL

// Nanoseconds since 1970, now (CLOCK_REALTIME).
int64_t berth_moment_now(void);

// What is left until a moment, 0 if that is over: microseconds until `end` (g_get_monotonic_time()), nanoseconds until
// `end` (berth_moment_now()). Functions, since MAX(0, end - now()) asks for the time twice: what was positive at first
// may be negative then, which poll() takes for no end at all.
int64_t berth_monotonic_left(int64_t end);
int64_t berth_moment_left(int64_t end);

// Writes `nanoseconds` since 1970 as RFC 3339 with nine digits of fraction. `text` holds BERTH_MOMENT_SIZE bytes.
void berth_moment_format(int64_t nanoseconds, char *text);

// The same as a new string; 0 gives BERTH_MOMENT_NEVER.
char *berth_moment_string(int64_t nanoseconds);

// Reads RFC 3339 with or without fraction and with any offset, or a Unix time with or without fraction
// ("1700000000.5"). BERTH_ERROR_INVALID otherwise. BERTH_MOMENT_NEVER and the empty string give 0.
bool berth_moment_parse(const char *text, int64_t *ret_nanoseconds, GError **error);

// Reads a Go duration ("1h30m", "1.5s", "300ms") into nanoseconds.
bool berth_duration_parse(const char *text, int64_t *ret_nanoseconds, GError **error);
