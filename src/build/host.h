// SPDX-License-Identifier: Apache-2.0
// What the builder asks of its host, which src/programs fills in: processes that run, and images from and to
// registries. So the builder knows neither engine nor monitor nor network.
//
// Any thread may call these, several at once.
#pragma once

#include "http/http.h"
#include "spec/api-store.h"
#include "spec/api.h"

// What is mounted into a step. What lies behind `tree` is seen as it is, its links are the step's.
struct berth_build_mount {
	const char *target; // absolute, no "..", in the step's root; made if it is missing
	int tree; // a descriptor of the folder or file that is bound there; -1: a tmpfs
	bool read_only;
	int64_t size; // of a tmpfs, bytes; 0: the kernel's default
	int64_t mode, uid, gid; // of a tmpfs's top; BERTH_UNSET: 01777, 0, 0
};

// A process that runs in a writable snapshot, as a container does that has this configuration: same namespaces,
// capabilities, seccomp profile, limits and names.
struct berth_build_step {
	const char *snapshot; // its id, 64 hex digits: the caller's, before and after
	char *const *arguments, *const *environment;
	const char *folder; // working directory, absolute; made if it is missing
	const char *user; // "name:group" or numbers, of the root's /etc/passwd; NULL or "": root
	const char *hostname; // NULL: buildkitsandbox, as Docker has it
	const char *network; // "default", "none", "host", or the name of a network
	char *const *devices; // of the Container Device Interface, by full name; may be NULL
	bool insecure; // privileged: asked for and allowed by the user
	const struct api_host_config *limits; // memory, cpu, shm_size, ulimits, extra_hosts, cgroup_parent, dns;
					      // borrowed
	const struct berth_build_mount *mounts;
	size_t mount_count;
	int output, errors; // where its stdout and stderr go, as they are; stdin is /dev/null
	int input; // stdin and a terminal for a shell (then output and errors are the same); -1: /dev/null
};

struct berth_build_transfer {
	const char *name, *platform; // platform NULL: this machine's
	GHashTable *credentials; // host to struct berth_credentials (distribution/registry.h); may be NULL
	void (*progress)(void *data, const struct api_progress *progress); // may be NULL
	berth_canceled_fn *canceled; // may be NULL
	void *data; // of both
};

struct berth_build_host {
	void *data;
	// Runs it to its end. *ret_exit_code 0-255; false: it did not run, or `canceled` (asked about every 50 ms, may
	// be NULL) said so and it was killed. Nothing of it is left then: no process, no mount, no network; and what
	// was made for its mounts in the snapshot (a mount point, /etc/hosts and its like) is gone, too.
	bool (*run)(void *data, const struct berth_build_step *step, berth_canceled_fn *canceled, void *canceled_data,
		    int *ret_exit_code, GError **error);
	bool (*pull)(void *data, const struct berth_build_transfer *transfer, GError **error);
	bool (*push)(void *data, const struct berth_build_transfer *transfer, GError **error);
};
