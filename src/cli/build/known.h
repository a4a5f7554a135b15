// SPDX-License-Identifier: Apache-2.0
// What files of a context came to when they were hashed last, so that only those that changed are read. It is kept in
// the user's cache folder (berth/contexts), a file for each context; when that is lost all is hashed again.
//
// A file is the same as long as device, inode, size and both times are: nobody can write to it, or change what else
// belongs to it, without a new time of change. One that was changed within the last seconds is not remembered: what is
// written to it in the same tick of the clock could not be told.
#pragma once

#include "cli/build/content-hash.h"

#include <sys/stat.h>

struct berth_build_known;

// Of the context that the open folder is. Always succeeds.
struct berth_build_known *berth_build_known_open(int folder);
// Keeps what was found and added since, unless that is what is kept already.
void berth_build_known_save(struct berth_build_known *known);
void berth_build_known_free(struct berth_build_known *known);

// Whether the regular file, which has no extended attributes then, is known.
bool berth_build_known_find(struct berth_build_known *known, const struct stat *status,
			    uint8_t ret[BERTH_CONTENT_HASH_SIZE]);
// `status` is what the file was before it was read.
void berth_build_known_add(struct berth_build_known *known, const struct stat *status,
			   const uint8_t hash[BERTH_CONTENT_HASH_SIZE]);
