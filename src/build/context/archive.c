// SPDX-License-Identifier: Apache-2.0
// What ADD takes for an archive: whatever decompresses and begins with a tar's first entry, whatever it is called.
#include "build/context/copy-internal.h"

#include "base/fd.h"
#include "image/tar.h"

#include <unistd.h>

#define PROBE ((int64_t) 64 << 20) // uncompressed bytes in which the first entry must have come

bool berth_build_is_archive(int fd)
{
	struct berth_tar tar;
	struct archive_entry *entry;
	bool is = berth_tar_open(&tar, berth_source_of_fd(fd), PROBE, false, NULL) &&
		  berth_tar_next(&tar, &entry, NULL) > 0;

	berth_tar_close(&tar);
	return is && lseek(fd, 0, SEEK_SET) == 0;
}
