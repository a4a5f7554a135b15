// SPDX-License-Identifier: Apache-2.0
// The names of a log's files, and how they move on. Only the log's own files include this.
//
// <log> is written; <log>.1 is the newest that is not any more, <log>.1.gz the same compressed. Names change only under
// an exclusive flock on the file that <log> names; who wants to see them all at one moment takes a shared one.
#pragma once

#include "monitor/log.h"

#include <sys/stat.h>

// <log>.<index>, or .gz. The caller frees it.
char *berth_log_rotated_name(const char *path, int64_t index, bool gzip);

// Opens the log with a lock (LOCK_SH, LOCK_EX) on its names. Returns the descriptor, -1 with *error unset if there is
// no log.
int berth_log_open_locked(const char *path, int lock, struct stat *status, GError **error);

// Removes the rotated files from an index on.
bool berth_log_remove_rotated(const char *path, int64_t index, GError **error);

// Makes the log's content appear as index 1 and an empty file take its place. Returns its descriptor; -1 with *error on
// failure, and -1 without when a reader looks at the names just now. `fd` is the log; it is left as it is.
int berth_log_rotate(const char *path, int fd, int64_t max_file, GError **error);

// Compresses all rotated files that are not, oldest first, in a new process. Returns its pid, -1 with errno.
pid_t berth_log_compress_start(const char *path);
