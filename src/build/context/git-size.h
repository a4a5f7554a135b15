// SPDX-License-Identifier: Apache-2.0
// What a git repository takes on the disk while it is fetched, which no limit of the kernel is about.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct berth_build_git_size {
	int64_t bytes, entries;
};
// Whether what lies in the folder is not more than that; INVALID says what is. A file with several names counts for
// each.
bool berth_build_git_measure(int folder, const struct berth_build_git_size *most, GError **error);
