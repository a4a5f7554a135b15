// SPDX-License-Identifier: Apache-2.0
// The flags of `build`, and the parameters of the request that they make.
#pragma once

#include "cli/command.h"

struct berth_build_options {
	char *file, *target, *platform, *network, *iidfile, *metadata_file, *progress, *call, *isolation,
		*cgroup_parent, *cpuset_cpus, *cpuset_mems, *provenance, *sbom, *builder, *userns;
	char **tags, **build_args, **contexts, **secrets, **ssh, **add_hosts, **labels, **ulimits, **outputs,
		**no_cache_filter, **cache_from, **cache_to, **attests, **allow, **annotations, **security_options;
	bool squash, push, load, quiet, no_cache, pull, check, debug_on_failure, rm, force_rm, compress, trust;
	int64_t shm_size, memory, memory_swap, cpu_shares, cpu_period, cpu_quota;
};

extern const struct berth_flag berth_build_flags[];

// Where a result goes: `-o`, --push and --load.
struct berth_build_sink {
	char *type;
	GHashTable *attributes; // without dest and tar, for those that come over the stream
	char *destination; // file or folder; "-": standard output; NULL: not here
	bool unpack; // into a folder
};
// A new GPtrArray of struct berth_build_sink, with its free function set.
GPtrArray *berth_build_sinks(const struct berth_build_options *options, GError **error);

// The folder of "type=local,KEY=FOLDER", the caller's; NULL: it is something else. `attributes` (may be NULL) gets what
// else is said.
char *berth_build_local_cache(const char *text, const char *key, GHashTable *attributes);

// Adds what all builds ask for. `sinks` as above; `proxies` ("HTTP_PROXY=…") become arguments that are not given.
bool berth_build_query(const struct berth_build_options *options, const GPtrArray *sinks, char *const *proxies,
		       GString *path, GError **error);
// Checks what needs no engine: values that this version refuses by name.
bool berth_build_check(const struct berth_build_options *options, GError **error);
