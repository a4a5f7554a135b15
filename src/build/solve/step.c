// SPDX-License-Identifier: Apache-2.0
// One step: its result is looked for in the cache, else it is done.
#include "build/solve/step.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "build/solve/cache.h"
#include "build/solve/events.h"

#include <string.h>

#define SCRATCH "scratch" // the state that is an empty root

struct berth_build_layer *berth_building_layer_of(const struct berth_plan_step *step)
{
	const struct berth_building_step *this = step ? step->result : NULL;

	return this ? this->layer : NULL;
}

// What has to be known of a step before it is done.
struct doing {
	struct berth_building_step *step;
	struct berth_build_layer *below;
	struct berth_build_copied *copied;
	char *key, *alias; // alias NULL: it has none
	bool link; // the layer does not depend on what is below it
};

static void clear(struct doing *this)
{
	g_clear_pointer(&this->copied, berth_build_copied_free);
	g_clear_pointer(&this->key, g_free);
	g_clear_pointer(&this->alias, g_free);
}

static bool find_copied(struct doing *this, GError **error)
{
	struct berth_building_step *step = this->step;

	if (!berth_step_copy_find(step, &this->copied, error))
		return false;
	if (step->exact || !berth_build_copied_is_unsure(this->copied))
		return true;
	berth_build_copied_free(g_steal_pointer(&this->copied));
	step->exact = true;
	step->claimed = false;
	return berth_step_copy_find(step, &this->copied, error);
}

static bool add_step(struct doing *this, struct berth_build_key *key, GError **error)
{
	const struct berth_plan_step *step = this->step->step;

	switch (step->kind) {
	case BERTH_PLAN_RUN:
		return berth_step_run_key(this->step, key, error);
	case BERTH_PLAN_COPY:
	case BERTH_PLAN_TREE:
		if (!find_copied(this, error))
			return false;
		berth_step_copy_key(this->step, this->copied, key);
		return true;
	case BERTH_PLAN_WORKDIR:
		berth_build_key_add(key, "folder", step->target);
		berth_build_key_add(key, "user", step->user);
		return true;
	default:
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "an image is no step that is done");
	}
}

static bool find_key(struct doing *this, GError **error)
{
	static const char *const kinds[] = {"base", "run", "copy", "workdir", "tree"};
	const struct berth_plan_step *step = this->step->step;
	g_autoptr(berth_build_key) key = berth_build_key_new(kinds[step->kind]);
	int64_t epoch = this->step->plan->epoch;

	berth_build_key_add(key, "platform", step->stage->platform);
	if (!this->link)
		berth_build_key_add(key, "state", this->below ? this->below->chain_id : SCRATCH);
	if (epoch >= 0) {
		g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, epoch);
		berth_build_key_add(key, "epoch", text);
	}
	if (!add_step(this, key, error))
		return false;
	this->key = berth_build_key_end(key);
	return true;
}

static bool do_it(struct doing *this, const char *snapshot, GError **error)
{
	switch (this->step->step->kind) {
	case BERTH_PLAN_RUN:
		return berth_step_run(this->step, snapshot, error);
	case BERTH_PLAN_WORKDIR:
		return berth_step_folder(this->step, snapshot, error);
	default:
		return berth_step_copy(this->step, this->copied, snapshot, error);
	}
}

static bool execute(struct doing *this, GError **error)
{
	struct berth_building_step *step = this->step;
	struct berth_building *building = step->building;
	const struct berth_build_made_by by = {.key = this->key,
					       .parent_key = this->below ? this->below->key : NULL,
					       .description = step->step->text,
					       .alias = this->alias,
					       .epoch = step->plan->epoch};
	g_autofree char *snapshot = berth_build_layer_prepare(building->builder, this->below, error);

	if (!snapshot)
		return false;
	if (!do_it(this, snapshot, error)) {
		if (!berth_step_keep(step, snapshot))
			berth_snapshot_remove(berth_store_snapshots(building->builder->store), snapshot, NULL);
		return false;
	}
	BERTH_FAILPOINT("build.step.done");
	step->layer = berth_build_layer_finish(building, this->below, snapshot, &by, error);
	return step->layer != NULL;
}

static bool look_up(struct doing *this, GError **error)
{
	struct berth_building_step *step = this->step;
	struct berth_building *building = step->building;
	g_autoptr(GError) local = NULL;

	step->layer = berth_build_cache_find(building, this->below, this->key, &local);
	if (!step->layer && local) {
		g_propagate_error(error, g_steal_pointer(&local));
		return false;
	}
	if (step->layer) {
		BERTH_AUTO_UNLOCK locker = berth_lock(&building->lock);
		g_hash_table_insert(building->used, g_strdup(this->key), g_strdup(this->alias));
	}
	return true;
}

static bool import(struct doing *this, GError **error)
{
	g_autoptr(GError) local = NULL;

	// Other steps' records are found only where what is below them was found, too.
	if (this->link && this->below && this->step->building->imports &&
	    !berth_builder_settle(this->step->building->builder, error))
		return false;
	this->step->layer = berth_build_cache_import(this->step->building, this->below, this->key, &local);
	if (this->step->layer || !local)
		return true;
	g_propagate_error(error, g_steal_pointer(&local));
	return false;
}

// Looks, then waits for who does the same step now, then looks again. A step that is not found by what a client lists
// is not done under that key: nothing has come to it yet.
static bool obtain(struct doing *this, bool *ret_cached, GError **error)
{
	struct berth_building_step *step = this->step;
	struct berth_building *building = step->building;
	bool waited;

	*ret_cached = false;
	if (step->step->no_cache) // it would not take what another one makes
		return execute(this, error);
	*ret_cached = true;
	if (!look_up(this, error))
		return false;
	if (step->layer)
		return true;
	if (!berth_build_flight_begin(building, this->key, &waited, error))
		return false;
	// Who had it may have ended between our look and our turn: one more look, whether we waited or not.
	bool good = look_up(this, error);
	if (good && !step->layer)
		good = import(this, error);
	*ret_cached = step->layer != NULL;
	if (good && !step->layer && !step->claimed)
		good = execute(this, error);
	berth_build_flight_end(building->builder, this->key);
	return good;
}

// By what stands for its key.
static bool look_up_alias(struct doing *this, GError **error)
{
	struct berth_building_step *step = this->step;
	GError *failure = NULL;

	if (step->step->no_cache || !(this->alias = berth_step_copy_alias(step)))
		return true;
	this->key = berth_build_cache_alias(step->building, this->alias, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!this->key)
		return true;
	berth_build_cache_hold(step->building, this->key);
	bool good = look_up(this, error);
	g_clear_pointer(&this->key, g_free);
	return good;
}

static bool find_and_obtain(struct doing *this, bool *ret_cached, GError **error)
{
	*ret_cached = true;
	if (!look_up_alias(this, error))
		return false;
	if (this->step->layer)
		return true;
	if (!find_key(this, error))
		return false;
	berth_build_cache_hold(this->step->building, this->key);
	return obtain(this, ret_cached, error);
}

static bool run_step(struct berth_building_step *this, bool *ret_cached, GError **error)
{
	struct doing doing = {.step = this,
			      .below = berth_building_layer_of(this->step->parent),
			      .link = berth_step_is_link(this->step)};

	if (this->step->kind == BERTH_PLAN_BASE) {
		this->layer = berth_build_layers_of(this->step->layers);
		*ret_cached = true;
		return true;
	}
	this->exact = this->step->no_cache;
	bool good = find_and_obtain(&doing, ret_cached, error);
	if (good && !this->layer) {
		clear(&doing);
		this->exact = true;
		this->claimed = false;
		good = find_and_obtain(&doing, ret_cached, error);
	}
	clear(&doing);
	return good;
}

// Where in the Dockerfile it happened, as people look for it.
static void add_place(struct berth_building_step *this, GError **error)
{
	const struct berth_building *building = this->building;
	const struct berth_dockerfile_place place = {this->step->first_line, this->step->last_line, 0, 0};

	if (place.first_line == 0 || !error || !*error || (*error)->code == BERTH_ERROR_CANCELED)
		return;
	g_autofree char *excerpt = berth_dockerfile_excerpt(building->file->source, building->file->source_size,
							    building->dockerfile_name, &place);
	char *message = g_strconcat((*error)->message, "\n", excerpt, NULL);
	g_free((*error)->message);
	(*error)->message = message;
}

bool berth_building_step_run(struct berth_building_step *this, GError **error)
{
	bool cached = false;
	GError *failure = NULL;

	if (!berth_building_check(this->building, error)) {
		berth_building_tell_step(this, BERTH_BUILD_CANCELED, NULL);
		return false;
	}
	berth_building_tell_step(this, BERTH_BUILD_STARTED, NULL);
	if (run_step(this, &cached, &failure)) {
		if (cached)
			berth_building_tell_step(this, BERTH_BUILD_CACHED, NULL);
		berth_building_tell_step(this, BERTH_BUILD_DONE, NULL);
		return true;
	}
	if (failure->code == BERTH_ERROR_CANCELED)
		berth_building_tell_step(this, BERTH_BUILD_CANCELED, NULL);
	else
		berth_building_tell_step(this, BERTH_BUILD_FAILED, failure->message);
	add_place(this, &failure);
	g_propagate_error(error, failure);
	return false;
}
