// SPDX-License-Identifier: Apache-2.0
// A tree of files as a tar archive, written while others may be changing the tree. Everything is opened beneath the
// descriptor of the folder that it lies in, and no link is followed: what is exchanged for a link in the middle is
// found to be one, and is copied as such or left out; what the archive says of a file is what was open when it was
// read. Only regular files and folders are opened. Entries are in the order of their names' bytes; sockets are left
// out. Depth, length of names and number of entries are bounded (base/limits.h).
#pragma once

#include "base/tar-header.h"

typedef bool berth_tar_write_fn(void *data, const void *bytes, size_t length); // false: nobody wants any more

enum berth_tar_pick {
	BERTH_TAR_TAKE,
	BERTH_TAR_LEAVE, // with all beneath it
	BERTH_TAR_LOOK, // a folder that is there only if something beneath it is taken
};

struct berth_tree_tar {
	berth_tar_write_fn *write;
	void *data; // of write and the functions below
	// What the archive calls the top. A folder "a" has the entries "a/", "a/x"; "" stands for "/": "/", "/x"; NULL
	// for a folder that is not listed itself: "x".
	const char *name;
	bool dot; // with `name` NULL the folder is listed, as "./"
	// The owner that the archive says, in place of the file's. NULL: as it is.
	bool (*owner)(void *data, uint32_t *uid, uint32_t *gid, GError **error);
	// Whether to go on into a folder that lies on another file system than the one above. NULL: never.
	bool (*enters)(void *data, int folder);
	// Chooses by the name that the archive would have; not asked about the top. NULL: all is taken.
	enum berth_tar_pick (*pick)(void *data, const char *name, bool folder);
	const char *reserved; // beginning of names in the top folder that are left out; NULL: none
	bool open_end; // more follows: the archive is not ended
	bool whole_seconds; // times without fraction, which needs no extended headers
	bool trusted; // extended attributes trusted.* are in it, too
};

// The extended attributes of an open file that the archive has: GBytes by name, NULL if there are none. What cannot be
// read is not there.
GHashTable *berth_tree_tar_xattrs(int fd, bool trusted);

// Writes what `name` in `folder` ("." is the folder) is, and all beneath it. Errors name what could not be read;
// CANCELED if write() said so.
bool berth_tree_tar_write(const struct berth_tree_tar *options, int folder, const char *name, GError **error);
