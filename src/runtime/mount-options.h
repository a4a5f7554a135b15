// SPDX-License-Identifier: Apache-2.0
// Mount options of the OCI specification ("Linux mount options") as attributes of a mount, propagation, and what is
// left for the file system.
#pragma once

#include "sys/mount.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct berth_mount_options {
	bool bind, recursive_bind, remount, copy_up;
	bool copy_link; // copy-symlink: a source that is a link is made again, and not mounted
	bool source_link, target_link; // src-nofollow, dest-nofollow: a link is mounted, or mounted upon
	bool idmap, idmap_recursive; // idmap, ridmap
	char *idmap_text; // crun's maps after "idmap="; NULL: none
	struct berth_mount_change own; // of this mount alone
	struct berth_mount_change deep; // of it and all beneath: rro, rnosuid, ...
	uint64_t propagation; // MS_*; 0: not said
	bool propagation_recursive;
	GPtrArray *data; // of char *, NULL-terminated: for the file system
};

// With `bind` (the mount's type is "bind") or the options bind or rbind nothing may be left for the file system: an
// unknown option is BERTH_ERROR_INVALID. `options` may be NULL.
bool berth_mount_options_parse(char *const *options, bool bind, struct berth_mount_options *ret, GError **error);
void berth_mount_options_clear(struct berth_mount_options *options);

// "rslave" -> MS_SLAVE and *ret_recursive; 0 if there is no such propagation.
uint64_t berth_mount_propagation(const char *name, bool *ret_recursive);
