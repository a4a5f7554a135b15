// SPDX-License-Identifier: Apache-2.0
// The builder's seam: a request with Dockerfile and context becomes an image, or files. What happens is told step by
// step. Any thread may call; a build runs on the caller's thread and on others of its own, and is over when the call
// returns.
#pragma once

#include "build/host.h"
#include "image/image.h"

struct berth_builder;

struct berth_builder_options {
	struct berth_store *store; // they outlive the builder
	struct berth_images *images;
	const struct berth_build_host *host;
	unsigned parallel; // steps that run at once; 0: as many as there are processors
};
// What an earlier builder left in <data root>/build/work is removed; cache mounts live in <data root>/build/mounts.
struct berth_builder *berth_builder_new(const struct berth_builder_options *options, GError **error);
void berth_builder_free(struct berth_builder *builder); // no build runs any more

// Where files come from. Exactly one of the first three is given.
struct berth_build_source {
	int tar; // a descriptor with an archive (plain or compressed) to be read to its end; -1: none
	bool listed; // `tar` is a listing of what the archive would have (context/claim.c); request->archive() has it
	GBytes *text; // a Dockerfile alone
	const char *remote; // a URL of an archive or a Dockerfile, or a git repository ("https://…/x.git#ref:folder")
	const char *name; // of a named context; NULL: the context
};

struct berth_build_secret {
	const char *id;
	GBytes *value; // never written to a disk, a log, a key or a record
};

// One way out: type "image" (the default), "local", "tar", "oci", "docker", "registry", "cacheonly".
struct berth_build_output {
	const char *type;
	GHashTable *attributes; // string to string: dest, name, push, compression, …
	int fd; // for tar, oci, docker and local (as a tar): where the bytes go; -1: none is needed
};

// Takes an archive, a descriptor to be read to its end.
typedef bool berth_build_archive_fn(void *data, int archive, GError **error);

struct berth_build_request {
	const char *id; // of this build; NULL: one is made up. For events and cancelling
	const struct berth_build_source *sources; // the context first
	size_t source_count;
	const char *dockerfile; // its path in the context; NULL: "Dockerfile"
	GBytes *dockerfile_text; // in place of that
	char *const *tags;
	const char *target; // NULL: the last stage
	GHashTable *arguments; // string to string; value NULL: named without one
	GHashTable *labels;
	char *const *platforms; // NULL: this machine's
	bool no_cache, pull, squash;
	char *const *no_cache_stages; // --no-cache-filter
	char *const *cache_from, *const *cache_to; // "type=…,…" or a name
	const struct berth_build_output *outputs;
	size_t output_count; // 0: an image
	const struct berth_build_secret *secrets;
	size_t secret_count;
	// A connected socket to the agent behind this id of --ssh, which the caller of it closes; NULL: there are none.
	// `wait`: for one that is to come yet.
	int (*agent)(void *data, const char *id, bool wait, GError **error);
	// Calls `use` with the archive of a context that is listed (`name` as its source has it); once for each.
	bool (*archive)(void *data, const char *name, berth_build_archive_fn *use, void *use_data, GError **error);
	// What the caller knows of the keys of a host ("host", "[host]:port"), as lines of known_hosts(5), to be freed;
	// NULL: nothing is to be asked.
	char *(*known_hosts)(void *data, const char *host, GError **error);
	const char *network; // of RUN, where the Dockerfile says nothing; NULL: default
	const struct api_host_config *limits; // of RUN: memory, cpu, shm_size, ulimits, extra_hosts, cgroup_parent,
					      // userns_mode
	bool allow_insecure, allow_host_network, allow_devices; // entitlements, --allow
	const char *provenance, *sbom; // "", "mode=max" …; NULL: none
	const char *call; // NULL: build; "check", "outline", "targets": only answer; ",format=json" behind it: as JSON
	bool keep_failed; // --debug-on-failure: a step that fails can be entered, see BERTH_BUILD_DEBUG
	GHashTable *credentials; // of registries: host to struct berth_credentials
	void *data; // of `agent`, `archive` and `known_hosts`
};

// What is told while it builds. `vertex` numbers the steps from 0 in the order of the plan; all that is borrowed lives
// for the call. Called from any thread, one call at a time.
enum berth_build_event_kind {
	BERTH_BUILD_INSTRUCTION, // of a stage that is built: text, stage, line; all of them before the plan; of no
				 // vertex
	BERTH_BUILD_PLANNED, // a step of the plan: name, stage, line; all of them before anything runs
	BERTH_BUILD_STARTED,
	BERTH_BUILD_LOG, // what it printed: stream 1 or 2, text of `length` bytes
	BERTH_BUILD_STATUS, // something moves within it: name, current and total bytes (total 0: not known)
	BERTH_BUILD_CACHED, // its result was known
	BERTH_BUILD_DONE,
	BERTH_BUILD_FAILED, // text: why
	BERTH_BUILD_CANCELED,
	BERTH_BUILD_WARNING, // of lint: name is the rule, text, line
	BERTH_BUILD_DEBUG, // the build has failed, text says why, and waits: name is the snapshot of the step that
			   // berth_build_debug() enters. When that is over, or nobody comes for a minute, it ends
};
struct berth_build_event {
	enum berth_build_event_kind kind;
	unsigned vertex;
	const char *name; // "[build 2/5] RUN make"
	const char *digest; // of the step, for clients that follow it: "sha256:…"
	const char *stage; // its stage's name or number; "" for what belongs to none
	const char *image; // of a step that ends: the id of what it made, if that is an image already; NULL
	unsigned position, positions; // 2 of 5
	const unsigned *inputs; // vertices it depends on
	size_t input_count;
	int line, last_line; // in the Dockerfile, from 1; 0: nowhere
	int stream;
	const char *text;
	size_t length;
	int64_t current, total;
	int64_t at; // nanoseconds since 1970
};
struct berth_build_listener {
	void (*event)(void *data, const struct berth_build_event *event);
	berth_canceled_fn *canceled; // the client is gone: what runs is killed, nothing is left. May be NULL
	void *data; // of both
};

struct berth_build_result {
	char *image; // id; NULL: none was asked for
	char *digest; // of its manifest or index
	char *answer; // of `call`: text for people, or JSON
	char *metadata; // JSON: what --metadata-file shows
};
void berth_build_result_clear(struct berth_build_result *result);

// Errors are of kind INVALID (Dockerfile, context, request: the text has file, line and excerpt where there is one),
// NOT_FOUND, CANCELED, FORBIDDEN (an entitlement is missing), UNAVAILABLE (registry, host), RESOURCE_EXHAUSTED; a step
// that fails is INVALID: "process "/bin/sh -c false" did not complete successfully: exit code: 1".
bool berth_build(struct berth_builder *builder, const struct berth_build_request *request,
		 const struct berth_build_listener *listener, struct berth_build_result *ret, GError **error);
// Runs a shell in what a failed step left (BERTH_BUILD_DEBUG), until it ends, the other side of `terminal` is gone or
// the build is canceled. It has what the step had: user, environment, network, limits, and its mounts anew, with
// secrets and agents.
struct berth_build_debug {
	char *const *arguments; // NULL: /bin/sh
	int terminal; // a stream socket: its stdin and stdout
	int height, width; // of it; 0: not known
};
bool berth_build_debug(struct berth_builder *builder, const char *failed_step, const struct berth_build_debug *debug,
		       int *ret_exit_code, GError **error);
bool berth_build_is_kept(struct berth_builder *builder, const char *failed_step); // and nobody has entered it
bool berth_build_resize(struct berth_builder *builder, const char *failed_step, unsigned height, unsigned width,
			GError **error);

// The cache. Elements: struct api_build_cache (spec/api-build.h).
GPtrArray *berth_builder_cache_list(struct berth_builder *builder, GError **error);
struct berth_build_prune {
	GHashTable *filters; // until, unused-for, id, parent, type, description, inuse, shared, private; may be NULL
	bool all; // internal and mounts, too
	// Bounds: the cache is made not larger than the second, and as small as is needed for the third, but never
	// smaller than the first (the first alone: as small as that). All 0: all goes.
	int64_t keep_bytes, max_used_bytes, min_free_bytes;
};

// What the engine's owner says: how the cache is kept small by itself, and what builds cannot be allowed.
struct berth_builder_policy {
	bool no_collection;
	// Each in its turn, until it holds; NULL: the usual ones, of the bounds below.
	const struct berth_build_prune *rules;
	size_t rule_count;
	int64_t reserved_bytes, max_used_bytes, min_free_bytes; // all 0: parts of the disk
	bool no_insecure, no_host_network, no_devices; // --allow of these is FORBIDDEN
};
// From now on, in place of what was (at first: collection by the usual rules, everything can be allowed). It is copied.
// The cache is collected in a thread of its own after this and after builds, not more often than once a minute; what a
// build uses stays.
void berth_builder_set_policy(struct berth_builder *builder, const struct berth_builder_policy *policy);

// Removes what is unused; *ret_ids a new array of what went, *ret_bytes what that freed.
bool berth_builder_prune(struct berth_builder *builder, const struct berth_build_prune *prune, char ***ret_ids,
			 int64_t *ret_bytes, GError **error);

// Cache mounts by their id, as the Dockerfile has it, in the namespace that builds were given (BUILDKIT_CACHE_MOUNT_NS;
// NULL: none). One that a build is using is BERTH_ERROR_CONFLICT.
// What is in it as a tar archive; NOT_FOUND if there is none. `write` false: nobody wants any more.
bool berth_builder_mount_export(struct berth_builder *builder, const char *id, const char *space,
				bool (*write)(void *data, const void *bytes, size_t length), void *data,
				GError **error);
// Makes it of an archive (plain or compressed), in place of what is there: whole or not at all.
bool berth_builder_mount_import(struct berth_builder *builder, const char *id, const char *space, int archive,
				GError **error);
