// SPDX-License-Identifier: Apache-2.0
// How a git repository is named as a source: "https://host/x.git#ref:folder", "git://…", "git@host:x.git#…",
// "ssh://…", "github.com/a/b"; in place of the fragment also "?ref=&branch=&tag=&commit=&checksum=&subdir=&
// keep-git-dir=&submodules=". Text from strangers: what could be an option of git, or leave the repository, is refused.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct berth_build_git {
	char *remote; // for git
	char *reference; // branch, tag or whole commit; NULL: HEAD
	char *folder; // clean and relative; NULL: all
	char *checksum; // beginning of the commit's digest; NULL: any
	int keep_git; // -1: not said
	bool submodules;
};

bool berth_build_git_is(const char *source);
bool berth_build_git_parse(const char *source, struct berth_build_git *ret, GError **error);
void berth_build_git_clear(struct berth_build_git *git);
// Whether it is the digest of a commit: 40 or 64 hexadecimal digits.
bool berth_build_git_is_commit(const char *reference);
