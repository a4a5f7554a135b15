// SPDX-License-Identifier: Apache-2.0
// A build from its request to its result: read, plan, do, bring out. What its steps came to lasts, however it ends.
#include "build/solve/building.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/moment.h"
#include "build/solve/cache.h"
#include "build/solve/events.h"
#include "spec/api.h"

#include <string.h>

static void free_plan(void *plan)
{
	berth_plan_free(plan);
}

static void free_step(void *data)
{
	struct berth_building_step *this = data;

	berth_build_layer_unref(this->building->builder, this->layer);
	g_ptr_array_unref(this->dependents);
	g_array_unref(this->inputs);
	g_free(this->digest);
	g_free(this);
}

static void tell_orderly(void *data, const struct berth_build_event *event)
{
	struct berth_build_event told = *event;

	berth_building_tell(data, &told);
}

static bool begin(struct berth_building *building, GError **error)
{
	building->id = building->request->id ? g_strdup(building->request->id) : g_uuid_string_random();
	building->work = -1;
	building->orderly = (struct berth_build_listener){tell_orderly, berth_building_canceled, building};
	building->started = berth_moment_now();
	building->lease = berth_lease_new(building->builder->store);
	building->plans = g_ptr_array_new_with_free_func(free_plan);
	building->steps = g_ptr_array_new_with_free_func(free_step);
	building->trees = g_new0(struct berth_build_tree *, building->request->source_count + 1);
	building->claims = g_new0(struct berth_build_tree *, building->request->source_count + 1);
	building->readers = g_new0(unsigned, building->request->source_count + 1);
	building->threads = g_ptr_array_new_with_free_func(g_free);
	building->used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	building->held = g_ptr_array_new_with_free_func(g_free);
	pthread_mutex_init(&building->opening, NULL);
	pthread_mutex_init(&building->telling, NULL);
	pthread_mutex_init(&building->lock, NULL);
	pthread_cond_init(&building->changed, NULL);
	g_queue_init(&building->ready);
	if (strchr(building->id, '/') || g_str_equal(building->id, ".") || g_str_equal(building->id, "..") ||
	    !*building->id)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid id of a build: \"%s\"", building->id);
	return berth_building_work(building, error) >= 0;
}

static void end(struct berth_building *building)
{
	g_queue_clear(&building->ready);
	g_ptr_array_unref(building->steps);
	g_ptr_array_unref(building->plans);
	if (building->imports)
		berth_build_imports_free(building->imports);
	berth_building_sources_clear(building);
	g_free(building->readers);
	g_ptr_array_unref(building->threads);
	g_hash_table_unref(building->used);
	berth_build_cache_release(building);
	berth_dockerfile_free(building->file);
	if (building->dockerfile_text)
		g_bytes_unref(building->dockerfile_text);
	berth_lease_release(building->lease);
	pthread_cond_destroy(&building->changed);
	pthread_mutex_destroy(&building->lock);
	pthread_mutex_destroy(&building->telling);
	pthread_mutex_destroy(&building->opening);
	g_free(building->id);
}

// A pull is a vertex of its own, whose layers are told of as they come.
struct pulling {
	struct berth_building *building;
	unsigned vertex;
};

static void on_progress(void *data, const struct api_progress *progress)
{
	const struct pulling *this = data;
	const struct api_progress_detail *detail = progress->progress_detail;
	struct berth_build_event event = {.kind = BERTH_BUILD_STATUS, .vertex = this->vertex};

	if (!progress->id || !progress->status)
		return;
	g_autofree char *name = g_strconcat(progress->status, " ", progress->id, NULL);
	event.name = name;
	event.current = detail ? detail->current : 0;
	event.total = detail ? detail->total : 0;
	berth_building_tell(this->building, &event);
}

static bool is_canceled(void *data)
{
	return berth_building_canceled(((struct pulling *) data)->building);
}

static char *pull(void *data, const char *name, const char *platform, GError **error)
{
	struct pulling this = {data, 0};
	struct berth_building *building = data;
	const struct berth_build_host *host = building->builder->host;
	const struct berth_build_transfer transfer = {.name = name,
						      .platform = platform,
						      .credentials = building->request->credentials,
						      .progress = on_progress,
						      .canceled = is_canceled,
						      .data = &this};
	g_autofree char *shown = g_strconcat("[internal] pull ", name, NULL);
	GError *failure = NULL;

	this.vertex = berth_building_begin(building, shown);
	char *image = NULL;
	host->pull(host->data, &transfer, &image, &failure);
	berth_building_end(building, this.vertex, failure);
	if (failure)
		g_propagate_error(error, failure);
	return image;
}

static bool plan_one(struct berth_building *building, const char *platform, GError **error)
{
	const struct berth_plan_options options = {
		.request = building->request,
		.file = building->file,
		.images = building->builder->images,
		.lease = building->lease,
		.platform = platform,
		.pull = pull,
		.pull_data = building,
	};
	struct berth_plan *plan = berth_plan_new(&options, error);

	if (plan)
		g_ptr_array_add(building->plans, plan);
	return plan != NULL;
}

static bool plan_all(struct berth_building *building, GError **error)
{
	char *const *platforms = building->request->platforms;

	if (!platforms || !platforms[0])
		return plan_one(building, NULL, error);
	for (; *platforms; platforms++)
		if (!plan_one(building, *platforms, error))
			return false;
	return true;
}

static struct berth_build_out out_of(const struct berth_building *building)
{
	const struct berth_builder *builder = building->builder;

	return (struct berth_build_out){.store = builder->store,
					.images = builder->images,
					.host = builder->host,
					.request = building->request,
					.listener = &building->orderly,
					.lease = building->lease};
}

static struct berth_build_tree *open_context(void *data, const char *name, GError **error)
{
	struct berth_building *building = data;

	for (size_t i = 0; i < building->request->source_count; i++) {
		if (g_strcmp0(building->request->sources[i].name, name) != 0)
			continue;
		struct berth_build_tree *tree = berth_building_tree(building, (int) i, error);
		return tree ? berth_build_tree_ref(tree) : NULL;
	}
	berth_error_set(error, BERTH_ERROR_INVALID, "there is no context \"%s\" for the cache", name);
	return NULL;
}

static bool bring_out(struct berth_building *building, struct berth_build_result *ret, GError **error)
{
	struct berth_build_out out = out_of(building);
	guint count = building->plans->len;
	g_autofree struct berth_build_made *made = g_new0(struct berth_build_made, count);

	for (guint i = 0; i < count; i++) {
		berth_building_made(building->plans->pdata[i], &made[i]);
		made[i].started = building->started;
	}
	GPtrArray *entries = berth_building_entries(building);
	out.cache = entries;
	bool good = berth_build_output_write(&out, made, count, ret, error);
	berth_building_entries_free(entries);
	for (guint i = 0; i < count; i++)
		berth_build_made_clear(&made[i]);
	return good;
}

static bool check_request(const struct berth_build_request *request, GError **error)
{
	return request->call || berth_build_output_check(request, error);
}

// Others' settling takes this build's layers, too.
static bool settle(struct berth_building *building, GError **error)
{
	if (!berth_builder_settle(building->builder, error))
		return false;
	for (guint i = 0; i < building->steps->len; i++) {
		const struct berth_building_step *step = building->steps->pdata[i];
		if (!berth_build_layer_check(building->builder, step->layer, error))
			return false;
	}
	return true;
}

static bool build(struct berth_building *building, struct berth_build_result *ret, GError **error)
{
	const struct berth_build_out out = out_of(building);

	if (!check_request(building->request, error) ||
	    !berth_builder_check_allowed(building->builder, building->request, error) ||
	    !berth_building_dockerfile(building, error))
		return false;
	if (building->request->call)
		return berth_building_answer(building, &ret->answer, error);
	if (!berth_building_lint(building, error) || !plan_all(building, error))
		return false;
	if (building->request->cache_from && building->request->cache_from[0])
		building->imports = berth_build_imports_new(&out, open_context, building);
	berth_building_tell_instructions(building, building->plans->pdata[0]);
	GError *failure = NULL;
	bool good = berth_building_execute(building, &failure);
	if (!good) {
		berth_building_debug(building, failure);
		g_propagate_error(error, g_steal_pointer(&failure));
	}
	BERTH_FAILPOINT("build.executed");
	if (!settle(building, &failure) || !berth_build_cache_used(building, failure ? NULL : &failure)) {
		if (good)
			g_propagate_error(error, failure);
		else
			g_error_free(failure);
		return false;
	}
	BERTH_FAILPOINT("build.settled");
	if (!good)
		return false;
	unsigned vertex = berth_building_begin(building, "exporting to image");
	good = berth_building_check(building, &failure) && bring_out(building, ret, &failure);
	berth_building_end(building, vertex, failure);
	if (!good)
		g_propagate_error(error, failure);
	return good;
}

bool berth_build(struct berth_builder *builder, const struct berth_build_request *request,
		 const struct berth_build_listener *listener, struct berth_build_result *ret, GError **error)
{
	struct berth_building building = {.builder = builder, .request = request, .listener = listener};

	*ret = (struct berth_build_result){NULL};
	bool good = begin(&building, error) && build(&building, ret, error);
	end(&building);
	berth_builder_collect(builder);
	return good;
}

void berth_build_result_clear(struct berth_build_result *result)
{
	g_free(result->image);
	g_free(result->digest);
	g_free(result->answer);
	g_free(result->metadata);
	*result = (struct berth_build_result){NULL};
}
