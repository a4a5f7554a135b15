// SPDX-License-Identifier: Apache-2.0
// Owner, mode, extended attributes and times of what is unpacked. A new file has many of them already as they should
// be; each that has is a system call less, of which a layer of many small files has little else.
#pragma once

#include "image/id-map.h"

#include <archive_entry.h>
#include <sys/stat.h>

// What a new file gets of itself in a folder that hands nothing down.
struct berth_unpack_defaults {
	uid_t uid;
	gid_t gid;
	mode_t umask;
};
struct berth_unpack_defaults berth_unpack_defaults_read(void);

// What a folder hands down to what is made in it.
struct berth_unpack_heritage {
	bool group; // it is set-group-id
	bool acl; // it has a default access control list
};
bool berth_unpack_heritage_read(int folder, struct berth_unpack_heritage *ret, GError **error);

struct berth_unpack_attributes {
	uid_t uid;
	gid_t gid;
	mode_t mode; // permissions
	struct timespec times[2];
	struct archive_entry *entry; // for extended attributes; borrowed
	mode_t made_with; // the mode to make it with
	bool new; // it is made by us, with `made_with`, in a folder that handed down `heritage`
	struct berth_unpack_heritage heritage;
	const struct berth_unpack_defaults *defaults;
};

// Reads what an entry asks for, and decides how to make it. `ids` may be NULL.
bool berth_unpack_attributes_read(struct archive_entry *entry, const struct berth_id_maps *ids,
				  const struct berth_unpack_defaults *defaults, struct berth_unpack_heritage heritage,
				  struct berth_unpack_attributes *ret, GError **error);
// Gives them to an open file; not its times if it is a folder, which more is put into.
bool berth_unpack_attributes_set(const struct berth_unpack_attributes *attributes, int fd, bool folder, GError **error);
// Gives them to what `name` is in `folder`, which is no regular file and no folder.
bool berth_unpack_attributes_set_special(const struct berth_unpack_attributes *attributes, int folder, const char *name,
					 GError **error);
