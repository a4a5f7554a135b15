// SPDX-License-Identifier: Apache-2.0
// What an engine finds when it starts, after an orderly stop as well as after a crash: records, run folders with or
// without monitors, and folders of containers. What runs is adopted; what has ended is recorded; what was half made or
// half removed is undone or finished.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/moment.h"
#include "engine/life/exec.h"
#include "engine/life/health.h"
#include "engine/network/networks.h"
#include "engine/secret/secrets.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define LOST_EXIT_CODE 255
#define SEARCH_PAUSE 10000 // milliseconds

enum berth_recovery berth_engine__recovery_of(const char *status, enum berth_found found)
{
	bool paused = strcmp(status, BERTH_STATUS_PAUSED) == 0;
	bool up = paused || strcmp(status, BERTH_STATUS_RUNNING) == 0;

	switch (found) {
	case BERTH_FOUND_NOTHING:
		return up ? BERTH_RECOVERY_EXITED : BERTH_RECOVERY_NONE;
	case BERTH_FOUND_EXIT: // it is removed once it is recorded
		return BERTH_RECOVERY_EXITED;
	case BERTH_FOUND_CREATED:
		return BERTH_RECOVERY_UNDO;
	case BERTH_FOUND_RUNNING:
		return up && !paused ? BERTH_RECOVERY_ADOPT : BERTH_RECOVERY_RUNS;
	case BERTH_FOUND_PAUSED:
		return paused ? BERTH_RECOVERY_ADOPT : BERTH_RECOVERY_RUNS;
	}
	g_assert_not_reached();
}

// What is in a container's run folder.
struct finding {
	enum berth_found what;
	struct berth_monitor *monitor; // owned
	struct berth_monitor_status *status; // owned; of a running one
	struct berth_monitor_exit exit;
};

static void finding_clear(struct finding *finding)
{
	g_clear_pointer(&finding->monitor, berth_monitor_free);
	berth_document_free(&berth_monitor_status_document, finding->status);
}

static enum berth_found ask_monitor(struct finding *finding)
{
	finding->status = berth_monitor_stat(finding->monitor, NULL);
	const char *status = finding->status ? finding->status->status : "stopped";
	if (strcmp(status, "running") == 0)
		return BERTH_FOUND_RUNNING;
	if (strcmp(status, "paused") == 0)
		return BERTH_FOUND_PAUSED;
	if (strcmp(status, "stopped") != 0)
		return BERTH_FOUND_CREATED;
	// It is ending: exit.json comes before the connection's end.
	berth_engine__run_kill(finding->monitor, NULL);
	return BERTH_FOUND_NOTHING;
}

// Whether a monitor holds the run folder, though it does not answer.
static bool is_held(struct berth_engine *engine, const char *id)
{
	berth_fd folder = openat(engine->exec_folder, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

// False: there is a monitor that cannot be talked to. It and its container are left alone.
static bool look(struct berth_engine *engine, const char *id, struct finding *ret, GError **error)
{
	berth_fd folder = berth_engine__run_folder(engine, id, false, NULL);
	GError *failure = NULL;

	*ret = (struct finding){.what = BERTH_FOUND_NOTHING};
	if (folder < 0)
		return true;
	ret->monitor = berth_monitor_connect(folder, &failure);
	if (ret->monitor)
		ret->what = ask_monitor(ret);
	if (ret->what != BERTH_FOUND_NOTHING)
		return true;
	g_autoptr(berth_monitor_exit) exit = berth_monitor_read_exit(folder, NULL);
	if (failure && !exit && is_held(engine, id)) {
		g_propagate_error(error, failure);
		return false;
	}
	g_clear_error(&failure);
	if (exit) {
		ret->what = BERTH_FOUND_EXIT;
		ret->exit = *exit; // it owns nothing
	}
	return true;
}

// A start whose record was not written: it is, now.
static bool record_running(struct berth_engine *engine, struct berth_engine_container *container,
			   const struct finding *finding, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	struct berth_container_change change = {.state = berth_engine__state_copy(engine, container), .events = events};
	bool was_up = berth_engine__is_up(container), paused = finding->what == BERTH_FOUND_PAUSED;
	struct berth_container_state *state = change.state;

	berth_engine__set_status(state, paused ? BERTH_STATUS_PAUSED : BERTH_STATUS_RUNNING);
	if (was_up) {
		berth_engine__event_add(events, container, paused ? "pause" : "unpause", NULL);
	} else {
		state->pid = finding->status->pid;
		state->started_at = finding->status->started_at;
		state->exit_code = 0;
		state->started_before = true;
		state->manually_stopped = state->oom_killed = false;
		g_clear_pointer(&state->error, g_free);
		berth_engine__event_add(events, container, "start", NULL);
	}
	return berth_engine__change(engine, container, &change, error);
}

static bool adopt(struct berth_engine *engine, struct berth_engine_container *container, struct finding *finding,
		  GError **error)
{
	g_autoptr(GError) network = NULL;

	// It runs as it is; what can be told of it is better than a container that nobody looks after.
	// It has them already if it was found before and could not be watched.
	if (!container->network && !berth_engine__network_adopt(engine, container, finding->monitor, &network))
		g_warning("container %s: its networks: %s", container->id, network->message);
	BERTH_FAILPOINT("recover.network.adopted");
	berth_engine__secrets_adopt(engine, container->record);
	berth_engine__execs_adopt(engine, container, finding->monitor);
	container->run++;
	berth_engine__health_adopt(engine, container, finding->monitor);
	if (berth_supervisor_add(engine->supervisor, container, g_steal_pointer(&finding->monitor), error))
		return true;
	container->run--; // it is looked for again
	return false;
}

// A container that ended before its start was recorded has to be started in the records first.
static bool record_end(struct berth_engine *engine, struct berth_engine_container *container,
		       const struct finding *finding, GError **error)
{
	struct berth_monitor_exit exit = {.exit_code = LOST_EXIT_CODE, .exited_at = berth_moment_now()};

	if (finding->what == BERTH_FOUND_EXIT)
		exit = finding->exit;
	if (!berth_engine__is_up(container)) {
		struct berth_monitor_status status = {.started_at = exit.exited_at};
		const struct finding started = {.what = BERTH_FOUND_RUNNING, .status = &status};
		// The end was recorded before, and only the clearing was not done.
		if (container->record->state->finished_at >= exit.exited_at)
			return true;
		if (!record_running(engine, container, &started, error))
			return false;
	}
	BERTH_FAILPOINT("recover.exit.found");
	berth_engine__exited(engine, container, &exit);
	return true;
}

static bool clear_run(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	g_autofree char *cgroup = berth_engine__cgroup_path(engine, container->record->host_config);

	return berth_engine__run_clear(engine, container->id, cgroup, error);
}

// A container that was frozen for a commit goes on.
static bool end_commit(struct berth_engine *engine, struct berth_engine_container *container, struct finding *finding,
		       GError **error)
{
	struct berth_container_change change = {0};

	if (!container->record->state->held)
		return true;
	if (finding->what == BERTH_FOUND_PAUSED) {
		if (!berth_monitor_thaw(finding->monitor, error))
			return false;
		finding->what = BERTH_FOUND_RUNNING;
	}
	BERTH_FAILPOINT("recover.commit.thawed");
	change.state = berth_engine__state_copy(engine, container);
	change.state->held = false;
	return berth_engine__change(engine, container, &change, error);
}

// `operation` is held.
static bool recover_container(struct berth_engine *engine, struct berth_engine_container *container, GError **error)
{
	__attribute__((cleanup(finding_clear))) struct finding finding;

	if (!look(engine, container->id, &finding, error) || !end_commit(engine, container, &finding, error))
		return false;
	switch (berth_engine__recovery_of(container->record->state->status, finding.what)) {
	case BERTH_RECOVERY_NONE:
		return clear_run(engine, container, error);
	case BERTH_RECOVERY_EXITED:
		return record_end(engine, container, &finding, error) && clear_run(engine, container, error);
	case BERTH_RECOVERY_UNDO:
		return berth_engine__run_kill(finding.monitor, error) && clear_run(engine, container, error);
	case BERTH_RECOVERY_RUNS:
		return record_running(engine, container, &finding, error) && adopt(engine, container, &finding, error);
	case BERTH_RECOVERY_ADOPT:
		return adopt(engine, container, &finding, error);
	}
	g_assert_not_reached();
}

// Records

struct loading {
	struct berth_engine *engine;
	GPtrArray *removing; // of struct berth_container_record
	GError *error;
};

static bool load_record(void *data, const char *id, G_GNUC_UNUSED const char *name, const json_t *document)
{
	struct loading *loading = data;
	g_autoptr(berth_container_record) record =
		berth_document_parse(&berth_container_record_document, document, &loading->error);

	if (!record) {
		g_prefix_error(&loading->error, "the record of container %s: ", id);
		return false;
	}
	if (record->version > BERTH_RECORD_VERSION) {
		berth_error_set(&loading->error, BERTH_ERROR_NOT_IMPLEMENTED,
				"container %s was made by a newer version of Berth (its record's version is "
				"%" G_GINT64_FORMAT ", this one knows %d)",
				id, record->version, BERTH_RECORD_VERSION);
		return false;
	}
	if (strcmp(record->state->status, BERTH_STATUS_REMOVING) == 0) {
		g_ptr_array_add(loading->removing, g_steal_pointer(&record));
		return true;
	}
	g_autoptr(berth_engine_container) container = berth_engine__container_new(g_steal_pointer(&record));
	container->ready = true;
	pthread_mutex_lock(&loading->engine->lock);
	berth_engine__table_add(loading->engine, container);
	pthread_mutex_unlock(&loading->engine->lock);
	return true;
}

static bool load_records(struct berth_engine *engine, GPtrArray *removing, GError **error)
{
	struct loading loading = {engine, removing, NULL};
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	if (!transaction || !berth_record_each(transaction, BERTH_RECORD_CONTAINER, load_record, &loading,
					       loading.error ? NULL : error))
		return false;
	if (loading.error)
		g_propagate_error(error, loading.error);
	return !loading.error;
}

// A removal that was not finished. A failure is left to the next start, as every removal's is.
static void finish_removal(struct berth_engine *engine, const struct berth_container_record *record)
{
	__attribute__((cleanup(finding_clear))) struct finding finding;
	g_autofree char *cgroup = berth_engine__cgroup_path(engine, record->host_config);
	g_autoptr(GError) error = NULL;

	if (!look(engine, record->id, &finding, &error) ||
	    (finding.monitor && !berth_engine__run_kill(finding.monitor, &error)) ||
	    !berth_engine__remains_clear(engine, record->id, cgroup, record->image, &error))
		g_warning("container %s: finishing its removal: %s", record->id, error->message);
}

// Folders

static bool is_container_id(const char *name)
{
	return strlen(name) == BERTH_CONTAINER_ID_LENGTH && strspn(name, "0123456789abcdef") == strlen(name);
}

// The names in a folder that are ids of no container.
static char **strangers_in(struct berth_engine *engine, int folder_fd, GError **error)
{
	g_autoptr(GStrvBuilder) strangers = g_strv_builder_new();
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder) {
		berth_error_set_errno(error, errno, "reading the containers' folders");
		berth_fd_clear(&fd);
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(folder));)
		if (is_container_id(entry->d_name) && !g_hash_table_contains(engine->by_id, entry->d_name))
			g_strv_builder_add(strangers, entry->d_name);
	closedir(folder);
	return g_strv_builder_end(strangers);
}

static bool remove_run(struct berth_engine *engine, const char *id, GError **error)
{
	__attribute__((cleanup(finding_clear))) struct finding finding;
	const struct api_host_config none = {0};
	g_autofree char *cgroup = berth_engine__cgroup_path(engine, &none);

	return look(engine, id, &finding, error) &&
	       (!finding.monitor || berth_engine__run_kill(finding.monitor, error)) &&
	       berth_engine__run_clear(engine, id, cgroup, error);
}

static bool remove_strangers(struct berth_engine *engine, GError **error)
{
	g_auto(GStrv) runs = strangers_in(engine, engine->exec_folder, error);
	g_auto(GStrv) folders = runs ? strangers_in(engine, engine->containers_folder, error) : NULL;

	if (!folders)
		return false;
	for (char **id = runs; *id; id++) {
		g_autoptr(GError) failure = NULL;
		if (!remove_run(engine, *id, &failure))
			g_warning("run folder %s of no container: %s", *id, failure->message);
	}
	for (char **id = folders; *id; id++) {
		g_autoptr(GError) failure = NULL;
		if (!berth_remove_tree_at(engine->containers_folder, *id, &failure))
			g_warning("folder %s of no container: %s", *id, failure->message);
	}
	return true;
}

// A container whose monitor did not answer is looked for again until it does, or has ended.
struct search {
	struct berth_engine *engine;
	struct berth_engine_container *container;
};

static void search_again(struct berth_engine *engine, struct berth_engine_container *container);

static void search(void *data, bool canceled)
{
	struct search *search = data;
	struct berth_engine_container *container = search->container;

	if (!canceled && berth_engine__claim_ref(search->engine, container)) {
		if (container->run == 0 && !recover_container(search->engine, container, NULL))
			search_again(search->engine, container);
		pthread_mutex_unlock(&container->operation);
	}
	berth_engine__container_unref(container);
	g_free(search);
}

static void search_again(struct berth_engine *engine, struct berth_engine_container *container)
{
	struct search *next = g_new0(struct search, 1);

	*next = (struct search){engine, berth_engine__container_ref(container)};
	berth_workers_add(engine->workers, search, next, SEARCH_PAUSE);
}

// One container that cannot be recovered must not keep the engine from the others.
static void recover_containers(struct berth_engine *engine)
{
	g_autoptr(GPtrArray) containers = berth_engine__containers(engine);

	for (guint i = 0; i < containers->len; i++) {
		struct berth_engine_container *container = containers->pdata[i];
		g_autoptr(GError) error = NULL;
		if (!berth_engine__claim_ref(engine, container))
			continue;
		if (!recover_container(engine, container, &error)) {
			g_warning("container %s: finding it again: %s; it is looked for again", container->id,
				  error->message);
			search_again(engine, container);
		}
		pthread_mutex_unlock(&container->operation);
	}
}

bool berth_engine__recover(struct berth_engine *engine, GError **error)
{
	g_autoptr(GPtrArray) removing = g_ptr_array_new_with_free_func((GDestroyNotify) berth_container_record_free);

	if (!load_records(engine, removing, error))
		return false;
	for (guint i = 0; i < removing->len; i++)
		finish_removal(engine, removing->pdata[i]);
	recover_containers(engine);
	if (!remove_strangers(engine, error) || !berth_engine__volumes_recover(engine, error))
		return false;
	BERTH_FAILPOINT("recover.swept");
	berth_engine__links_adopt(engine);
	berth_engine__gateway_adopt(engine);
	g_autoptr(GError) failure = NULL;
	if (!berth_networks_sweep(engine->networks, &failure))
		g_warning("removing what is left of networks: %s", failure->message);
	berth_engine__networks_finish_removal(engine);
	berth_engine__flows_settle_later(engine);
	return true;
}
