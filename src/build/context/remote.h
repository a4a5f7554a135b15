// SPDX-License-Identifier: Apache-2.0
// Sources on other machines.
#pragma once

#include "build/context/tree-internal.h"

// A URL or a git repository as a context, see berth_build_tree_open().
struct berth_build_tree *berth_build_remote_open(const char *remote, const struct berth_build_tree_options *options,
						 GBytes **ret_dockerfile, GError **error);

// The file behind an http or https URL: a tree with that one file, mode 0600, its time Last-Modified's. `checksum`
// ("sha256:…") may be NULL. *ret_name is what the URL's path calls it; the caller's.
struct berth_build_tree *berth_build_url_open(const char *url, const struct berth_build_tree_options *options,
					      const char *checksum, char **ret_name, GError **error);

// Whether a source is a git repository: git://…, git@…, ssh://…, https://….git, github.com/….
bool berth_build_is_git(const char *source);
// What a repository has at a commit. `checksum` is the beginning of a commit's digest that is expected; NULL: any.
struct berth_build_tree *berth_build_git_open(const char *source, const struct berth_build_tree_options *options,
					      const char *checksum, bool keep_git, GError **error);
