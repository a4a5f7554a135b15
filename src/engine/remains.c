// SPDX-License-Identifier: Apache-2.0
// What a run, or a whole container, leaves behind and how it is removed. Everything here can be done again: what is
// gone already is fine.
#include "engine/volume/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/life/join.h"
#include "engine/network/networks.h"
#include "engine/secret/secrets.h"
#include "monitor/log.h"
#include "sys/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>

#define CGROUP_PATIENCE 5000 // milliseconds for killed processes to go

char *berth_engine__cgroup_path(const struct berth_engine *engine, const struct api_host_config *host_config)
{
	const char *own = host_config->cgroup_parent;
	const char *parent = own && *own ? own : engine->options.cgroup_parent;

	return g_strdup_printf("%s%s", parent[0] == '/' ? "" : "/", parent);
}

// The monitor removes the group itself; this is for one that was killed.
static bool remove_cgroup(const char *parent, const char *id, GError **error)
{
	g_autofree char *path = g_build_filename(parent, id, NULL);
	g_autoptr(berth_cgroup) cgroup = NULL;

	if (!berth_cgroup_open(path, &cgroup, NULL))
		return true;
	return berth_cgroup_signal(cgroup, SIGKILL, error) && berth_cgroup_remove(cgroup, CGROUP_PATIENCE, error);
}

// The monitor holds the folder's lock until it has removed its container.
static bool end_processes(int folder, const char *id, const char *cgroup, GError **error)
{
	while (flock(folder, LOCK_EX) < 0)
		if (errno != EINTR)
			return berth_error_set_errno(error, errno, "locking the run folder of container %s", id);
	return remove_cgroup(cgroup, id, error);
}

bool berth_engine__run_end(struct berth_engine *engine, const char *id, const char *cgroup, GError **error)
{
	berth_fd folder = openat(engine->exec_folder, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (folder < 0)
		return errno == ENOENT ||
		       berth_error_set_errno(error, errno, "opening the run folder of container %s", id);
	return end_processes(folder, id, cgroup, error);
}

static bool clear_run_folder(struct berth_engine *engine, const char *id, const char *cgroup, GError **error)
{
	berth_fd folder = openat(engine->exec_folder, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (folder < 0)
		return errno == ENOENT ||
		       berth_error_set_errno(error, errno, "opening the run folder of container %s", id);
	if (!end_processes(folder, id, cgroup, error))
		return false;
	BERTH_FAILPOINT("run.clear.cgroup");
	berth_engine__network_discard(engine, id, folder);
	berth_engine__shm_unmount(engine, id);
	berth_engine__secrets_unmount(engine, id);
	if (!berth_remove_tree_at(engine->exec_folder, id, error))
		return false;
	BERTH_FAILPOINT("run.clear.folder");
	return true;
}

bool berth_engine__run_clear(struct berth_engine *engine, const char *id, const char *cgroup, GError **error)
{
	return clear_run_folder(engine, id, cgroup, error) && berth_volumes_release(engine->volumes, id, error);
}

bool berth_engine__run_kill(struct berth_monitor *monitor, GError **error)
{
	struct berth_monitor_event event = {0};

	// One that has ended refuses the signal; its end is told all the same.
	berth_monitor_thaw(monitor, NULL);
	berth_monitor_signal(monitor, SIGKILL, true, NULL);
	if (!berth_monitor_watch(monitor, NULL))
		return true; // it is gone
	while (event.type != BERTH_MONITOR_EXITED && event.type != BERTH_MONITOR_GONE)
		if (!berth_monitor_next_event(monitor, &event, error))
			return false;
	return true;
}

// Removes the record. *ret_image_gone: the image was removed meanwhile, so its layers may be unreachable now.
static bool remove_record(struct berth_engine *engine, const char *id, const char *image, bool *ret_image_gone,
			  GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	if (!transaction)
		return false;
	json_t *record = berth_record_get(transaction, "image", image, NULL);
	*ret_image_gone = !record;
	json_decref(record);
	return berth_record_remove(transaction, BERTH_RECORD_CONTAINER, id, error) &&
	       berth_transaction_commit(transaction, error);
}

// What its record says is to go with it.
static bool remove_volumes(struct berth_engine *engine, const char *id, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	if (!transaction)
		return false;
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_CONTAINER, id, NULL);
	g_clear_pointer(&transaction, berth_transaction_free);
	g_autoptr(berth_container_record) record =
		json ? berth_document_parse(&berth_container_record_document, json, NULL) : NULL;
	if (record && record->state->remove_volumes)
		berth_engine__volumes_remove_of(engine, record);
	return true;
}

// The log goes before the folder: a process may be compressing what was rotated, and make files there.
static bool remove_log(struct berth_engine *engine, const char *id, GError **error)
{
	g_autofree char *json = g_strconcat(id, "-json.log", NULL);
	const char *const names[] = {json, "local.log", "container-cached.log"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(engine->containers_path, id, names[i], NULL);
		if (access(path, F_OK) == 0 && !berth_log_remove(path, error))
			return false;
	}
	return true;
}

bool berth_engine__remains_clear(struct berth_engine *engine, const char *id, const char *cgroup, const char *image,
				 GError **error)
{
	bool image_gone;

	if (!berth_engine__run_clear(engine, id, cgroup, error) || !berth_snapshot_remove(engine->snapshots, id, error))
		return false;
	BERTH_FAILPOINT("container.remove.snapshot");
	if (!remove_log(engine, id, error) || !berth_remove_tree_at(engine->containers_folder, id, error))
		return false;
	BERTH_FAILPOINT("container.remove.folder");
	if (!remove_volumes(engine, id, error))
		return false;
	if (!remove_record(engine, id, image, &image_gone, error))
		return false;
	BERTH_FAILPOINT("container.remove.recorded");
	struct berth_collected collected;
	return !image_gone || berth_store_collect(engine->store, &collected, error);
}

struct remains {
	struct berth_engine *engine;
	char *id, *cgroup, *image;
};

static void clear(void *data, G_GNUC_UNUSED bool canceled)
{
	struct remains *remains = data;
	g_autoptr(GError) error = NULL;

	if (!berth_engine__remains_clear(remains->engine, remains->id, remains->cgroup, remains->image, &error))
		g_warning("container %s: removing what is left of it: %s; the next start tries again", remains->id,
			  error->message);
	g_free(remains->id);
	g_free(remains->cgroup);
	g_free(remains->image);
	g_free(remains);
}

void berth_engine__remains_clear_later(struct berth_engine *engine, const char *id, const char *cgroup,
				       const char *image)
{
	struct remains *remains = g_new0(struct remains, 1);

	*remains = (struct remains){engine, g_strdup(id), g_strdup(cgroup), g_strdup(image)};
	berth_workers_add(engine->workers, clear, remains, 0);
}
