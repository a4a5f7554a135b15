// SPDX-License-Identifier: Apache-2.0
// What RUN --mount asks for.
#pragma once

#include "build/context/agent-socket.h"
#include "build/solve/builder.h"
#include "build/solve/building.h"
#include "build/solve/key.h"

struct berth_step_mounts {
	struct berth_building_step *step;
	GArray *list; // of struct berth_build_mount
	GPtrArray *environment; // "K=V": of secrets and agents
	// What they stand on.
	GPtrArray *texts; // targets
	GArray *descriptors;
	GPtrArray *trees; // of struct berth_build_tree
	GArray *uses; // of struct berth_cache_mount_use
	GPtrArray *agents; // of struct berth_build_agent_socket
	GPtrArray *folders; // in the build's work folder, to be removed
};

// What of the mounts counts for the cache: what is asked for, and what is in bound files; no secret's value, nothing
// that is in a cache mount.
bool berth_step_mounts_key(struct berth_building_step *this, struct berth_build_key *key, GError **error);
bool berth_step_mounts_open(struct berth_step_mounts *this, GError **error);
void berth_step_mounts_close(struct berth_step_mounts *this); // whether opening succeeded or not

// cache-mount.c. A folder that a step holds as long as it runs, however many of its mounts are on it.
struct berth_cache_mount_use {
	char *name; // by its id
	enum berth_dockerfile_sharing sharing; // the strictest that is asked for
	char *held; // the folder's own name; NULL: not yet
};

bool berth_cache_mounts_want(const struct berth_building *building, GArray *uses, const char *id,
			     enum berth_dockerfile_sharing sharing, GError **error);
// Waits until all can be had at once: steps that want the same ones in another order do not wait for each other.
bool berth_cache_mounts_hold(struct berth_building *building, GArray *uses, GError **error);
// Of an id that is held. Its content in the beginning: `tree` at the mount's source (NULL: empty). -1 on failure.
int berth_cache_mount_open(struct berth_building *building, GArray *uses, const char *id,
			   const struct berth_dockerfile_mount *mount, struct berth_build_tree *tree, GError **error);
void berth_cache_mounts_release(struct berth_builder *builder, GArray *uses); // and frees them

// ssh.c. A socket in the work folder behind which the agent of the caller of the build is.
struct berth_build_agent_socket *berth_step_agent_new(struct berth_building *building, const char *id,
						      const struct berth_dockerfile_mount *mount, int *ret_fd,
						      GError **error);
