// SPDX-License-Identifier: Apache-2.0
// The steps of a build, each as soon as what it needs is done: on the caller's thread, and on others as long as there
// is more to do at once than threads that do it.
#include "build/solve/building.h"

#include "base/error.h"
#include "build/solve/events.h"
#include "build/solve/step.h"

#define SETTLE_MICROSECONDS 5000000 // what a long build has finished is lasting after that

static struct berth_building_step *wrap(struct berth_building *building, const struct berth_plan *plan,
					struct berth_plan_step *step)
{
	struct berth_building_step *this = g_new0(struct berth_building_step, 1);

	this->building = building;
	this->plan = plan;
	this->step = step;
	this->vertex = building->vertices++;
	this->dependents = g_ptr_array_new();
	this->inputs = g_array_new(FALSE, FALSE, sizeof(unsigned));
	step->result = this;
	g_ptr_array_add(building->steps, this);
	return this;
}

static void depend(struct berth_building_step *this, const struct berth_plan_step *on)
{
	struct berth_building_step *other = on ? on->result : NULL;

	if (!other || g_ptr_array_find(other->dependents, this, NULL))
		return;
	g_ptr_array_add(other->dependents, this);
	g_array_append_val(this->inputs, other->vertex);
	this->waiting++;
}

static void link_step(struct berth_building_step *this)
{
	const struct berth_plan_step *step = this->step;
	g_autoptr(berth_build_key) digest = berth_build_key_new("vertex");

	depend(this, step->parent);
	depend(this, step->source.step);
	for (unsigned i = 0; i < step->mount_count; i++)
		depend(this, step->mounts[i].source.step);
	berth_build_key_add(digest, "name", step->name);
	for (guint i = 0; i < this->inputs->len; i++) {
		const struct berth_building_step *input =
			this->building->steps
				->pdata[g_array_index(this->inputs, unsigned, i) -
					((struct berth_building_step *) this->building->steps->pdata[0])->vertex];
		berth_build_key_add(digest, "input", input->digest);
	}
	this->digest = berth_build_key_end(digest);
}

static bool reads(const struct berth_plan_step *step, size_t context)
{
	bool found = step->source.context == (int) context;

	for (unsigned i = 0; i < step->mount_count && !found; i++)
		found = step->mounts[i].has_source && step->mounts[i].source.context == (int) context;
	return found;
}

static void count_readers(const struct berth_building_step *this, int change)
{
	const struct berth_building *building = this->building;

	for (size_t i = 0; i < building->request->source_count + 1; i++)
		if (reads(this->step, i))
			building->readers[i] += (unsigned) change;
}

static void wrap_all(struct berth_building *building)
{
	for (guint i = 0; i < building->plans->len; i++) {
		const struct berth_plan *plan = building->plans->pdata[i];
		for (guint k = 0; k < plan->steps->len; k++)
			wrap(building, plan, plan->steps->pdata[k]);
	}
	// A step may stand before one that it needs: stages are in the order of the file, their bases behind images.
	for (guint i = 0; i < building->steps->len; i++)
		link_step(building->steps->pdata[i]);
	for (guint i = 0; i < building->steps->len; i++)
		count_readers(building->steps->pdata[i], 1);
	building->left = building->steps->len;
	for (guint i = 0; i < building->steps->len; i++) {
		struct berth_building_step *this = building->steps->pdata[i];
		berth_building_plan_step(this);
		if (this->waiting == 0)
			g_queue_push_tail(&building->ready, this);
	}
}

static void fail(struct berth_building *building, GError *failure)
{
	if (building->failure)
		g_error_free(failure);
	else
		building->failure = failure;
	g_atomic_int_set(&building->stop, 1);
}

// The lock is held.
static void finish_step(struct berth_building_step *this)
{
	struct berth_building *building = this->building;

	building->left--;
	count_readers(this, -1);
	// What stands on it comes next: its snapshot is warm.
	for (guint i = this->dependents->len; i > 0; i--) {
		struct berth_building_step *dependent = this->dependents->pdata[i - 1];
		if (--dependent->waiting == 0)
			g_queue_push_head(&building->ready, dependent);
	}
}

static void settle_now_and_then(struct berth_building *building)
{
	int64_t now = g_get_monotonic_time();

	pthread_mutex_lock(&building->lock);
	bool due = now - building->settled_at > SETTLE_MICROSECONDS;
	if (due)
		building->settled_at = now;
	pthread_mutex_unlock(&building->lock);
	if (due)
		berth_builder_settle(building->builder, NULL); // in the end the build asks for its own layers
}

static void run(struct berth_building_step *this)
{
	struct berth_building *building = this->building;
	GError *failure = NULL;
	bool good = berth_building_step_run(this, &failure);

	if (good)
		settle_now_and_then(building);
	pthread_mutex_lock(&building->lock);
	if (good)
		finish_step(this);
	else
		fail(building, failure);
}

static void *work(void *data);

// The lock is held. One more thread if there is more to do than threads that wait for it.
static void recruit(struct berth_building *building)
{
	pthread_t thread;

	while (building->ready.length > building->idle && building->threads->len + 1 < building->builder->parallel) {
		if (pthread_create(&thread, NULL, work, building) != 0)
			return; // fewer do it, too
		g_ptr_array_add(building->threads, g_memdup2(&thread, sizeof thread));
		building->idle++;
	}
}

// The lock is held.
static void work_on(struct berth_building *building, bool counted)
{
	while (building->left > 0 && !(g_atomic_int_get(&building->stop) && building->running == 0)) {
		struct berth_building_step *next =
			g_atomic_int_get(&building->stop) ? NULL : g_queue_pop_head(&building->ready);
		if (!next) {
			if (!counted)
				building->idle++;
			counted = true;
			pthread_cond_wait(&building->changed, &building->lock);
			continue;
		}
		if (counted)
			building->idle--;
		counted = false;
		building->running++;
		recruit(building);
		pthread_mutex_unlock(&building->lock);
		run(next); // takes the lock
		building->running--;
		pthread_cond_broadcast(&building->changed);
	}
	if (counted)
		building->idle--;
	pthread_cond_broadcast(&building->changed);
}

static void *work(void *data)
{
	struct berth_building *building = data;

	pthread_mutex_lock(&building->lock);
	work_on(building, true);
	pthread_mutex_unlock(&building->lock);
	return NULL;
}

bool berth_building_execute(struct berth_building *building, GError **error)
{
	const struct berth_build_host *host = building->builder->host;

	wrap_all(building);
	building->shared = host->begin ? host->begin(host->data) : NULL;
	building->settled_at = g_get_monotonic_time();
	pthread_mutex_lock(&building->lock);
	work_on(building, false);
	pthread_mutex_unlock(&building->lock);
	for (guint i = 0; i < building->threads->len; i++)
		pthread_join(*(pthread_t *) building->threads->pdata[i], NULL);
	if (building->shared)
		host->end(host->data, building->shared);
	if (!building->failure)
		return true;
	g_propagate_error(error, g_steal_pointer(&building->failure));
	return false;
}
