// SPDX-License-Identifier: Apache-2.0
// A build while it runs: what its threads share, and its steps. Locks: see builder.h.
#pragma once

#include "build/output/cache.h"
#include "build/plan/plan.h"
#include "build/solve/builder.h"

struct berth_build_tree;
struct berth_build_tree_options;
struct berth_failed_step;

struct berth_building {
	struct berth_builder *builder;
	const struct berth_build_request *request;
	const struct berth_build_listener *listener;
	struct berth_build_listener orderly; // the same for outputs and imported caches, with `telling`
	char *id;
	struct berth_lease *lease;
	const char *dockerfile_name;
	GBytes *dockerfile_text;
	struct berth_dockerfile *file;
	GPtrArray *plans; // of struct berth_plan, one per platform
	GPtrArray *steps; // of struct berth_building_step, of all plans
	void *shared; // what those that run share (build/host.h)
	unsigned vertices; // told of so far
	struct berth_build_imports *imports; // what cache_from names; NULL: nothing
	int work; // its folder
	pthread_mutex_t opening; // of what follows
	struct berth_build_tree **trees; // by request->sources; NULL: not opened yet
	struct berth_build_tree **claims; // the same of those that are listed
	pthread_mutex_t telling;
	pthread_mutex_t lock; // of what follows
	pthread_cond_t changed;
	GQueue ready; // of struct berth_building_step
	GPtrArray *threads; // of pthread_t *
	GHashTable *used; // keys of the cache that were hit; values are their aliases, or NULL
	GPtrArray *held; // keys of its steps
	unsigned running, idle, left;
	unsigned *readers; // by request->sources: steps that read it and are not done
	GError *failure; // the first
	gint stop; // atomic: nothing new begins, and what runs is to end
	struct berth_failed_step *failed; // that was kept; NULL: none
	int64_t started; // nanoseconds since 1970
	int64_t settled_at; // monotonic, microseconds
};

struct berth_building_step {
	struct berth_building *building;
	const struct berth_plan *plan;
	struct berth_plan_step *step;
	unsigned vertex;
	char *digest; // of the vertex
	GPtrArray *dependents; // of struct berth_building_step
	GArray *inputs; // unsigned: their vertices
	unsigned waiting; // inputs that are not done
	bool exact; // files of contexts must be here; before, a listing will do
	bool claimed; // what is known of it rests on a listing
	struct berth_build_layer *layer; // what it came to; NULL of an image without layers
};

// execute.c: all steps of the building's plans; the first failure.
bool berth_building_execute(struct berth_building *building, GError **error);

// sources.c. Borrowed.
struct berth_build_tree *berth_building_tree(struct berth_building *building, int context, GError **error);
// The same for a step's key: as long as the step need not be `exact`, a listing will do.
struct berth_build_tree *berth_step_tree(struct berth_building_step *this, int context, GError **error);
// The caller unrefs it.
struct berth_build_tree *berth_building_source(struct berth_building *building, const struct berth_plan_source *source,
					       GError **error);
int berth_building_work(struct berth_building *building, GError **error); // its folder, borrowed
// All but `work`. *ret_secrets is what the options borrow.
void berth_building_tree_options(struct berth_building *building, struct berth_build_tree_options *ret,
				 GHashTable **ret_secrets);
bool berth_building_dockerfile(struct berth_building *building, GError **error);
void berth_building_sources_clear(struct berth_building *building);

// image.c: a plan's target; berth_build_made_clear() clears it.
void berth_building_made(struct berth_plan *plan, struct berth_build_made *ret);
void berth_build_made_clear(struct berth_build_made *made);
// Of struct berth_build_cache_entry: the records behind the build's steps. berth_building_entries_free() frees it.
GPtrArray *berth_building_entries(struct berth_building *building);
void berth_building_entries_free(GPtrArray *entries);

// ask.c: warnings, told of as events; and answers about the Dockerfile instead of a build.
bool berth_building_lint(struct berth_building *building, GError **error);
bool berth_building_answer(struct berth_building *building, char **ret_answer, GError **error);

// debug.c: offers a shell in the step that was kept, if one was, and waits for its end.
void berth_building_debug(struct berth_building *building, const GError *failure);
