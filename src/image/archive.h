// SPDX-License-Identifier: Apache-2.0
// An archive of images as it is read: small files are held in memory, the others become blobs at once, since their
// meaning is known only when all has been read. Files below blobs/sha256 must have the digest that they are named by.
#pragma once

#include "store/blob.h"

struct berth_image_archive;

// Reads the tar archive (also compressed) from where `fd` stands to its end. The caller holds a lease.
struct berth_image_archive *berth_image_archive_read(struct berth_blobs *blobs, int fd, GError **error);
void berth_image_archive_free(struct berth_image_archive *archive);
typedef struct berth_image_archive berth_image_archive;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_image_archive, berth_image_archive_free)

bool berth_image_archive_has(const struct berth_image_archive *archive, const char *path);
// The content of a small file; links inside the archive are followed. The caller frees it. A file that is missing or
// larger than BERTH_LIMIT_MANIFEST is BERTH_ERROR_INVALID.
char *berth_image_archive_text(struct berth_image_archive *archive, const char *path, size_t *ret_length,
			       GError **error);
// Makes a file a blob, if it is not one yet. Returns its digest, which the caller frees; *ret_size may be NULL.
char *berth_image_archive_blob(struct berth_image_archive *archive, const char *path, int64_t *ret_size,
			       GError **error);
