// SPDX-License-Identifier: Apache-2.0
// Rotated log files as gzip, by zlib (Debian has no static ISA-L for the monitor). The file's header carries, as an
// extra field, the inode that the log had before: a reader that still holds the log open finds by it where in the chain
// of rotated files it stands.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// Compresses all of `from` (from offset 0) to `to`.
bool berth_log_gzip(int from, int to, ino_t inode, GError **error);

// The inode from the header of a file that berth_log_gzip() wrote; 0 for any other.
ino_t berth_log_gzip_inode(int fd);

// Reads a gzip file from the descriptor's position on. The descriptor is borrowed.
struct berth_gunzip;
struct berth_gunzip *berth_gunzip_new(int fd);
// Returns the bytes read, 0 at the end, or -1 with *error.
ssize_t berth_gunzip_read(struct berth_gunzip *gunzip, void *data, size_t length, GError **error);
void berth_gunzip_free(struct berth_gunzip *gunzip);
