// SPDX-License-Identifier: Apache-2.0
// Reading tar archives, for programs that do without libarchive: ustar, pax, GNU's long names and big numbers. Sparse
// files of GNU's own kinds are refused. Everything is bounded (base/limits.h).
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct berth_tar_entry {
	char *name, *link; // bytes as they are; link may be NULL
	char type; // as in base/tar-header.h; '0' for all kinds of regular files
	mode_t mode; // permissions
	uint32_t uid, gid;
	int64_t size; // of the content
	struct timespec mtime;
	unsigned major, minor;
	GHashTable *xattrs; // GBytes by name, or NULL
};

struct berth_tar_reader;
// Up to `size` bytes of the archive, 0 at its end, -1 with *error.
typedef gssize berth_tar_read_fn(void *data, void *buffer, size_t size, GError **error);

struct berth_tar_reader *berth_tar_reader_new(berth_tar_read_fn *read, void *data);
void berth_tar_reader_free(struct berth_tar_reader *reader);
// The next entry, what is left of the last one's content is passed over; 1, 0 at the end, -1 with *error. *ret is the
// reader's, until the next call.
int berth_tar_reader_next(struct berth_tar_reader *reader, const struct berth_tar_entry **ret, GError **error);
// Content of the entry, 0 at its end.
gssize berth_tar_reader_content(struct berth_tar_reader *reader, void *buffer, size_t size, GError **error);
// Reads what stands behind the archive's end.
bool berth_tar_reader_drain(struct berth_tar_reader *reader, GError **error);

typedef struct berth_tar_reader berth_tar_reader;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_tar_reader, berth_tar_reader_free)
