// SPDX-License-Identifier: Apache-2.0
// Trees of files that a build reads: contexts (an archive, a URL, a git repository), stages and images. A context is
// unpacked into a private folder, where nobody but this build writes, and what is in each file is hashed as it comes
// in. All paths are resolved beneath the tree's folder, links included. What is in a context belongs to root, whoever
// it belonged to where it came from.
//
// Any thread may use a tree, several at once.
#pragma once

#include "build/build.h"

struct berth_build_tree;

// How git reaches hosts by ssh.
struct berth_build_ssh {
	// A connection to the agent that the caller of the build lends, which the caller of it closes; NULL: it lends
	// none.
	int (*agent)(void *data, const char *id, bool wait, GError **error);
	// Lines of known_hosts(5) about a host ("host", "[host]:port"), to be freed; NULL on failure. May be NULL.
	char *(*known_hosts)(void *data, const char *host, GError **error);
	void *data; // of both
};

struct berth_build_tree_options {
	int work; // folder for it, the build's own
	const char *dockerfile; // not NULL: path of the Dockerfile, which names the .dockerignore that applies; it can
				// be read by this path even if it is left out
	bool ignore; // .dockerignore applies (it was not applied by the client); to remote sources it always does.
		     // Without it only itself and the Dockerfile go, if it names them: clients send these all the same
	bool keep_git; // .git stays
	struct berth_build_ssh ssh;
	int64_t git_bytes; // that a git repository may take on the disk; 0: BERTH_LIMIT_GIT_BYTES
	GHashTable *credentials; // of git and HTTP: name of a secret to GBytes ("GIT_AUTH_TOKEN", …); may be NULL
	void (*progress)(void *data, const char *what, int64_t current, int64_t total); // may be NULL
	berth_canceled_fn *canceled; // may be NULL
	void *data; // of both
};

// Brings a source in. *ret_dockerfile (may be NULL): the Dockerfile's bytes, if the source is nothing but one.
struct berth_build_tree *berth_build_tree_open(const struct berth_build_source *source,
					       const struct berth_build_tree_options *options, GBytes **ret_dockerfile,
					       GError **error);
// Of files that are there: a mounted snapshot. `folder` is taken.
struct berth_build_tree *berth_build_tree_of(int folder);
struct berth_build_tree *berth_build_tree_empty(void);
// Of a context that is only listed (claim.c): it has digests, and nothing that could be opened. The descriptor is of a
// file that nobody writes to any more.
struct berth_build_tree *berth_build_tree_claimed(int listing, GError **error);
bool berth_build_tree_is_claimed(const struct berth_build_tree *tree);
struct berth_build_tree *berth_build_tree_ref(struct berth_build_tree *tree);
void berth_build_tree_unref(struct berth_build_tree *tree); // the last removes its folder
typedef struct berth_build_tree berth_build_tree;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_build_tree, berth_build_tree_unref)

int berth_build_tree_folder(const struct berth_build_tree *tree); // a descriptor; borrowed
// The commit of a git repository, for records; NULL: it is none.
const char *berth_build_tree_commit(const struct berth_build_tree *tree);
// A small file's bytes; BERTH_ERROR_NOT_FOUND names the path. `limit` in bytes.
GBytes *berth_build_tree_read(struct berth_build_tree *tree, const char *path, size_t limit, GError **error);
// What is at `path` (a folder: with all beneath it) as a digest of names, kinds, modes, owners, links, extended
// attributes and contents; never of times. For the cache's keys, also of mounts.
char *berth_build_tree_digest(struct berth_build_tree *tree, const char *path, GError **error);
// For mounting it: a descriptor of what is at `path`, resolved beneath the tree. Nothing may be written there: files of
// a context become files of layers, without being copied.
int berth_build_tree_open_path(struct berth_build_tree *tree, const char *path, GError **error);
