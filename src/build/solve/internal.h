// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
//
// Locks, in the order in which they are taken: a build's `lock`, the builder's `naming`, the database's. `telling`,
// `flying`, `holding` and `opening` are held around nothing else of the builder, and so is the collector's.
#pragma once

#include "base/lock.h"
#include "build/context/copy.h"
#include "build/output/cache.h"
#include "build/plan/plan.h"
#include "image/images-internal.h"
#include "image/layer-archive.h"

struct berth_failed_step;

struct berth_builder {
	struct berth_store *store;
	struct berth_images *images;
	const struct berth_build_host *host;
	unsigned parallel;
	int work, mounts; // folders
	// Names of snapshots: a layer's snapshot gets its lasting name when it is settled. Held while one is used as a
	// parent.
	pthread_mutex_t naming;
	GPtrArray *pending; // of struct berth_build_layer, below before above: finished, not settled
	GHashTable *fresh; // key -> such a layer
	pthread_mutex_t flying;
	pthread_cond_t landed;
	GHashTable *flights; // keys of steps that run now
	pthread_mutex_t holding;
	pthread_cond_t released;
	GHashTable *failed; // snapshot -> struct berth_failed_step, borrowed: those that can be entered
	GHashTable *held; // name of a cache mount's folder -> how many use it
	GHashTable *using; // key of the cache -> how many running builds have a step of it
	pthread_mutex_t making; // a cache mount's folder
	struct berth_collector *collector;
};

// A layer on what is below it. The builds that use it share it.
struct berth_build_layer {
	gint references;
	struct berth_build_layer *below; // NULL: the lowest
	char *chain_id, *diff_id, *digest;
	int64_t size; // bytes of its files
	int64_t created; // nanoseconds since 1970
	char *key, *description, *parent_key; // of the cache; key NULL: of an image
	char *alias; // a name of the key; may be NULL
	// Under `naming`:
	char *snapshot; // its name now
	char *leftover; // a snapshot that is to go with the last who uses it
	struct berth_ingest *archive; // its blob, not visible yet
	bool settled;
};

struct berth_building {
	struct berth_builder *builder;
	const struct berth_build_request *request;
	const struct berth_build_listener *listener;
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

// events.c
void berth_building_tell(struct berth_building *building, struct berth_build_event *event);
void berth_building_tell_step(struct berth_building_step *this, enum berth_build_event_kind kind, const char *text);
void berth_building_plan_step(struct berth_building_step *this);
// A vertex that is no step of the plan ("exporting to image"); its number.
unsigned berth_building_begin(struct berth_building *building, const char *name);
void berth_building_end(struct berth_building *building, unsigned vertex, const GError *failure);
// The instructions of the plan's stages, also those that are no steps.
void berth_building_tell_instructions(struct berth_building *building, const struct berth_plan *plan);
bool berth_building_canceled(void *building);
bool berth_building_check(struct berth_building *building, GError **error); // CANCELED

// layer.c
struct berth_build_layer *berth_build_layer_ref(struct berth_build_layer *layer);
void berth_build_layer_unref(struct berth_builder *builder, struct berth_build_layer *layer); // NULL is fine
// Of an image: the topmost, with all below it. NULL if there is none.
struct berth_build_layer *berth_build_layers_of(const GPtrArray *layers);
// One that is there by its chain id.
struct berth_build_layer *berth_build_layer_new(struct berth_build_layer *below, const struct berth_image_layer *from);
// Makes a writable snapshot on it (NULL: on nothing). The caller frees its id.
char *berth_build_layer_prepare(struct berth_builder *builder, struct berth_build_layer *below, GError **error);
// Mounts it, read-only.
int berth_build_layer_mount(struct berth_builder *builder, struct berth_build_layer *layer, GError **error);
struct berth_build_made_by {
	const char *key, *parent_key, *description, *alias;
	int64_t epoch; // times are not later than that, in seconds; -1: as they are
};
// What is in writable snapshot `id` becomes a layer on `below`. On failure the snapshot is removed.
struct berth_build_layer *berth_build_layer_finish(struct berth_building *building, struct berth_build_layer *below,
						   const char *id, const struct berth_build_made_by *by,
						   GError **error);
// All that is finished, of all builds, becomes lasting: visible after a crash.
bool berth_builder_settle(struct berth_builder *builder, GError **error);
unsigned berth_build_layer_depth(const struct berth_build_layer *layer);

// key.c: digests of named values.
struct berth_build_key;
struct berth_build_key *berth_build_key_new(const char *kind);
void berth_build_key_add(struct berth_build_key *key, const char *name, const char *value); // NULL: nothing
void berth_build_key_list(struct berth_build_key *key, const char *name, const char *const *values);
char *berth_build_key_end(struct berth_build_key *key);
void berth_build_key_free(struct berth_build_key *key);
typedef struct berth_build_key berth_build_key;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_build_key, berth_build_key_free)

// cache.c
#define BERTH_RECORD_BUILD_CACHE "build-cache"
#define BERTH_BUILD_CACHE_TYPE "regular" // of steps' records
struct berth_cache_record {
	int64_t version;
	char *type, *description, *parent; // parent: its key
	char *digest, *diff_id, *chain_id;
	int64_t size, created, used, count; // used: nanoseconds since 1970, 0: never
};
extern const struct berth_document berth_cache_record_document;
BERTH_DOCUMENT_AUTOPTR(berth_cache_record, berth_cache_record_document)
// The layer under that key on `below`; NULL with no error: there is none.
struct berth_build_layer *berth_build_cache_find(struct berth_building *building, struct berth_build_layer *below,
						 const char *key, GError **error);
// The same of what cache_from names: what is found becomes a record of the own cache.
struct berth_build_layer *berth_build_cache_import(struct berth_building *building, struct berth_build_layer *below,
						   const char *key, GError **error);
bool berth_build_cache_put(struct berth_transaction *transaction, const struct berth_build_layer *layer,
			   GError **error);
// The key that has that alias, the caller's; NULL with no error: there is none.
char *berth_build_cache_alias(struct berth_building *building, const char *alias, GError **error);
// The build used these; counted once each.
bool berth_build_cache_used(struct berth_building *building, GError **error);
// A record that has this key, or gets it, is in use as long as the build runs.
void berth_build_cache_hold(struct berth_building *building, const char *key);
void berth_build_cache_release(struct berth_building *building);
bool berth_build_cache_is_held(struct berth_builder *builder, const char *key);

// cache-list.c: removes by each of the rules in turn, until `stopped` (may be NULL) says so.
bool berth_build_cache_apply(struct berth_builder *builder, const struct berth_build_prune *rules, size_t count,
			     const gint *stopped, char ***ret_ids, int64_t *ret_bytes, GError **error);

// collect.c
struct berth_collector *berth_collector_new(void);
void berth_collector_free(struct berth_collector *collector); // ends it
// The cache has grown: it is collected when its time comes.
void berth_builder_collect(struct berth_builder *builder);
// FORBIDDEN: what the policy does not let builds have.
bool berth_builder_check_allowed(struct berth_builder *builder, const struct berth_build_request *request,
				 GError **error);

// flight.c: one runs a step, others wait for it. False: canceled. *ret_waited: somebody else had it.
bool berth_build_flight_begin(struct berth_building *building, const char *key, bool *ret_waited, GError **error);
void berth_build_flight_end(struct berth_builder *builder, const char *key);

// execute.c: all steps of the building's plans; the first failure.
bool berth_building_execute(struct berth_building *building, GError **error);
// step.c: one of them; this->layer is set.
bool berth_building_step_run(struct berth_building_step *this, GError **error);
struct berth_build_layer *berth_building_layer_of(const struct berth_plan_step *step);

// step-run.c
bool berth_step_run_key(struct berth_building_step *this, struct berth_build_key *key, GError **error);
bool berth_step_run(struct berth_building_step *this, const char *snapshot, GError **error);
// The same with another process: `wanted` says which, and on what streams.
bool berth_step_enter(struct berth_building_step *this, struct berth_build_step *wanted, berth_canceled_fn *canceled,
		      void *data, int *ret_exit_code, GError **error);
const char *berth_step_network(const struct berth_building_step *this);

// step-copy.c. `copied` is found once, for the key and for the doing.
bool berth_step_copy_find(struct berth_building_step *this, struct berth_build_copied **ret, GError **error);
void berth_step_copy_key(struct berth_building_step *this, struct berth_build_copied *copied,
			 struct berth_build_key *key);
bool berth_step_copy(struct berth_building_step *this, struct berth_build_copied *copied, const char *snapshot,
		     GError **error);
// What stands for the key of a COPY from a stage or an image, made of the chain ids of both sides: layers that are the
// same have the same files, so that these need not be hashed again. NULL: it has none.
char *berth_step_copy_alias(struct berth_building_step *this);
bool berth_step_is_link(const struct berth_plan_step *step);

// step-folder.c: WORKDIR.
bool berth_step_folder(struct berth_building_step *this, const char *snapshot, GError **error);

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

// debug.c
// Takes the failed step's snapshot over, if the build wants it kept and none is yet.
bool berth_step_keep(struct berth_building_step *this, const char *snapshot);
// Offers a shell in the step that was kept, if one was, and waits for its end.
void berth_building_debug(struct berth_building *building, const GError *failure);
