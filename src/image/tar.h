// SPDX-License-Identifier: Apache-2.0
// Reading tar archives from strangers by libarchive: decompressed by a thread of its own, names as the bytes they are,
// what is damaged an error with its cause.
#pragma once

#include "image/layer-stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

struct berth_tar {
	struct archive *archive;
	struct berth_layer_stream *stream;
	GError *failure; // of reading, inside libarchive's callback
	locale_t locale, before;
};

// Opens the archive that `source` gives (see berth_layer_stream_new()). The calling thread has the C locale
// until berth_tar_close(), which is called in any case.
bool berth_tar_open(struct berth_tar *tar, struct berth_source source, int64_t limit, bool hashed, GError **error);
void berth_tar_close(struct berth_tar *tar);
// Returns 1 with the next entry, which stays libarchive's, 0 at the end, or -1.
int berth_tar_next(struct berth_tar *tar, struct archive_entry **ret, GError **error);
// After libarchive failed: the cause, as BERTH_ERROR_INVALID or what reading said. Always returns false.
bool berth_tar_failed(struct berth_tar *tar, GError **error);
// Reads to the end of the stream, see berth_layer_stream_finish().
bool berth_tar_finish(struct berth_tar *tar, char *digest, GError **error);

// A name as a clean relative path: "/a//./b/" gives "a/b", the root gives "". One with "..", or longer or deeper than
// the limits, is BERTH_ERROR_INVALID.
char *berth_tar_clean(const char *name, size_t max_length, size_t max_depth, GError **error);
// A name for messages, which are UTF-8 and short.
char *berth_tar_printable(const char *name);
