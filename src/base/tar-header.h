// SPDX-License-Identifier: Apache-2.0
// Headers of tar entries as we write them: ustar, and a pax header before it for what ustar cannot say.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct berth_tar_header {
	const char *name; // bytes; a folder's ends with "/"
	char type; // '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5' folder, '6' pipe
	mode_t mode;
	uint32_t uid, gid;
	int64_t size;
	struct timespec mtime;
	const char *link; // target, or NULL
	dev_t device;
	GHashTable *xattrs; // GBytes by name, or NULL
};

// Appends the header's blocks. What has no form in an archive is BERTH_ERROR_INVALID.
bool berth_tar_header_append(GByteArray *blocks, const struct berth_tar_header *header, GError **error);
