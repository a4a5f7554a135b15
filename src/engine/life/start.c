// SPDX-License-Identifier: Apache-2.0
// Starting a container: root file system, configuration, monitor, program. Until the record says that it runs, a crash
// leaves a monitor that the next engine ends, or adopts if its program was started.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"
#include "engine/files/checkpoints.h"
#include "engine/files/files.h"
#include "engine/life/health.h"
#include "engine/life/join.h"
#include "engine/life/users-take.h"
#include "engine/network/networks.h"
#include "engine/plan/plan.h"
#include "engine/secret/secrets.h"
#include "engine/spec/spec.h"
#include "engine/step/step.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SPARE_DELAY 100 // milliseconds: not while this container is starting

int berth_engine__run_folder(struct berth_engine *engine, const char *id, bool make, GError **error)
{
	if (make && mkdirat(engine->exec_folder, id, 0700) < 0 && errno != EEXIST) {
		berth_error_set_errno(error, errno, "making the run folder of container %s", id);
		return -1;
	}
	int folder = openat(engine->exec_folder, id, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (folder < 0)
		berth_error_set_errno(error, errno, "opening the run folder of container %s", id);
	return folder;
}

struct berth_monitor *berth_engine__connect(struct berth_engine *engine, const struct berth_engine_container *container,
					    GError **error)
{
	berth_fd folder = berth_engine__run_folder(engine, container->id, false, error);

	return folder < 0 ? NULL : berth_monitor_connect(folder, error);
}

void berth_engine__kill_unwatched(struct berth_engine *engine, const struct berth_engine_container *container)
{
	g_autoptr(berth_monitor) monitor = berth_engine__connect(engine, container, NULL);

	if (monitor)
		berth_engine__run_kill(monitor, NULL);
}

int berth_engine__start_exit_code(const GError *error)
{
	static const char *const missing[] = {"executable file not found", "no such file or directory",
					      "No such file or directory"};

	for (size_t i = 0; i < G_N_ELEMENTS(missing); i++)
		if (strstr(error->message, missing[i]))
			return 127;
	if (g_error_matches(error, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) || strstr(error->message, "ermission denied"))
		return 126;
	return 128;
}

// The files and folders that the container sees and that the engine makes.
static bool make_files(const struct berth_container_record *record, const struct berth_engine_files *files, int root,
		       int run_folder, GError **error)
{
	if (!files->folder && !berth_spec_write_files(run_folder, record, &files->texts, error))
		return false;
	return berth_spec_make_volumes(root, record, error) && berth_spec_make_bind_sources(record, error);
}

static bool write_config(struct berth_engine *engine, const struct berth_engine_container *container,
			 const struct berth_engine_files *files, const struct berth_engine_joined *joined,
			 const struct berth_engine_users *users, int root, int run_folder, const GArray *sources,
			 GError **error)
{
	const struct berth_container_record *record = container->record;
	g_autofree char *folder = g_build_filename(engine->options.exec_root, record->id, NULL);
	const struct berth_spec_input input = {
		.record = record,
		.own_hostname = container->step != NULL,
		.root_fd = root,
		.folder = folder,
		.cgroup_parent = engine->options.cgroup_parent,
		.init_program = engine->options.init_program,
		.seccomp = engine->seccomp,
		.sources = sources,
		.files = files->folder,
		.user_namespace = users->path,
		.new_network = users->network_path,
		.secrets = joined->secrets,
		.map_files = users->files,
		.pid_namespace = joined->pid,
		.ipc_namespace = joined->ipc,
		.shm = joined->shm,
		.network_namespace = files->namespace,
		.environment = files->environment,
		.cdi_folders = engine->options.cdi_folders,
	};
	g_autoptr(oci_config) config = berth_spec_make(&input, error);

	if (!config)
		return false;
	g_autofree char *text = berth_document_print_text(&oci_config_document, config, 0);
	return berth_write_file_at(run_folder, "config.json", text, strlen(text), 0600, false, error);
}

static struct berth_monitor *spawn(struct berth_engine *engine, const struct berth_engine_container *container,
				   int root, int run_folder, GError **error)
{
	const struct berth_container_record *record = container->record;
	json_t *size = record->host_config->console_size;
	g_autoptr(berth_monitor_settings) settings = berth_document_new(&berth_monitor_settings_document);

	if (!berth_engine__log_settings(engine, container, settings, error))
		return NULL;
	g_autofree char *path = g_build_filename(engine->options.exec_root, record->id, NULL);
	settings->id = g_strdup(record->id);
	settings->open_stdin = record->config->open_stdin;
	settings->stdin_once = record->config->stdin_once;
	settings->console_height = json_integer_value(json_array_get(size, 0));
	settings->console_width = json_integer_value(json_array_get(size, 1));
	settings->cache_root = g_strdup(engine->cache_path);
	settings->state_root = g_strdup(engine->options.exec_root);
	settings->health = berth_plan_health(record->config);
	settings->images = g_strdup(container->images);
	settings->empty_network = container->images && berth_engine__has_own_network(record);
	const struct berth_monitor_launch launch = {
		.program = engine->options.monitor_program,
		.program_fd = engine->monitor_program,
		.run_folder_fd = run_folder,
		.run_folder = path,
		.settings = settings,
		.rootfs_fd = root,
		.spare = engine->spare,
	};
	return berth_monitor_spawn(&launch, error);
}

struct berth_monitor *berth_engine__prepare(struct berth_engine *engine, struct berth_engine_container *container,
					    GError **error)
{
	__attribute__((cleanup(berth_engine__files_clear))) struct berth_engine_files files = {0};
	__attribute__((cleanup(berth_engine__joined_clear))) struct berth_engine_joined joined = {-1, -1};
	__attribute__((cleanup(berth_engine__users_clear))) struct berth_engine_users users = BERTH_ENGINE_USERS_NONE;
	berth_fd root = -1;
	berth_fd run_folder = berth_engine__run_folder(engine, container->id, true, error);

	if (run_folder < 0)
		return NULL;
	BERTH_FAILPOINT("container.start.folder");
	if (!berth_engine__network_prepare(engine, container, run_folder, error) ||
	    !berth_engine__files_make(engine, container, &files, error) ||
	    !berth_engine__join(engine, container->record, &joined, error) ||
	    !berth_engine__secrets_deliver(engine, container->record, &joined.secrets, error) ||
	    !berth_engine__users_open(engine, container, run_folder, &users, error) ||
	    !berth_snapshot_mount_as(engine->snapshots, container->id, users.fd >= 0 ? &users.owner : NULL, &root,
				     error) ||
	    !make_files(container->record, &files, root, run_folder, error))
		return NULL;
	BERTH_FAILPOINT("container.start.files");
	g_autoptr(GArray) sources = NULL;
	struct berth_snapshot_owner owner = users.owner;
	owner.folders = -1; // those were for the root
	if (!berth_engine__volumes_mount(engine, container->record, users.fd >= 0 ? &owner : NULL, &sources, error) ||
	    !berth_engine__step_mount(engine, container, root, sources, error))
		return NULL;
	g_autoptr(berth_monitor) monitor = NULL;
	if (write_config(engine, container, &files, &joined, &users, root, run_folder, sources, error)) {
		BERTH_FAILPOINT("container.start.configured");
		monitor = spawn(engine, container, root, run_folder, error);
		BERTH_FAILPOINT("container.start.spawned");
	}
	berth_engine__volumes_made(engine, container->record);
	if (!monitor)
		return NULL;
	if (berth_engine__network_attach(engine, container, monitor, error))
		return g_steal_pointer(&monitor);
	berth_engine__run_kill(monitor, NULL);
	return NULL;
}

static bool record_start(struct berth_engine *engine, struct berth_engine_container *container, pid_t pid,
			 int64_t started_at, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	berth_engine__health_begin(engine, container);
	struct berth_container_change change = {.state = berth_engine__state_copy(engine, container), .events = events};
	struct berth_container_state *state = change.state;

	if (!berth_engine__status_is(container, BERTH_STATUS_RESTARTING))
		state->restart_count = 0;
	berth_engine__set_status(state, BERTH_STATUS_RUNNING);
	state->pid = pid;
	state->exit_code = 0;
	state->started_at = started_at;
	state->oom_killed = state->manually_stopped = state->held = false;
	state->started_before = true;
	g_clear_pointer(&state->error, g_free);
	berth_engine__network_events(engine, events, container->record, "connect");
	berth_engine__volume_mount_events(events, container->record, true);
	berth_engine__event_add(events, container, "start", NULL);
	return berth_engine__change(engine, container, &change, error);
}

static void fill_spare(void *data, bool canceled)
{
	struct berth_engine *engine = data;

	if (!canceled)
		berth_monitor_spare_fill(engine->spare, !g_atomic_int_get(&engine->spare_bare));
}

// A step of a build lasts milliseconds, and the next one follows at once.
void berth_engine__spare_want(struct berth_engine *engine, bool bare, bool soon)
{
	g_atomic_int_set(&engine->spare_bare, bare);
	berth_workers_add(engine->workers, fill_spare, engine, soon ? 0 : SPARE_DELAY);
}

// Lets the prepared container's program start. `monitor` is taken.
static bool launch(struct berth_engine *engine, struct berth_engine_container *container, struct berth_monitor *taken,
		   GError **error)
{
	g_autoptr(berth_monitor) monitor = taken;
	bool again = container->record->state->started_before;
	pid_t pid = 0;

	berth_engine__attach_pending(engine, container, monitor);
	BERTH_FAILPOINT("container.start.attached");
	int64_t started_at = berth_moment_now();
	bool started = berth_monitor_start(monitor, &pid, error);
	BERTH_FAILPOINT("container.start.started");
	if (started && record_start(engine, container, pid, started_at, error)) {
		// Who came too late for the first time and too early to find it running.
		berth_engine__attach_pending(engine, container, monitor);
		container->run++;
		// One with a user namespace makes a network of its own, in that.
		berth_engine__spare_want(engine, container->record->users != NULL, false);
		if (again)
			berth_engine__links_follow(engine, container);
		if (berth_supervisor_add(engine->supervisor, container, g_steal_pointer(&monitor), error))
			return true;
		berth_engine__kill_unwatched(engine, container);
		return false;
	}
	berth_engine__run_kill(monitor, NULL);
	return false;
}

// Docker's answer to a program that cannot be started is "bad request"; whatever else was not found is not the
// container.
static void translate(GError *error, int exit_code)
{
	if (error->domain == BERTH_ERROR && (exit_code != 128 || error->code == BERTH_ERROR_NOT_FOUND))
		error->code = BERTH_ERROR_INVALID;
}

// The container stays what it was, with the reason and an exit code; one that is to be removed at its end is removed.
static void record_failure(struct berth_engine *engine, struct berth_engine_container *container, const GError *why)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autoptr(GError) error = NULL;
	struct berth_container_state *state = berth_engine__state_copy(engine, container);

	if (!berth_engine__status_is(container, BERTH_STATUS_CREATED))
		berth_engine__set_status(state, BERTH_STATUS_EXITED);
	state->pid = 0;
	state->exit_code = berth_engine__start_exit_code(why);
	g_free(state->error);
	state->error = g_strdup(why->message);
	if (container->record->host_config->auto_remove && !container->keep) {
		g_autofree char *cgroup = berth_engine__cgroup_path(engine, container->record->host_config);
		state->remove_volumes = true;
		if (berth_engine__mark_removed(engine, container, state, events, &error))
			berth_engine__remains_clear_later(engine, container->id, cgroup, container->record->image);
	} else {
		struct berth_container_change change = {.state = state};
		berth_engine__change(engine, container, &change, &error);
	}
	if (error)
		g_warning("container %s: recording that it could not be started: %s", container->id, error->message);
}

bool berth_engine__start(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	GError *failure = NULL;
	g_autofree char *cgroup = berth_engine__cgroup_path(engine, container->record->host_config);

	int64_t began = g_get_monotonic_time();
	struct berth_monitor *monitor = berth_engine__prepare(engine, container, &failure);
	if (monitor && launch(engine, container, monitor, &failure)) {
		berth_engine__count_action(engine, BERTH_ACTION_START, began);
		return true;
	}
	g_autoptr(GError) clearing = NULL;
	berth_engine__network_release(engine, container);
	if (!berth_engine__run_clear(engine, container->id, cgroup, &clearing))
		g_warning("container %s: clearing its failed start: %s", container->id, clearing->message);
	berth_engine__drop_pending(engine, container);
	translate(failure, berth_engine__start_exit_code(failure));
	record_failure(engine, container, failure);
	g_propagate_error(error, failure);
	return false;
}

bool berth_engine_container_start(struct berth_engine *engine, const char *text, const char *checkpoint,
				  const char *folder, GError **error)
{
	struct berth_engine_container *container = berth_engine__claim(engine, text, error);
	g_autofree char *images = NULL;
	bool started = false;

	if (!container)
		return false;
	if (berth_engine__status_is(container, BERTH_STATUS_PAUSED))
		berth_error_set(error, BERTH_ERROR_CONFLICT, "cannot start a paused container, try unpause instead");
	else if (berth_engine__status_is(container, BERTH_STATUS_RUNNING) ||
		 berth_engine__status_is(container, BERTH_STATUS_RESTARTING))
		berth_error_set(error, BERTH_ERROR_NOT_MODIFIED, "container %s: it runs already", text);
	else if (!checkpoint ||
		 (images = berth_engine__checkpoint_images(engine, container, checkpoint, folder, error))) {
		container->backoff = 0;
		container->stopping = container->killed = container->keep = false;
		container->images = images;
		started = berth_engine__start(engine, container, error);
		container->images = NULL;
	}
	berth_engine__release(container);
	return started;
}
