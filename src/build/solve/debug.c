// SPDX-License-Identifier: Apache-2.0
// A look at a step that failed. Its build is not over until that is: so its sources, secrets and agents are there yet,
// and nothing is left of what it kept.
#include "build/solve/building.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "build/solve/events.h"
#include "build/solve/step.h"

#include <poll.h>
#include <string.h>

#define LOOK_NANOSECONDS 100000000 // between two questions whether anybody waits for it yet

static const char *const shell[] = {"/bin/sh", NULL};

struct berth_failed_step {
	struct berth_building_step *step;
	char *snapshot;
	bool entered, over; // `holding` is held
};

bool berth_step_keep(struct berth_building_step *this, const char *snapshot)
{
	struct berth_building *building = this->building;

	if (!building->request->keep_failed || this->step->kind != BERTH_PLAN_RUN || berth_building_canceled(building))
		return false;
	BERTH_AUTO_UNLOCK locker = berth_lock(&building->lock);
	if (building->failed)
		return false;
	building->failed = g_new0(struct berth_failed_step, 1);
	building->failed->step = this;
	building->failed->snapshot = g_strdup(snapshot);
	return true;
}

static void tell(struct berth_building *building, const GError *failure)
{
	const struct berth_failed_step *failed = building->failed;
	struct berth_build_event event = {
		.kind = BERTH_BUILD_DEBUG,
		.vertex = failed->step->vertex,
		.name = failed->snapshot,
		.text = failure->message,
		.length = strlen(failure->message),
	};

	berth_building_tell(building, &event);
}

// Until whoever came has left, or nobody comes.
static void wait_for_end(struct berth_building *building)
{
	struct berth_builder *builder = building->builder;
	struct berth_failed_step *failed = building->failed;
	int64_t until = g_get_monotonic_time() + (int64_t) BERTH_LIMIT_BUILD_DEBUG_SECONDS * G_USEC_PER_SEC;

	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);
	while (!failed->over &&
	       (failed->entered || (!berth_building_canceled(building) && g_get_monotonic_time() < until)))
		berth_cond_wait_for(&builder->released, &builder->holding, LOOK_NANOSECONDS);
	g_hash_table_remove(builder->failed, failed->snapshot);
}

void berth_building_debug(struct berth_building *building, const GError *failure)
{
	struct berth_builder *builder = building->builder;
	struct berth_failed_step *failed = building->failed;

	if (!failed)
		return;
	// The others have ended; from now on it is canceled only if its caller says so.
	g_atomic_int_set(&building->stop, 0);
	if (!berth_building_canceled(building)) {
		pthread_mutex_lock(&builder->holding);
		g_hash_table_insert(builder->failed, failed->snapshot, failed);
		pthread_mutex_unlock(&builder->holding);
		tell(building, failure);
		wait_for_end(building);
	}
	berth_snapshot_remove(berth_store_snapshots(builder->store), failed->snapshot, NULL);
	g_free(failed->snapshot);
	g_free(failed);
	building->failed = NULL;
}

// One shell at a time.
static struct berth_failed_step *enter(struct berth_builder *builder, const char *snapshot)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);
	struct berth_failed_step *failed = g_hash_table_lookup(builder->failed, snapshot);

	if (!failed || failed->entered)
		return NULL;
	failed->entered = true;
	return failed;
}

static void leave(struct berth_builder *builder, struct berth_failed_step *failed)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);

	failed->over = true;
	pthread_cond_broadcast(&builder->released);
}

bool berth_build_is_kept(struct berth_builder *builder, const char *failed_step)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);
	const struct berth_failed_step *failed = g_hash_table_lookup(builder->failed, failed_step);

	return failed && !failed->entered;
}

struct looking {
	const struct berth_build_debug *debug;
	struct berth_building *building;
};

// The monitor reads the socket, too; this only sees that the other side has closed it.
static bool is_gone(void *data)
{
	const struct looking *this = data;
	struct pollfd terminal = {.fd = this->debug->terminal, .events = POLLRDHUP};

	return (poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLRDHUP | POLLHUP | POLLERR))) ||
	       berth_building_canceled(this->building);
}

bool berth_build_debug(struct berth_builder *builder, const char *failed_step, const struct berth_build_debug *debug,
		       int *ret_exit_code, GError **error)
{
	struct berth_failed_step *failed = enter(builder, failed_step);

	if (!failed)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such failed step: %s", failed_step);
	struct looking looking = {debug, failed->step->building};
	const struct api_host_config *given = looking.building->request->limits;
	g_autoptr(api_host_config) limits = given ? berth_document_copy(&api_host_config_document, given)
						  : berth_document_new(&api_host_config_document);
	if (debug->height > 0 && debug->width > 0) {
		json_decref(limits->console_size);
		limits->console_size = json_pack("[i, i]", debug->height, debug->width);
	}
	struct berth_build_step wanted = {
		.snapshot = failed->snapshot,
		.arguments = debug->arguments && *debug->arguments ? debug->arguments : (char *const *) shell,
		.limits = limits,
		.output = debug->terminal,
		.errors = debug->terminal,
		.terminal = true,
	};
	bool good = berth_step_enter(failed->step, &wanted, is_gone, &looking, ret_exit_code, error);
	leave(builder, failed);
	return good;
}

bool berth_build_resize(struct berth_builder *builder, const char *failed_step, unsigned height, unsigned width,
			GError **error)
{
	pthread_mutex_lock(&builder->holding);
	const struct berth_failed_step *failed = g_hash_table_lookup(builder->failed, failed_step);
	bool entered = failed && failed->entered;
	pthread_mutex_unlock(&builder->holding);
	if (!entered)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such failed step with a shell in it: %s",
				       failed_step);
	return builder->host->resize(builder->host->data, failed_step, height, width, error);
}
