// SPDX-License-Identifier: Apache-2.0
// COPY and ADD: which files are meant, what they are (for the cache's key), and bringing them into a step's root.
#pragma once

#include "build/context/tree.h"

struct berth_build_copy_source {
	const char *path; // as the Dockerfile has it, expanded: may have wildcards; or a URL, or a git repository
	GBytes *text; // of a heredoc, whose name `path` is; NULL: none
};

struct berth_build_copy {
	bool add; // URLs, git repositories and archives are what ADD makes of them
	struct berth_build_tree *tree; // where paths lead; borrowed
	bool last; // nothing else wants the tree's files: they may be moved, and then are not there any more
	bool from_context; // .dockerignore has been applied: messages say so
	const struct berth_build_copy_source *sources;
	size_t source_count;
	const char *destination; // as the Dockerfile has it, expanded
	const char *folder; // WORKDIR
	const char *chown, *chmod; // as given, expanded; NULL: as it is (in a context: root's)
	bool link, parents, keep_git_dir;
	int unpack; // -1: as the instruction has it by itself
	const char *checksum; // NULL: none
	char *const *excludes; // may be NULL
	int64_t epoch; // SOURCE_DATE_EPOCH, seconds; -1: none
	const struct berth_build_tree_options *options; // for URLs and repositories; work, progress, canceled
};

struct berth_build_copied;
// Finds what is meant, fetches what is distant. `root`: the step's root as it is before, by descriptor, for names of
// owners (-1: scratch). Errors as Docker has them: "failed to compute cache key: …: "/x": not found".
struct berth_build_copied *berth_build_copy_find(const struct berth_build_copy *copy, int root, GError **error);
void berth_build_copied_free(struct berth_build_copied *copied);
// What it will make, as a digest: sources, names, owners, modes; never times.
const char *berth_build_copied_digest(const struct berth_build_copied *copied);
// Whether it cannot be told from a claimed tree what it will make: ADD looks into files.
bool berth_build_copied_is_unsure(const struct berth_build_copied *copied);
// Makes it in `root`, a writable tree (an overlay's mount). Links in the destination are followed beneath `root` as a
// process in there would. `content`: the folder of the snapshot's own content, into which what is new is written
// directly, so that files of a context need not be copied; -1: there is none, all goes through `root`. With it `root`
// does not see all of what was made: it has to be mounted anew.
bool berth_build_copy_make(struct berth_build_copied *copied, int root, int content, GError **error);
// With `link`: into an empty tree, which becomes a layer of its own.
bool berth_build_copy_make_layer(struct berth_build_copied *copied, int content, GError **error);

typedef struct berth_build_copied berth_build_copied;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_build_copied, berth_build_copied_free)
