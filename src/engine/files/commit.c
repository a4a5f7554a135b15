// SPDX-License-Identifier: Apache-2.0
// Making an image of a container. Its record says that it is frozen for that, so an engine that dies meanwhile is
// followed by one that lets it go on.
#include "engine/files/changes.h"
#include "engine/files/files.h"
#include "engine/internal.h"
#include "engine/plan/plan.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"

#include <string.h>

static struct oci_image_execution *to_image(const struct api_container_config *config, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_document_print(&api_container_config_document, config, 0);

	return berth_document_parse(&oci_image_execution_document, json, error);
}

// What was asked for, then the changes, then what the container has.
static struct oci_image_execution *make_config(const struct api_container_config *own,
					       const struct berth_engine_commit *commit, GError **error)
{
	g_autoptr(api_container_config) nothing = berth_document_new(&api_container_config_document);
	const struct api_container_config *wanted = commit->config ? commit->config : nothing;
	g_autoptr(oci_image_execution) changed = to_image(wanted, error), from = NULL;

	if (!changed)
		return NULL;
	for (char *const *change = commit->changes; change && *change; change++)
		if (!berth_image_change(changed, *change, error))
			return NULL;
	BERTH_AUTO_JSON json_t *json = berth_document_print(&oci_image_execution_document, changed, 0);
	g_autoptr(api_container_config) config = berth_document_parse(&api_container_config_document, json, error);
	if (!config || !(from = to_image(own, error)))
		return NULL;
	berth_plan_fill_config(config, from);
	g_autoptr(oci_image_execution) made = to_image(config, error);
	if (!made)
		return NULL;
	if (!made->healthcheck)
		made->healthcheck = berth_document_copy(&oci_healthcheck_document, from->healthcheck);
	if (!made->shell)
		made->shell = g_strdupv(changed->shell);
	return g_steal_pointer(&made);
}

static bool set_held(struct berth_engine *engine, struct berth_engine_container *container, bool held, GError **error)
{
	struct berth_container_change change = {.state = berth_engine__state_copy(engine, container)};

	change.state->held = held;
	return berth_engine__change(engine, container, &change, error);
}

static bool hold(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, error);

	if (!monitor || !set_held(engine, container, true, error))
		return false;
	BERTH_FAILPOINT("container.commit.held");
	GError *problem = NULL;
	bool frozen = berth_monitor_freeze(monitor, &problem);
	BERTH_FAILPOINT("container.commit.frozen");
	if (frozen)
		return true;
	set_held(engine, container, false, NULL);
	if (berth_engine__has_ended(problem)) { // then it changes nothing any more
		g_error_free(problem);
		return true;
	}
	g_propagate_error(error, problem);
	return false;
}

static void let_go(struct berth_engine *engine, struct berth_engine_container *container)
{
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, NULL);
	g_autoptr(GError) error = NULL;

	if (monitor && !berth_monitor_thaw(monitor, &error) && !berth_engine__has_ended(error))
		g_warning("container %s: letting it go on: %s", container->id, error->message);
	BERTH_FAILPOINT("container.commit.thawed");
	set_held(engine, container, false, NULL);
}

static char *write_image(struct berth_engine *engine, const struct berth_engine_container *container,
			 const struct berth_engine_commit *commit, GError **error)
{
	const struct berth_container_record *record = container->record;
	g_autofree char *command = record->config->cmd ? g_strjoinv(" ", record->config->cmd) : NULL;
	g_autoptr(oci_image_execution) config = make_config(record->config, commit, error);
	struct berth_snapshot_trees trees;

	if (!config || !berth_snapshot_trees_open(engine->snapshots, container->id, &trees, error))
		return NULL;
	trees.skips = berth_engine__is_own_file;
	const struct berth_image_commit image = {
		.base = record->image,
		.name = commit->name,
		.author = commit->author,
		.comment = commit->comment,
		.created_by = command,
		.config = config,
		.trees = &trees,
	};
	char *id = berth_images_commit(engine->images, &image, error);
	berth_snapshot_trees_clear(&trees);
	return id;
}

static bool tell(struct berth_engine *engine, const struct berth_engine_container *container, const char *id,
		 const struct berth_engine_commit *commit, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autofree char *name = commit->name ? berth_image_familiar(commit->name) : g_strdup("");

	berth_engine__event_add(events, container, "commit", "comment", commit->comment ? commit->comment : "",
				"imageID", id, "imageRef", name, NULL);
	return berth_engine__tell(engine, events, error);
}

char *berth_engine_container_commit(struct berth_engine *engine, const char *text,
				    const struct berth_engine_commit *commit, GError **error)
{
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	int64_t began = g_get_monotonic_time();
	char *id = NULL;

	if (!container)
		return NULL;
	bool holds = commit->pause && berth_engine__status_is(container, BERTH_STATUS_RUNNING);
	if (!holds || hold(engine, container, error)) {
		id = write_image(engine, container, commit, error);
		if (holds)
			let_go(engine, container);
		BERTH_FAILPOINT("container.commit.written");
		if (id && !tell(engine, container, id, commit, error))
			g_clear_pointer(&id, g_free);
	}
	berth_engine__release(container);
	if (id)
		berth_engine__count_action(engine, BERTH_ACTION_COMMIT, began);
	return id;
}
