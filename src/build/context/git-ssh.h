// SPDX-License-Identifier: Apache-2.0
// Git over ssh: with the agent "default" that the build was lent and no other key, to hosts whose key is known, and to
// no others.
#pragma once

#include "build/context/git-run.h"

// Whether git reaches the repository ("ssh://…", "git@host:…") by ssh.
bool berth_build_git_is_ssh(const char *remote);
// What ssh calls its host in known_hosts(5): "host", "[host]:port". NULL: it has none that could be one.
char *berth_build_git_ssh_host(const char *remote);

// Makes a folder in options->work with the socket of the agent and what is known of the host, for runs as `id`. NULL
// on failure, also when no agent was lent.
struct berth_build_git_ssh *berth_build_git_ssh_new(const char *remote, uint32_t id,
						    const struct berth_build_tree_options *options, GError **error);
void berth_build_git_ssh_free(struct berth_build_git_ssh *ssh); // and removes it; NULL is fine
// What a failure of git comes from that ssh's words do not say how to mend.
void berth_build_git_ssh_explain(const struct berth_build_git_ssh *ssh, GError **error);
