// SPDX-License-Identifier: Apache-2.0
// Running git on what strangers say: as a user that owns nothing else, in namespaces that end with it, without the
// host's configuration, hooks or helpers, within limits.
#pragma once

#include "build/context/tree.h"

// For git over ssh, see git-ssh.h.
struct berth_build_git_ssh {
	int folder; // with what the command names
	const char *place; // where the command has it; not with id 0
	int passwd; // a file that is seen as /etc/passwd; -1: none
	char *command; // that git runs in place of ssh
};

struct berth_build_git_run {
	int folder; // where it works, and all that it may write
	const struct berth_build_tree_options *options; // canceled
	char *const *environment; // beside what this sets, NULL-terminated; may be NULL
	uint32_t id; // user and group; 0: the caller's
	const struct berth_build_git_ssh *ssh; // NULL: nothing is reached by ssh
};

// A number that belongs to nobody, to own a folder for git; 0 if the caller is not root.
uint32_t berth_build_git_id(void);
// The places at which git sees folders, the first and the second; NULL: this host has too few.
const char *berth_build_git_place(unsigned number);
// Runs "git <arguments>" (NULL-terminated). *ret_output (may be NULL): what it printed. A failure is INVALID with what
// git said of it; BERTH_ERROR_UNAVAILABLE: git is not installed.
bool berth_build_git_call(const struct berth_build_git_run *run, const char *const *arguments, char **ret_output,
			  GError **error);
