// SPDX-License-Identifier: Apache-2.0
// How lists show moments, sizes and long texts: as Docker does.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BERTH_SHORT_ID 12

// "Less than a second", "About a minute", "3 weeks". The caller frees it, as all below.
char *berth_age_format(int64_t seconds);
// The age of a Unix time and " ago".
char *berth_ago_format(int64_t unix_seconds, int64_t now_seconds);
// A Unix time in the local zone as Go prints it: "2026-01-02 03:04:05 +0000 UTC".
char *berth_local_format(int64_t unix_seconds);
// With four significant digits, in powers of 1000 ("72.81MB"), or of 1024 ("15.52GiB").
char *berth_size_format(int64_t bytes, bool binary);
// An id without its algorithm, cut to twelve digits unless `whole`; with `whole` as it is.
char *berth_id_format(const char *id, bool whole);
// At most `width` characters, the last of them "…" if something was cut.
char *berth_ellipsis(const char *text, unsigned width);
// What --since and --until take, as the API does: RFC 3339 in the local zone or with its own, with or without time, a
// Unix time, or a Go duration back from now. The result is "seconds.nanoseconds".
bool berth_since_parse(const char *text, int64_t now_nanoseconds, char **ret, GError **error);
