// SPDX-License-Identifier: Apache-2.0
// A process of a build, as the builder asks for it and the engine runs it. Nothing here is kept or sent.
#pragma once

#include "spec/api-config.h"

// What is mounted into a step. What lies behind it is seen as it is, its links are the step's.
struct berth_build_mount {
	const char *target; // absolute, no "..", in the step's root; made if it is missing
	int tree; // a descriptor of the folder or file that is bound there; -1: none. On kernels before Linux 6.15 one
		  // that lies within a detached mount has to be its root, and is used up
	GBytes *content; // a file that exists nowhere else (a secret), in memory; NULL: none. Neither: a tmpfs
	bool read_only;
	int64_t size; // of a tmpfs, bytes; 0: the kernel's default
	int64_t mode, uid, gid; // of a tmpfs's top, or of the file; BERTH_UNSET: 01777 or 0400, 0, 0
};

// A process that runs in a writable snapshot, as a container does that has this configuration: same namespaces,
// capabilities, seccomp profile, limits and names. All of it is borrowed.
struct berth_build_step {
	void *steps; // what it shares with other steps of its build (build/host.h); NULL: nothing
	const char *snapshot; // its id, 64 hex digits: the caller's, before and after
	char *const *arguments, *const *environment;
	const char *folder; // working directory, absolute; made if it is missing
	const char *user; // "name:group" or numbers, of the root's /etc/passwd; NULL or "": root
	const char *hostname; // NULL: buildkitsandbox, as Docker has it
	const char *network; // NULL or "default", "none", "host", or the name of a network
	char *const *devices; // of the Container Device Interface, by full name; may be NULL
	bool insecure; // privileged: asked for and allowed by the user
	const struct api_host_config *limits; // memory, cpu, shm_size, ulimits, extra_hosts, cgroup_parent, dns,
					      // userns_mode ("host", "auto…"); NULL
	const struct berth_build_mount *mounts;
	size_t mount_count;
	int output, errors; // stream sockets for its stdout and stderr; the same: both, in their order. They are shut
			    // down when all is written. -1: nobody is told
	bool terminal; // it has one, whose other end `output` is, in both directions; else stdin is /dev/null
};
