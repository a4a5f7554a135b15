// SPDX-License-Identifier: Apache-2.0
// What a failed step left, kept for a look at it.
#include "build/solve/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"

#include <poll.h>

static const char *const shell[] = {"/bin/sh", NULL};

void berth_failed_step_free(void *data)
{
	struct berth_failed_step *failed = data;

	berth_snapshot_remove(berth_store_snapshots(failed->builder->store), failed->snapshot, NULL);
	berth_build_layer_unref(failed->builder, failed->below);
	g_strfreev(failed->environment);
	g_free(failed->folder);
	g_free(failed->user);
	g_free(failed->network);
	g_free(failed->snapshot);
	g_free(failed);
}

// Nobody came for it. `holding` is held.
static struct berth_failed_step *oldest(struct berth_builder *builder)
{
	struct berth_failed_step *found = NULL;
	GHashTableIter iter;
	gpointer failed;

	g_hash_table_iter_init(&iter, builder->failed);
	while (g_hash_table_iter_next(&iter, NULL, &failed))
		if (!found || ((struct berth_failed_step *) failed)->kept_at < found->kept_at)
			found = failed;
	return found;
}

bool berth_step_keep(struct berth_building_step *this, const char *snapshot)
{
	struct berth_building *building = this->building;
	const struct berth_plan_step *step = this->step;

	if (!building->request->keep_failed || step->kind != BERTH_PLAN_RUN || berth_building_canceled(building))
		return false;
	pthread_mutex_lock(&building->lock);
	bool first = !building->failed_step;
	if (first)
		building->failed_step = g_strdup(snapshot);
	pthread_mutex_unlock(&building->lock);
	if (!first)
		return false;
	struct berth_failed_step *failed = g_new0(struct berth_failed_step, 1);
	failed->builder = building->builder;
	failed->snapshot = g_strdup(snapshot);
	failed->below = berth_build_layer_ref(berth_building_layer_of(step->parent));
	failed->environment = g_strdupv((char **) step->environment);
	failed->folder = g_strdup(step->folder && *step->folder ? step->folder : "/");
	failed->user = g_strdup(step->user);
	failed->network = g_strdup(berth_step_network(this));
	failed->kept_at = g_get_monotonic_time();
	BERTH_AUTO_UNLOCK locker = berth_lock(&building->builder->holding);
	if (g_hash_table_size(building->builder->failed) >= BERTH_LIMIT_BUILD_FAILED)
		g_hash_table_remove(building->builder->failed, oldest(building->builder)->snapshot);
	g_hash_table_replace(building->builder->failed, failed->snapshot, failed);
	return true;
}

// Taken out: one shell at a time, and nobody removes it meanwhile.
static struct berth_failed_step *take(struct berth_builder *builder, const char *snapshot)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);
	struct berth_failed_step *failed = g_hash_table_lookup(builder->failed, snapshot);

	if (failed)
		g_hash_table_steal(builder->failed, snapshot);
	return failed;
}

bool berth_build_is_kept(struct berth_builder *builder, const char *failed_step)
{
	BERTH_AUTO_UNLOCK locker = berth_lock(&builder->holding);

	return g_hash_table_contains(builder->failed, failed_step);
}

// The monitor reads the socket, too; this only sees that the other side has closed it.
static bool is_gone(void *data)
{
	const struct berth_build_debug *debug = data;
	struct pollfd terminal = {.fd = debug->terminal, .events = POLLRDHUP};

	return poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool berth_build_debug(struct berth_builder *builder, const char *failed_step, const struct berth_build_debug *debug,
		       int *ret_exit_code, GError **error)
{
	struct berth_failed_step *failed = take(builder, failed_step);
	g_autoptr(api_host_config) limits = berth_document_new(&api_host_config_document);

	if (!failed)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "No such failed step: %s", failed_step);
	const struct berth_build_step wanted = {
		.snapshot = failed->snapshot,
		.arguments = debug->arguments && *debug->arguments ? debug->arguments : (char *const *) shell,
		.environment = failed->environment,
		.folder = failed->folder,
		.user = failed->user,
		.network = failed->network,
		.limits = limits,
		.output = debug->terminal,
		.errors = debug->terminal,
		.terminal = true,
	};
	if (debug->height > 0 && debug->width > 0)
		limits->console_size = json_pack("[i, i]", debug->height, debug->width);
	bool good = builder->host->run(builder->host->data, &wanted, is_gone, (void *) debug, ret_exit_code, error);
	berth_failed_step_free(failed);
	return good;
}

void berth_build_forget(struct berth_builder *builder, const char *failed_step)
{
	struct berth_failed_step *failed = take(builder, failed_step);

	if (failed)
		berth_failed_step_free(failed);
}
