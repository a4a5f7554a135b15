// SPDX-License-Identifier: Apache-2.0
// A folder of a step's root that something is copied into. It is looked at in two places at once: in the root, where
// all layers are seen, and in the snapshot's own content, where what is new is written. The root is a mount that does
// not hear of what is written beneath it, so what the content has goes first.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct berth_build_place {
	gatomicrefcount references;
	struct berth_build_place *up; // NULL: the top
	char *name; // in `up`
	int look; // the folder as the root has it; -1: only the content has it
	int write; // the folder in the content; -1: it is not there yet
	bool one; // there is no content beside the root: `write` is `look`
	bool group, acl; // what it hands down to what is made in it
	bool touched; // something was put into it: `times` are what it had before
	bool made; // by this copy
	struct timespec times[2];
};

// How folders are made that are missing.
struct berth_build_place_maker {
	uint32_t uid, gid;
	int64_t epoch; // their time; -1: now
};

// The top. `content` -1: the root itself is written. Both stay the caller's.
struct berth_build_place *berth_build_place_new(int root, int content, GError **error);
struct berth_build_place *berth_build_place_ref(struct berth_build_place *place);
// The last gives a folder that was there before its times again.
void berth_build_place_unref(struct berth_build_place *place);
// "/a/b"
char *berth_build_place_path(const struct berth_build_place *place);

// What `name` is there, no link followed. False: nothing, or *error.
bool berth_build_place_look(const struct berth_build_place *place, const char *name, struct stat *ret, GError **error);
// Makes the folder exist in the content, before something is put into it.
bool berth_build_place_touch(struct berth_build_place *place, GError **error);
// A folder that is there.
struct berth_build_place *berth_build_place_enter(struct berth_build_place *place, const char *name, GError **error);
// A new one; its owner, mode and time are the caller's to set.
struct berth_build_place *berth_build_place_make(struct berth_build_place *place, const char *name, GError **error);
// Removes what is in the way of a new file in the content, if anything is. What the root has there is hidden by what
// is made.
bool berth_build_place_clear(const struct berth_build_place *place, const char *name, GError **error);

// Goes along `path` from the top, through links as a process in the root would, and makes folders that are missing.
// With `whole` to its end, which is a folder; else up to its last component: *ret_name (the caller's) is that, and
// whatever `path` says, no link.
struct berth_build_place *berth_build_place_reach(struct berth_build_place *top, const char *path, bool whole,
						  const struct berth_build_place_maker *maker, char **ret_name,
						  GError **error);

typedef struct berth_build_place berth_build_place;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_build_place, berth_build_place_unref)
