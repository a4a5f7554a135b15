// SPDX-License-Identifier: Apache-2.0
// A container as GET /containers/x/json shows it.
#include "engine/internal.h"

#include "base/moment.h"
#include "engine/life/exec.h"
#include "engine/life/health.h"
#include "engine/log/log-plan.h"
#include "spec/api-container.h"
#include "spec/api-mount.h"

#include <string.h>

GPtrArray *berth_engine__mount_points(const struct berth_container_record *record)
{
	GPtrArray *points = berth_objects_new();

	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		if (!mount->listed)
			continue;
		struct api_mount_point *point = berth_document_new(&api_mount_point_document);
		point->type = g_strdup(mount->type);
		point->source = g_strdup(mount->source ? mount->source : "");
		point->destination = g_strdup(mount->destination);
		point->mode = g_strdup(mount->mode ? mount->mode : "");
		point->rw = mount->writable;
		point->propagation = g_strdup(mount->propagation ? mount->propagation : "");
		if (strcmp(mount->type, "volume") == 0) {
			point->name = mount->name ? g_strdup(mount->name) : g_path_get_basename(point->source);
			point->driver = g_strdup(mount->driver ? mount->driver : "local");
		}
		g_ptr_array_add(points, point);
	}
	return points;
}

static struct api_container_state *state_of(const struct berth_container_state *state)
{
	struct api_container_state *result = berth_document_new(&api_container_state_document);

	result->status = g_strdup(state->status);
	result->paused = strcmp(state->status, BERTH_STATUS_PAUSED) == 0;
	result->restarting = strcmp(state->status, BERTH_STATUS_RESTARTING) == 0;
	result->running = result->paused || result->restarting || strcmp(state->status, BERTH_STATUS_RUNNING) == 0;
	result->dead = strcmp(state->status, BERTH_STATUS_DEAD) == 0;
	result->oom_killed = state->oom_killed;
	result->pid = state->pid;
	result->exit_code = state->exit_code;
	result->error = g_strdup(state->error ? state->error : "");
	result->started_at = berth_moment_string(state->started_at);
	result->finished_at = berth_moment_string(state->finished_at);
	return result;
}

// The program and its arguments, from entrypoint and command together.
static void set_command(struct api_container_inspect *inspect, const struct api_container_config *config)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();

	if (config->entrypoint)
		g_strv_builder_addv(words, (const char **) config->entrypoint);
	if (config->cmd)
		g_strv_builder_addv(words, (const char **) config->cmd);
	char **all = g_strv_builder_end(words);
	if (!all[0]) {
		inspect->args = all;
		return;
	}
	inspect->path = all[0];
	inspect->args = all;
	memmove(all, all + 1, g_strv_length(all) * sizeof *all); // the end, too; the first is the path now
}

static void set_paths(struct berth_engine *engine, struct api_container_inspect *inspect,
		      const struct berth_engine_container *container)
{
	g_autofree char *folder = g_build_filename(engine->options.exec_root, container->id, NULL);
	struct berth_log_plan log;

	inspect->hostname_path = g_build_filename(folder, "hostname", NULL);
	inspect->hosts_path = g_build_filename(folder, "hosts", NULL);
	inspect->resolv_conf_path = g_build_filename(folder, "resolv.conf", NULL);
	// As Docker: the path of what others read, too.
	bool shown = berth_log_plan_make(container->record->host_config->log_config, &log, NULL) && !log.target &&
		     g_strcmp0(log.format, "json-file") == 0;
	inspect->log_path = shown ? berth_engine__log_file(engine, container, &log) : g_strdup("");
}

// Links as Docker shows them: "/db:/web/data".
static void show_links(struct api_host_config *host_config, const char *name)
{
	for (char **link = host_config->links; link && *link; link++) {
		const char *target = **link == '/' ? *link + 1 : *link, *colon = strchr(target, ':');
		size_t length = colon ? (size_t) (colon - target) : strlen(target);
		char *shown = g_strdup_printf("/%.*s:/%s/%s", (int) length, target, name, colon ? colon + 1 : target);
		g_free(*link);
		*link = shown;
	}
}

// Under engine->lock.
static struct api_container_inspect *make(struct berth_engine *engine, const struct berth_engine_container *container)
{
	struct api_container_inspect *inspect = berth_document_new(&api_container_inspect_document);
	const struct berth_container_record *record = container->record;

	inspect->id = g_strdup(record->id);
	inspect->name = g_strconcat("/", record->name, NULL);
	inspect->created = berth_moment_string(record->created);
	inspect->image = g_strdup(record->image);
	inspect->state = state_of(record->state);
	inspect->state->health = berth_engine__health_json(container);
	inspect->restart_count = record->state->restart_count;
	inspect->driver = g_strdup(berth_snapshots_driver(engine->snapshots));
	inspect->platform = g_strdup("linux");
	inspect->mount_label = g_strdup("");
	inspect->process_label = g_strdup("");
	inspect->app_armor_profile = g_strdup("");
	inspect->exec_ids = berth_engine__exec_ids(engine, container);
	inspect->config = berth_document_copy(&api_container_config_document, record->config);
	inspect->host_config = berth_document_copy(&api_host_config_document, record->host_config);
	show_links(inspect->host_config, record->name);
	inspect->graph_driver = berth_document_new(&api_graph_driver_document);
	inspect->graph_driver->name = g_strdup(inspect->driver);
	inspect->graph_driver->data = berth_map_new();
	inspect->mounts = berth_engine__mount_points(record);
	inspect->network_settings = berth_engine__network_settings(container);
	set_command(inspect, record->config);
	set_paths(engine, inspect, container);
	return inspect;
}

struct api_container_inspect *berth_engine_container_inspect(struct berth_engine *engine, const char *text, bool size,
							     GError **error)
{
	pthread_mutex_lock(&engine->lock);
	g_autoptr(berth_engine_container) container = berth_engine__find_locked(engine, text, error);
	struct api_container_inspect *inspect = container ? make(engine, container) : NULL;
	pthread_mutex_unlock(&engine->lock);
	struct berth_usage usage;
	if (inspect && size && berth_snapshot_usage(engine->snapshots, inspect->id, &usage, NULL)) {
		g_autoptr(api_image_inspect) image = berth_images_inspect(engine->images, inspect->image, NULL);
		inspect->size_rw = usage.bytes;
		inspect->size_root_fs = usage.bytes + (image ? image->size : 0);
	}
	return inspect;
}
