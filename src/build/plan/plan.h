// SPDX-License-Identifier: Apache-2.0
// What has to be done for a target: a graph of steps, with every variable put in and every configuration known. Making
// it reads images' configurations (and pulls images), but runs nothing.
//
// All memory is the plan's. One thread makes it; then any number may read it.
#pragma once

#include "build/build.h"
#include "build/dockerfile/dockerfile.h"

struct berth_plan;
struct berth_plan_stage;

enum berth_plan_kind {
	BERTH_PLAN_BASE, // an image, as it is
	BERTH_PLAN_RUN,
	BERTH_PLAN_COPY, // ADD, too
	BERTH_PLAN_WORKDIR, // makes the folder
	BERTH_PLAN_TREE, // a named context that is a stage's base
};

// Where files come from: a context, the state behind a step, or nothing at all (an empty root).
struct berth_plan_source {
	int context; // index into request->sources; -1: none
	struct berth_plan_step *step; // NULL with context -1: empty
};

struct berth_plan_mount {
	const struct berth_dockerfile_mount *mount;
	struct berth_plan_source source; // of bind and cache
	bool has_source;
};

struct berth_plan_step {
	enum berth_plan_kind kind;
	unsigned vertex; // index in plan->steps
	struct berth_plan_stage *stage; // NULL: of none (an image that is only copied from)
	struct berth_plan_step *parent; // whose state it changes; NULL: an empty root
	const struct berth_dockerfile_instruction *instruction; // expanded; NULL of BASE and TREE
	const char *name; // "[build 2/5] RUN make"
	const char *text; // "RUN make"
	unsigned position, positions;
	unsigned first_line, last_line;
	unsigned depth; // layers of the state behind it
	unsigned history; // index into its image's history of what tells of it
	bool no_cache;
	// BASE
	const char *image; // its id
	const GPtrArray *layers; // of struct berth_image_layer, lowest first
	// RUN
	const char *const *arguments, *const *environment; // environment: with arguments of the build
	const char *script, *script_name; // content and name of a file that is run, /dev/pipes/NAME; NULL: none
	struct berth_plan_mount *mounts;
	unsigned mount_count;
	// RUN, COPY, WORKDIR
	const char *folder, *user; // as they are before it
	const char *target; // of WORKDIR: the folder, absolute and clean
	// COPY
	struct berth_plan_source source;
	void *result; // the solver's
};

struct berth_plan_stage {
	unsigned index;
	const struct berth_dockerfile_stage *source;
	const char *name; // "build", "stage-1", or "" where there is one without a name
	struct berth_plan_step *last; // its state; NULL: an empty root
	struct oci_image *image; // its configuration
	const char *platform; // "linux/amd64"
	bool planned, planning; // planned: what is above is there
	bool cmd_set; // by this stage: ENTRYPOINT leaves it
	bool no_cache;
	const GPtrArray *stack; // instructions still to come, the planner's
	GPtrArray *environment; // "K=V": ENV and ARG, as RUN sees them
	GPtrArray *declared; // names of ARG, in order
	GHashTable *defaults; // values of those, by name; NULL: none
	unsigned position, positions;
	GPtrArray *steps; // those of its own
};

// Pulls an image by the host and tells of it. Its id, the caller's.
typedef char *berth_plan_pull_fn(void *data, const char *name, const char *platform, GError **error);

struct berth_plan {
	const struct berth_build_request *request;
	const struct berth_dockerfile *file;
	struct berth_images *images;
	struct berth_lease *lease; // holds what the plan names
	const char *platform; // the target's
	bool several_platforms;
	GPtrArray *globals; // "K=V": arguments before FROM, and those of platforms
	struct berth_plan_stage *stages; // as many as in the file
	struct berth_plan_stage *target;
	GPtrArray *steps; // in the order of stages
	GPtrArray *places; // of struct berth_plan_step: images that are only copied from
	size_t made; // bytes that variables gave, with their copies
	int64_t epoch; // SOURCE_DATE_EPOCH, seconds; -1: none
	// Of memory: g_free, and what else is to be freed.
	GPtrArray *memory, *images_made, *layers_made, *files;
	berth_plan_pull_fn *pull;
	void *pull_data;
	GHashTable *pulled; // "name platform" to id: a build has one image of a name
};
typedef struct berth_plan berth_plan;

struct berth_plan_options {
	const struct berth_build_request *request;
	const struct berth_dockerfile *file;
	struct berth_images *images;
	struct berth_lease *lease;
	const char *platform; // of the target; NULL: this machine's
	berth_plan_pull_fn *pull;
	void *pull_data;
};
// Errors name the line: INVALID, NOT_FOUND (no such stage, no such image), what pulling says.
struct berth_plan *berth_plan_new(const struct berth_plan_options *options, GError **error);
void berth_plan_free(struct berth_plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_plan, berth_plan_free)

// SOURCE_DATE_EPOCH of a request, -1 if there is none.
bool berth_plan_epoch(const struct berth_build_request *request, int64_t *ret, GError **error);
