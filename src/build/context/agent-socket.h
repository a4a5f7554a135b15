// SPDX-License-Identifier: Apache-2.0
// A socket behind which an ssh agent of the caller of the build answers, for as long as it is there: each connection to
// it is passed on to one of the caller's. What may be asked is the caller's matter: berth lets names of keys and
// signatures through.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct berth_build_agent_options {
	int folder; // where the socket is made; it must outlive it
	uid_t uid; // whose it is
	gid_t gid;
	mode_t mode;
	const char *id; // of the agent
	// A connection to it, which is then ours. Asked without `wait`, and again for some seconds while there is none.
	int (*connect)(void *data, const char *id, bool wait, GError **error);
	void *data;
};

struct berth_build_agent_socket;
// *ret_name, borrowed, is the socket's in the folder. NULL on failure; whether the agent is there is not looked at.
struct berth_build_agent_socket *berth_build_agent_socket_new(const struct berth_build_agent_options *options,
							      const char **ret_name, GError **error);
void berth_build_agent_socket_free(void *socket); // and removes it
