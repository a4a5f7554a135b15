// SPDX-License-Identifier: Apache-2.0
// Opening and closing the engine.
#include "engine/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "engine/life/exec.h"
#include "engine/life/users-standard.h"
#include "engine/life/users-take.h"
#include "engine/network/networks.h"
#include "monitor/log.h"
#include "plugin/plugin.h"
#include "sys/self.h"
#include "volume/volume.h"

#include <string.h>

#define HOUR (3600 * G_GINT64_CONSTANT(1000000000)) // nanoseconds
#define WORKERS 8
#define ID_FILE "engine-id"
#define ID_LIMIT 64
#define SECCOMP_CACHE "seccomp" // in the exec root

static void copy_network_options(struct berth_engine_network_options *options)
{
	options->bridge_address = g_strdup(options->bridge_address);
	options->bridge_range = g_strdup(options->bridge_range);
	options->bridge_subnet6 = g_strdup(options->bridge_subnet6);
	options->pools = g_strdupv((char **) options->pools);
	options->host_address = g_strdup(options->host_address);
	options->dns = g_strdupv((char **) options->dns);
	options->dns_options = g_strdupv((char **) options->dns_options);
	options->dns_search = g_strdupv((char **) options->dns_search);
	options->host_gateway = g_strdupv((char **) options->host_gateway);
	options->published_ports = g_strdup(options->published_ports);
	options->cni_folders = g_strdupv((char **) options->cni_folders);
	options->cni_programs = g_strdupv((char **) options->cni_programs);
}

static void copy_defaults(struct berth_engine_defaults *defaults)
{
	defaults->ulimits = g_strdupv((char **) defaults->ulimits);
	defaults->ipc_mode = g_strdup(defaults->ipc_mode);
	defaults->cgroupns_mode = g_strdup(defaults->cgroupns_mode);
	defaults->seccomp = g_strdup(defaults->seccomp);
}

static void free_defaults(struct berth_engine_defaults *defaults)
{
	g_strfreev((char **) defaults->ulimits);
	g_free((char *) defaults->ipc_mode);
	g_free((char *) defaults->cgroupns_mode);
	g_free((char *) defaults->seccomp);
}

static void free_network_options(struct berth_engine_network_options *options)
{
	g_free((char *) options->bridge_address);
	g_free((char *) options->bridge_range);
	g_free((char *) options->bridge_subnet6);
	g_strfreev((char **) options->pools);
	g_free((char *) options->host_address);
	g_strfreev((char **) options->dns);
	g_strfreev((char **) options->dns_options);
	g_strfreev((char **) options->dns_search);
	g_strfreev((char **) options->host_gateway);
	g_free((char *) options->published_ports);
	g_strfreev((char **) options->cni_folders);
	g_strfreev((char **) options->cni_programs);
}

static char *const standard_cdi_folders[] = {(char *) "/etc/cdi", (char *) "/var/run/cdi", NULL};

static void copy_options(struct berth_engine *engine, const struct berth_engine_options *options)
{
	engine->options = (struct berth_engine_options){
		.data_root = g_strdup(options->data_root),
		.exec_root = g_strdup(options->exec_root),
		.monitor_program = g_strdup(options->monitor_program),
		.init_program = g_strdup(options->init_program),
		.snapshot_driver = g_strdup(options->snapshot_driver),
		.cgroup_parent = g_strdup(options->cgroup_parent),
		.userns = g_strdup(options->userns),
		.log_driver = g_strdup(options->log_driver),
		.log_options = g_strdupv((char **) options->log_options),
		.labels = g_strdupv((char **) options->labels),
		.cdi_folders =
			g_strdupv((char **) (options->cdi_folders && *options->cdi_folders ? options->cdi_folders
											   : standard_cdi_folders)),
		.registries =
			{
				.insecure = g_strdupv((char **) options->registries.insecure),
				.mirrors = g_strdupv((char **) options->registries.mirrors),
				.certificates = g_strdupv((char **) options->registries.certificates),
				.downloads = options->registries.downloads,
				.uploads = options->registries.uploads,
			},
		.network = options->network,
		.plugin_folders = g_strdupv((char **) options->plugin_folders),
		.defaults = options->defaults,
		.debug = options->debug,
		.stop_containers = options->stop_containers,
		.shutdown_timeout = options->shutdown_timeout,
		.event_hours = options->event_hours,
		.event_limit = options->event_limit,
		.authorization = g_strdupv((char **) options->authorization),
		.warnings = g_strdupv((char **) options->warnings),
	};
	copy_network_options(&engine->options.network);
	copy_defaults(&engine->options.defaults);
}

static void free_options(struct berth_engine_options *options)
{
	g_free((char *) options->data_root);
	g_free((char *) options->exec_root);
	g_free((char *) options->monitor_program);
	g_free((char *) options->init_program);
	g_free((char *) options->snapshot_driver);
	g_free((char *) options->cgroup_parent);
	g_free((char *) options->userns);
	g_free((char *) options->log_driver);
	g_strfreev((char **) options->log_options);
	g_strfreev((char **) options->labels);
	g_strfreev((char **) options->cdi_folders);
	g_strfreev((char **) options->registries.insecure);
	g_strfreev((char **) options->registries.mirrors);
	g_strfreev((char **) options->registries.certificates);
	g_strfreev((char **) options->plugin_folders);
	g_strfreev((char **) options->authorization);
	g_strfreev((char **) options->warnings);
	free_network_options(&options->network);
	free_defaults(&options->defaults);
}

// The engine's id is made once per data root.
static bool read_id(struct berth_engine *engine, GError **error)
{
	berth_fd folder = berth_open_folder(engine->options.data_root, false, 0, error);

	if (folder < 0)
		return false;
	engine->id = berth_read_file_at(folder, ID_FILE, ID_LIMIT, NULL, NULL);
	if (engine->id && *engine->id)
		return true;
	g_free(engine->id);
	engine->id = g_uuid_string_random();
	return berth_write_file_at(folder, ID_FILE, engine->id, strlen(engine->id), 0600, false, error);
}

static bool open_volumes(struct berth_engine *engine, GError **error)
{
	g_autofree char *root = g_build_filename(engine->options.data_root, "volumes", NULL);
	g_autofree char *run = g_build_filename(engine->options.exec_root, "volumes", NULL);

	engine->volumes = berth_volumes_new(&(struct berth_volumes_options){root, run}, engine->plugins, error);
	return engine->volumes != NULL;
}

static bool open_parts(struct berth_engine *engine, GError **error)
{
	const struct berth_engine_options *options = &engine->options;

	engine->registries = berth_registries_new(&options->registries, error);
	if (!engine->registries)
		return false;
	engine->store = berth_store_open(options->data_root, options->snapshot_driver, error);
	if (!engine->store)
		return false;
	engine->database = berth_store_database(engine->store);
	berth_events_bound(engine->database, options->event_limit, options->event_hours * HOUR);
	engine->snapshots = berth_store_snapshots(engine->store);
	engine->images = berth_images_new(engine->store);
	berth_images_on_change(engine->images, berth_engine__image_changed, engine);
	engine->plugins = berth_plugins_new(options->plugin_folders);
	if (!open_volumes(engine, error))
		return false;
	engine->containers_path = g_build_filename(options->data_root, "containers", NULL);
	engine->cache_path = g_build_filename(options->exec_root, SECCOMP_CACHE, NULL);
	engine->exec_folder = berth_open_folder(options->exec_root, true, 0711, error);
	if (engine->exec_folder < 0)
		return false;
	engine->containers_folder = berth_open_folder(engine->containers_path, true, 0710, error);
	if (engine->containers_folder < 0 || !read_id(engine, error))
		return false;
	engine->monitor_program = berth_self_clone(options->monitor_program);
	engine->spare = berth_monitor_spare_new(engine->options.monitor_program, engine->monitor_program,
						engine->options.exec_root);
	engine->seccomp = berth_seccomp_profile_builtin(error);
	if (!engine->seccomp)
		return false;
	return berth_engine__networks_open(engine, error);
}

static struct berth_engine *new_engine(const struct berth_engine_options *options)
{
	struct berth_engine *engine = g_new0(struct berth_engine, 1);

	copy_options(engine, options);
	engine->exec_folder = engine->containers_folder = engine->monitor_program = -1;
	pthread_mutex_init(&engine->lock, NULL);
	pthread_mutex_init(&engine->events_lock, NULL);
	berth_engine__cond_init(&engine->events_told);
	berth_engine__cond_init(&engine->has_left);
	engine->by_id =
		g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify) berth_engine__container_unref);
	engine->execs = berth_exec_table_new();
	engine->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	engine->volumes_held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	engine->networks_by_id =
		g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify) berth_engine__network_unref);
	engine->networks_by_name = g_hash_table_new(g_str_hash, g_str_equal);
	engine->networks_coming = g_hash_table_new(g_str_hash, g_str_equal);
	engine->retired = g_ptr_array_new_with_free_func((GDestroyNotify) berth_registries_free);
	engine->metrics = berth_metrics_new();
	engine->workers = berth_workers_new(WORKERS);
	return engine;
}

struct berth_engine *berth_engine_open(const struct berth_engine_options *options, GError **error)
{
	struct berth_engine *engine = new_engine(options);

	if (open_parts(engine, error) && (engine->supervisor = berth_supervisor_new(engine, error)) &&
	    berth_engine__recover(engine, error))
		return engine;
	berth_engine_close(engine);
	return NULL;
}

void berth_engine_start_containers(struct berth_engine *engine)
{
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);

	for (guint i = containers->len; i-- > 0;) { // oldest first
		struct berth_engine_container *container = containers->pdata[i];
		if (!berth_engine__claim_ref(engine, container))
			continue;
		const struct berth_container_record *record = container->record;
		if (berth_engine__restart_at_boot(record->host_config->restart_policy, record->state))
			berth_engine__plan_restart(engine, container);
		pthread_mutex_unlock(&container->operation);
	}
}

// Wakes whoever waits for a container or for events.
static void wake_all(struct berth_engine *engine)
{
	GHashTableIter iter;
	void *value;

	pthread_mutex_lock(&engine->lock);
	engine->closing = true;
	g_hash_table_iter_init(&iter, engine->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct berth_engine_container *container = value;
		for (guint i = 0; i < container->followers->len; i++)
			berth_log_reader_stop(container->followers->pdata[i]);
		pthread_cond_broadcast(&container->changed);
	}
	pthread_mutex_unlock(&engine->lock);
	berth_engine__events_told(engine);
}

void berth_engine_close(struct berth_engine *engine)
{
	if (!engine)
		return;
	wake_all(engine);
	if (engine->plugins)
		berth_plugins_stop(engine->plugins);
	// A restart that is under way still gives its monitor to the supervisor.
	berth_supervisor_stop(engine->supervisor);
	berth_workers_free(engine->workers);
	berth_supervisor_free(engine->supervisor);
	g_clear_pointer(&engine->spare, berth_monitor_spare_free);
	berth_engine__users_spare_free(engine);
	berth_engine__users_probe_free(engine);
	g_clear_pointer(&engine->users_of_steps, g_ptr_array_unref);
	berth_engine__networks_close(engine);
	g_hash_table_unref(engine->by_name);
	berth_exec_table_free(engine->execs);
	g_hash_table_unref(engine->by_id);
	g_hash_table_unref(engine->volumes_held);
	g_clear_pointer(&engine->volumes, berth_volumes_free);
	g_hash_table_unref(engine->networks_by_name);
	g_hash_table_unref(engine->networks_coming);
	g_hash_table_unref(engine->networks_by_id);
	g_clear_pointer(&engine->plugins, berth_plugins_free);
	g_clear_pointer(&engine->seccomp, berth_seccomp_profile_free);
	g_clear_pointer(&engine->images, berth_images_free);
	g_clear_pointer(&engine->registries, berth_registries_free);
	g_ptr_array_unref(engine->retired);
	g_clear_pointer(&engine->store, berth_store_free);
	berth_fd_clear(&engine->exec_folder);
	berth_fd_clear(&engine->containers_folder);
	berth_fd_clear(&engine->monitor_program);
	pthread_cond_destroy(&engine->events_told);
	pthread_cond_destroy(&engine->has_left);
	pthread_mutex_destroy(&engine->events_lock);
	pthread_mutex_destroy(&engine->lock);
	berth_metrics_free(engine->metrics);
	free_options(&engine->options);
	g_free(engine->containers_path);
	g_free(engine->cache_path);
	g_free(engine->id);
	g_free(engine);
}

struct berth_store *berth_engine_store(struct berth_engine *engine)
{
	return engine->store;
}

struct berth_images *berth_engine_images(struct berth_engine *engine)
{
	return engine->images;
}
