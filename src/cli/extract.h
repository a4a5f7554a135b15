// SPDX-License-Identifier: Apache-2.0
// Unpacking an archive that comes from a container on the host. Nothing is made outside of the folder: names with ".."
// are refused, links in the archive or in the folder are not followed.
#pragma once

#include "base/tar-read.h"
#include "cli/copy-path.h"

struct berth_extract {
	int folder; // that the entries go to
	const struct berth_copy_plan *plan; // names that are replaced
	bool owners; // files get the owners that the archive says, by number, and their set-id bits; else the caller's
	const uint32_t *owner; // user and group of all; NULL: as above
};

bool berth_extract(struct berth_tar_reader *reader, const struct berth_extract *extract, GError **error);
