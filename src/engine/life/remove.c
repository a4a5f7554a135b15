// SPDX-License-Identifier: Apache-2.0
// Removing, pruning and renaming. A container is gone for everybody when its record says so; what it leaves on disk is
// removed behind that, and its record last.
#include "engine/internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/moment.h"
#include "engine/network/networks.h"
#include "engine/plan/names.h"

#include <signal.h>
#include <string.h>

#define REMOVE_PATIENCE 30 // seconds in which a killed container must be gone

// Removes a claimed container that is not up.
static bool remove_claimed(struct berth_engine *engine, struct berth_engine_container *container, bool volumes,
			   GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *cgroup = berth_engine__cgroup_path(engine, container->record->host_config);

	struct berth_container_state *state = berth_engine__state_copy(engine, container);
	state->remove_volumes = volumes;
	if (!berth_engine__mark_removed(engine, container, state, events, error))
		return false;
	berth_engine__remains_clear_later(engine, container->id, cgroup, container->record->image);
	return true;
}

static bool wait_removed(struct berth_engine *engine, struct berth_engine_container *container, bool killed,
			 GError **error)
{
	int64_t deadline = g_get_monotonic_time() + REMOVE_PATIENCE * G_USEC_PER_SEC;
	bool in_time = true;

	pthread_mutex_lock(&engine->lock);
	while (!container->removed && !engine->closing && in_time)
		in_time = berth_engine__cond_wait(&container->changed, &engine->lock, deadline);
	bool removed = container->removed;
	pthread_mutex_unlock(&engine->lock);
	return removed ||
	       berth_error_set(error, BERTH_ERROR_INTERNAL,
			       "removing container %s: it %s and has not ended within %d s; it is "
			       "removed when it does",
			       container->id, killed ? "was killed" : "could not be signalled", REMOVE_PATIENCE);
}

// Kills a claimed container; its end removes it.
static bool kill_and_remove(struct berth_engine *engine, struct berth_engine_container *container, bool volumes,
			    bool *ret_killed, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *number = g_strdup_printf("%d", SIGKILL);
	GError *failure = NULL;
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, &failure);

	if (!monitor && !berth_engine__has_ended(failure)) {
		g_propagate_prefixed_error(error, failure,
					   "removing container %s: it cannot be killed: ", container->id);
		return false;
	}
	g_clear_error(&failure);
	container->remove_at_exit = true;
	container->remove_volumes = volumes;
	berth_engine__event_add(events, container, "kill", "signal", number, NULL);
	if (!berth_engine__tell(engine, events, error)) {
		container->remove_at_exit = container->remove_volumes = false;
		return false;
	}
	BERTH_FAILPOINT("container.remove.told");
	container->killed = true;
	// One that cannot be signalled has just ended.
	*ret_killed = monitor && berth_monitor_signal(monitor, SIGKILL, false, NULL);
	if (*ret_killed)
		berth_monitor_thaw(monitor, NULL);
	BERTH_FAILPOINT("container.remove.killed");
	return true;
}

bool berth_engine_container_remove(struct berth_engine *engine, const char *text, bool force, bool volumes,
				   GError **error)
{
	g_autoptr(berth_engine_container) container = berth_engine__claim(engine, text, error);
	bool done = false, wait = false, killed = false;
	int64_t began = g_get_monotonic_time();

	if (!container)
		return false;
	const char *status = container->record->state->status;
	if (!berth_engine__is_up(container) && (force || strcmp(status, BERTH_STATUS_RESTARTING) != 0))
		done = remove_claimed(engine, container, volumes, error);
	else if (force)
		done = wait = kill_and_remove(engine, container, volumes, &killed, error);
	else
		berth_error_set(error, BERTH_ERROR_CONFLICT,
				"cannot remove container \"/%s\": container is %s: stop the container before removing "
				"or force remove",
				container->record->name, status);
	pthread_mutex_unlock(&container->operation);
	if (!done || (wait && !wait_removed(engine, container, killed, error)))
		return false;
	berth_engine__count_action(engine, BERTH_ACTION_DELETE, began);
	return true;
}

// Prune

static bool prune_one(struct berth_engine *engine, struct berth_engine_container *container, int64_t *reclaimed,
		      GError **error)
{
	struct berth_usage usage = {0};
	bool removed = false;

	if (!berth_engine__claim_ref(engine, container))
		return false;
	if (!berth_engine__is_up(container) && !berth_engine__status_is(container, BERTH_STATUS_RESTARTING)) {
		berth_snapshot_usage(engine->snapshots, container->id, &usage, NULL);
		removed = remove_claimed(engine, container, false, error);
	}
	pthread_mutex_unlock(&container->operation);
	*reclaimed += removed ? usage.bytes : 0;
	return removed;
}

struct api_prune_report *berth_engine_container_prune(struct berth_engine *engine, GHashTable *filters, GError **error)
{
	static const char *const known[] = {"until", "label", "label!", NULL};
	g_autoptr(GStrvBuilder) deleted = g_strv_builder_new();
	int64_t until, reclaimed = 0;
	GError *failure = NULL;

	if (!berth_filters_check(filters, known, error) || !berth_engine__filter_until(filters, &until, error))
		return NULL;
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);
	for (guint i = 0; i < containers->len && !failure; i++) {
		struct berth_engine_container *container = containers->pdata[i];
		// what is looked at here never changes
		if (container->record->created < until &&
		    berth_engine__labels_pass(filters, container->record->config->labels) &&
		    prune_one(engine, container, &reclaimed, &failure))
			g_strv_builder_add(deleted, container->id);
	}
	if (failure || !berth_engine_tell_prune(engine, "container", reclaimed, &failure)) {
		g_propagate_error(error, failure);
		return NULL;
	}
	struct api_prune_report *report = berth_document_new(&api_prune_report_document);
	report->containers_deleted = g_strv_builder_end(deleted);
	report->space_reclaimed = reclaimed;
	return report;
}

// Rename

static bool rename_claimed(struct berth_engine *engine, struct berth_engine_container *container, const char *name,
			   GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *old_name = g_strconcat("/", container->record->name, NULL);
	struct berth_container_change change = {.name = name, .events = events};

	if (strcmp(container->record->name, name) == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Renaming a container with the same name as its current name");
	// The name is taken first, so that of two who want it one loses here.
	pthread_mutex_lock(&engine->lock);
	const struct berth_engine_container *other = g_hash_table_lookup(engine->by_name, name);
	g_autofree char *id = other ? g_strdup(other->id) : NULL;
	g_autofree char *reserved = g_strdup(name);
	if (!other)
		g_hash_table_insert(engine->by_name, reserved, container);
	pthread_mutex_unlock(&engine->lock);
	if (id)
		return berth_error_set(
			error, BERTH_ERROR_CONFLICT,
			"Error when allocating new name: Conflict. The container name \"/%s\" is already "
			"in use by container \"%s\". You have to remove (or rename) that container to be "
			"able to reuse that name.",
			name, id);
	berth_engine__event_add(events, container, "rename", "name", name, "oldName", old_name, NULL);
	bool renamed = berth_engine__change(engine, container, &change, error);
	if (!renamed) {
		pthread_mutex_lock(&engine->lock);
		g_hash_table_remove(engine->by_name, name);
		pthread_mutex_unlock(&engine->lock);
	} else {
		berth_engine__network_renamed(engine, container);
	}
	return renamed;
}

bool berth_engine_container_rename(struct berth_engine *engine, const char *text, const char *name, GError **error)
{
	if (!name || !*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "Neither old nor new names may be empty");
	name += name[0] == '/';
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	bool renamed =
		container && berth_container_name_check(name, error) && rename_claimed(engine, container, name, error);
	berth_engine__release(container);
	return renamed;
}
