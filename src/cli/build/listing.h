// SPDX-License-Identifier: Apache-2.0
// A context as a list of what is in it (build/context/claim.c has its form): what an engine needs to find a build in
// its cache, and a fiftieth of what an archive of small files takes.
#pragma once

#include "cli/build/ignore.h"

struct berth_build_listing {
	GByteArray *bytes;
	int64_t content; // bytes of all files
	int64_t entries;
};

// Lists what is in the folder, but for what is ignored. Files that have not changed since they were listed last are not
// read.
bool berth_build_listing_make(int folder, const struct berth_build_ignore *ignore, struct berth_build_listing *ret,
			      GError **error);
