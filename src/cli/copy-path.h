// SPDX-License-Identifier: Apache-2.0
// Paths of `cp`, by the rules of Docker's: what stands behind a path ("/", "/.") says that it has to be a folder, and
// that its content is meant.
#pragma once

#include <glib.h>
#include <stdbool.h>

// One side of a copy.
struct berth_copy_end {
	char *path; // absolute; "/." or "/" at its end is kept
	bool exists, folder;
	char *rebase; // the name that it is to have in the archive in place of its own; NULL: its own
};
void berth_copy_end_clear(struct berth_copy_end *end);

// "/a/b/." -> "/a/b" and "."; "/a/b/" -> "/a" and "b". All of the texts below are the caller's.
void berth_copy_split(const char *path, char **ret_folder, char **ret_base);
// Absolute and clean, with the end kept.
char *berth_copy_absolute(const char *path);
char *berth_copy_clean(const char *path);
// What is copied of a file of the host; with `follow` a link's target.
bool berth_copy_source(const char *path, bool follow, struct berth_copy_end *ret, GError **error);
// Where something is copied to on the host; a link leads to where it leads, and need not lead to anything.
bool berth_copy_destination(const char *path, struct berth_copy_end *ret, GError **error);
// `resolved` with the end of `path`, and the name that path gave it, if that is another (else NULL).
void berth_copy_rebase(const char *path, const char *resolved, char **ret_path, char **ret_rebase);

// Which folder an archive of `source` is unpacked into so that it becomes `destination`, and which name in it is
// replaced by which (both NULL: none).
struct berth_copy_plan {
	char *folder, *from, *to;
};
void berth_copy_plan_clear(struct berth_copy_plan *plan);
bool berth_copy_plan(const struct berth_copy_end *source, const struct berth_copy_end *destination,
		     struct berth_copy_plan *ret, GError **error);
// The name of an entry after that.
char *berth_copy_name(const struct berth_copy_plan *plan, const char *name);
