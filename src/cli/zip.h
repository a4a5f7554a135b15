// SPDX-License-Identifier: Apache-2.0
// Reads a small zip archive that is in memory: files, stored or deflated, and folders. What an entry's name means is
// the caller's matter.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BERTH_LIMIT_ZIP_ENTRIES 1000

enum berth_zip_kind {
	BERTH_ZIP_FILE,
	BERTH_ZIP_FOLDER, // its name ends with "/"
	BERTH_ZIP_OTHER, // a link, a device: without content
};

// One entry; all is valid for as long as the call. False with *error ends the reading.
typedef bool berth_zip_entry_fn(void *data, const char *name, enum berth_zip_kind kind, const char *bytes, size_t size,
				GError **error);

bool berth_zip_is(const char *archive, size_t length); // whether it begins as one
// Calls `entry` for each in the archive's own order; all of them together have not more than `limit` bytes of content.
// What is encrypted, compressed otherwise, broken or too large is BERTH_ERROR_INVALID.
bool berth_zip_read(const char *archive, size_t length, size_t limit, berth_zip_entry_fn *entry, void *data,
		    GError **error);
