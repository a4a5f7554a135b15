// SPDX-License-Identifier: Apache-2.0
// Descriptors: owned by auto-cleaned variables, O_CLOEXEC from birth, read and written whole and within limits.
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include <glib.h>

// A descriptor that is closed when its variable leaves scope: `berth_fd fd = open(…)`. Initialise it, to -1 if nothing.
#define berth_fd __attribute__((cleanup(berth_fd_clear))) int

// Closes *fd if it is one, keeps errno, and sets it to -1. close() is final even when it fails (EINTR included).
static inline void berth_fd_clear(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
		*fd = -1;
	}
}

// Hands ownership over: returns *fd and leaves -1 behind.
static inline int berth_fd_steal(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

// close_range(2); before Linux 5.9 the descriptors are looked up in /proc/self/fd. `flags` may be
// CLOSE_RANGE_CLOEXEC.
void berth_close_range(unsigned first, unsigned last, unsigned flags);

// Writes all of `data`; false with *error on failure. EINTR is retried. A blocking descriptor is expected.
bool berth_write_all(int fd, const void *data, size_t length, const char *what, GError **error);

// The same at an offset of a file.
bool berth_write_all_at(int fd, const void *data, size_t length, int64_t offset, const char *what, GError **error);

// Reads until `length` bytes or the end. Returns the count, or -1 with errno.
ssize_t berth_read_full(int fd, void *data, size_t length);

// Reads to the end of the descriptor, at most `limit` bytes (more is BERTH_ERROR_INVALID). The text is NUL-terminated
// beyond *ret_length (which may be NULL); the caller frees it. `what` names the file in messages.
char *berth_read_fd(int fd, size_t limit, size_t *ret_length, const char *what, GError **error);

// Opens the regular file `name` in a folder whose files others may be exchanging: a link is not followed, and what else
// it is by now (a device) is not opened. -1 with errno.
int berth_open_regular(int dir_fd, const char *name);
// Whether this errno of a file that was listed says that it is gone, or something else by now.
bool berth_is_gone(int errnum);

// The same for `name` beneath `dir_fd` (AT_FDCWD too). The file must be a regular one or of a kernel file system.
char *berth_read_file_at(int dir_fd, const char *name, size_t limit, size_t *ret_length, GError **error);

// Writes `name` beneath `dir_fd` so that readers see the old content or the new, never half: temporary file, rename.
// With `sync` the file is synced before and the folder after the rename.
bool berth_write_file_at(int dir_fd, const char *name, const void *data, size_t length, mode_t mode, bool sync,
			 GError **error);

// Opens a folder O_PATH|O_DIRECTORY|O_CLOEXEC, making it (mode) and its missing parents when `make`. -1 on failure.
int berth_open_folder(const char *path, bool make, mode_t mode, GError **error);

// Removes `name` beneath `dir_fd` and all beneath it, without following links or crossing mounts. Missing is success.
bool berth_remove_tree_at(int dir_fd, const char *name, GError **error);
// The same; what anything is mounted on, also in another mount namespace, is CONFLICT. (Outside of that namespace the
// kernel would let it be removed, and take the mount away.)
bool berth_remove_tree_strictly(int dir_fd, const char *name, GError **error);
