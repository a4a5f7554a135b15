// SPDX-License-Identifier: Apache-2.0
// The files of a log as a chain, oldest first, of which the last is the log itself. A file that is held open keeps its
// inode, and compressed files carry the inode they had, so a reader's place is found among names that move on
// meanwhile. Only the log's own files include this.
#pragma once

#include "monitor/log-gzip.h"
#include "monitor/log.h"

struct berth_log_file {
	int fd;
	ino_t inode; // the log's own when it was written
	struct berth_gunzip *gunzip; // of a compressed one
};
// An empty chain, which g_ptr_array_unref() frees with its files.
GPtrArray *berth_log_chain_new(void);

// Appends all files that are newer than the one of inode `after` (0: all there are). No log: nothing is appended.
// Files in which nothing was written at `since` (nanoseconds; 0: unbounded) or later are left out.
bool berth_log_chain_extend(GPtrArray *chain, const char *path, ino_t after, int64_t since, GError **error);

// Lets the chain begin where its last `lines` records do, but for *ret_skip that are to be left out.
bool berth_log_chain_seek(GPtrArray *chain, enum berth_log_format format, int64_t lines, int64_t *ret_skip,
			  GError **error);
