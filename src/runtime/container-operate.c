// SPDX-License-Identifier: Apache-2.0
// What is done with a container that exists, by its creator or by a process that has loaded it. Nothing is remembered
// that the kernel knows: each question is answered by the pidfd, the cgroup and the state folder.
#include "runtime/channel.h"
#include "runtime/container-internal.h"
#include "runtime/exec-record.h"
#include "runtime/groups.h"
#include "runtime/setup.h"
#include "runtime/stats.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "sys/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

struct berth_container *berth_container_new(const struct berth_runtime *runtime, int folder)
{
	struct berth_container *container = g_new0(struct berth_container, 1);

	container->runtime = runtime;
	container->folder = folder;
	container->pidfd = container->starter = container->network = -1;
	return container;
}

void berth_container_free(struct berth_container *container)
{
	if (!container)
		return;
	berth_fd_clear(&container->folder);
	berth_fd_clear(&container->pidfd);
	berth_fd_clear(&container->starter);
	berth_fd_clear(&container->network);
	berth_record_free(container->record);
	berth_cgroup_free(container->cgroup);
	berth_exec_record_free(container->exec);
	g_free(container);
}

bool berth_container_load(const struct berth_runtime *runtime, const char *id, struct berth_container **ret,
			  GError **error)
{
	if (!berth_check_id(id, error))
		return false;
	int folder = berth_state_open(runtime, id, false, error);
	if (folder < 0)
		return false;
	g_autoptr(berth_container) container = berth_container_new(runtime, folder);
	container->record = berth_state_read(folder, id, error);
	if (!container->record)
		return false;
	container->pidfd = berth_process_open((pid_t) container->record->pid, container->record->start_time);
	*ret = g_steal_pointer(&container);
	return true;
}

static bool alive(const struct berth_container *container)
{
	return container->pidfd >= 0 && !berth_process_ended(container->pidfd);
}

struct berth_cgroup *berth_container_find_cgroup(struct berth_container *container, GError **error)
{
	g_autoptr(GError) problem = NULL;

	if (container->cgroup || !container->record->cgroup)
		return container->cgroup;
	if (!berth_cgroup_open(container->record->cgroup, &container->cgroup, &problem) &&
	    !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_propagate_error(error, g_steal_pointer(&problem));
	return container->cgroup;
}

static struct berth_cgroup *need_cgroup(struct berth_container *container, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct berth_cgroup *cgroup = berth_container_find_cgroup(container, &problem);

	if (problem)
		g_propagate_error(error, g_steal_pointer(&problem));
	else if (!cgroup)
		berth_error_set(
			error, BERTH_ERROR_CONFLICT,
			"container %s has no cgroup, which this needs: its creator could make none, or was told "
			"not to",
			container->record->id);
	return cgroup;
}

const char *berth_container_status(struct berth_container *container)
{
	if (!container->record->pid)
		return berth_state_locked(container->folder) ? "creating" : "stopped";
	if (!alive(container))
		return "stopped";
	struct berth_cgroup *cgroup = berth_container_find_cgroup(container, NULL);
	if (cgroup && berth_cgroup_frozen(cgroup))
		return "paused";
	if (container->starter >= 0)
		return "created";
	return faccessat(container->folder, BERTH_START_SOCKET, F_OK, 0) == 0 ? "created" : "running";
}

struct oci_state *berth_container_state(struct berth_container *container, G_GNUC_UNUSED GError **error)
{
	const struct berth_record *record = container->record;
	struct oci_state *state = berth_document_new(&oci_state_document);

	state->oci_version = g_strdup(BERTH_OCI_VERSION);
	state->id = g_strdup(record->id);
	state->status = g_strdup(berth_container_status(container));
	state->pid = alive(container) ? record->pid : 0;
	state->bundle = g_strdup(record->bundle);
	state->rootfs = g_strdup(record->rootfs);
	state->created = g_strdup(record->created);
	state->annotations = record->annotations ? g_hash_table_ref(record->annotations) : NULL;
	return state;
}

static bool run_hooks(struct berth_container *container, const GPtrArray *hooks, const char *name, GError **error)
{
	if (!hooks || !hooks->len)
		return true;
	g_autoptr(oci_state) state = berth_container_state(container, NULL);
	g_autofree char *pid = state->pid ? g_strdup_printf("%d", (int) state->pid) : NULL;
	g_autofree char *text = berth_hooks_state(state, state->status, pid);
	struct berth_hook_streams streams = {.out = -1, .err = -1};
	bool run =
		berth_hooks_open_streams(container->record->annotations, container->record->bundle, &streams, error) &&
		berth_hooks_run(hooks, name, text, &streams, error);
	berth_hooks_close_streams(&streams);
	return run;
}

// Start

// Whether the kernel killed a process of the container for want of memory.
static bool out_of_memory(struct berth_container *container)
{
	uint64_t kills = 0;

	return berth_container_oom_kills(container, &kills, NULL) && kills;
}

// Waits for "executing" and then for the end of the stream, which exec brings.
static bool await_exec(struct berth_container *container, int child, GError **error)
{
	bool executing = false;
	bool notified = !container->record->listener_path;

	for (;;) {
		BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
		g_autoptr(GError) problem = NULL;
		const char *rest = "";
		const char *word = berth_channel_receive(child, &packet, &rest, &problem);

		if (problem) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
		if (!word && !executing && out_of_memory(container))
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"container %s: its process was killed before its program: its memory limit is too low",
				container->record->id);
		if (!word)
			return (executing && notified) ||
			       berth_error_set(error, BERTH_ERROR_INTERNAL,
					       "container %s: its process ended before its program",
					       container->record->id);
		if (g_str_equal(word, "executing"))
			executing = true;
		else if (g_str_equal(word, "warn") && container->runtime->warn)
			container->runtime->warn(container->runtime->data, rest);
		else if (g_str_equal(word, "notify") && packet.fd_count == 1)
			notified = berth_notify_deliver(container, (pid_t) container->record->pid, packet.fds[0], child,
							&problem);
		if (problem) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
	}
}

static bool check_startable(struct berth_container *container, GError **error)
{
	const char *now = berth_container_status(container);

	if (g_str_equal(now, "created"))
		return true;
	if (g_str_equal(now, "stopped"))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "cannot start a container that has stopped%s",
				       out_of_memory(container) ? ": it was killed, its memory limit is too low" : "");
	if (g_str_equal(now, "running"))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "cannot start an already running container");
	return berth_error_set(error, BERTH_ERROR_CONFLICT, "cannot start a container in the state %s", now);
}

// A container whose program could not be started is stopped.
static void stop(const struct berth_container *container)
{
	pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0);
	berth_process_wait_end(container->pidfd, BERTH_CONTAINER_END_WAIT);
}

// The process that waits to be started.
static int reach(struct berth_container *container, GError **error)
{
	if (container->starter < 0)
		return berth_socket_connect_at(container->folder, BERTH_START_SOCKET, SOCK_SEQPACKET, error);
	berth_fd child = berth_fd_steal(&container->starter);
	g_autoptr(GError) problem = NULL;
	// One that is gone has perhaps left its reason, which await_exec() finds.
	berth_channel_send(child, -1, &problem, "start");
	return berth_fd_steal(&child);
}

bool berth_container_start(struct berth_container *container, GError **error)
{
	const struct oci_hooks *hooks = container->record->hooks;
	berth_fd lock = berth_state_lock(container->folder, container->record->id, false, error);

	if (lock < 0 || !check_startable(container, error))
		return false;
	bool socket = container->starter < 0;
	berth_fd child = reach(container, error);
	if (child < 0)
		return false;
	bool started = await_exec(container, child, error);
	BERTH_FAILPOINT("runtime.start.executed");
	if (socket && unlinkat(container->folder, BERTH_START_SOCKET, 0) < 0 && started)
		started = berth_error_set_errno(error, errno, "container %s: remove " BERTH_START_SOCKET,
						container->record->id);
	started = started && run_hooks(container, hooks ? hooks->poststart : NULL, "poststart", error);
	if (!started)
		stop(container);
	return started;
}

// Signals, freezer, limits

// Without a group: a process that appears meanwhile can be missed, but for SIGKILL, which init's end brings to all.
static bool signal_descendants(struct berth_container *container, int signal, GError **error)
{
	g_autoptr(GArray) pids = berth_container_descendants(container, error);

	for (guint i = 0; pids && i < pids->len; i++)
		if (kill(g_array_index(pids, pid_t, i), signal) < 0 && errno != ESRCH)
			return berth_error_set_errno(error, errno, "container %s: signal %d", container->record->id,
						     signal);
	return pids != NULL;
}

bool berth_container_signal(struct berth_container *container, int signal, bool all, GError **error)
{
	struct berth_cgroup *cgroup = NULL;

	if (all) {
		g_autoptr(GError) problem = NULL;
		cgroup = berth_container_find_cgroup(container, &problem);
		if (problem) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
	}
	if (cgroup && berth_cgroup_kind(cgroup) != BERTH_CGROUP_NONE)
		return berth_cgroup_signal(cgroup, signal, error);
	if (all && alive(container))
		return signal_descendants(container, signal, error);
	if (!alive(container))
		return all || berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running",
					      container->record->id);
	if (pidfd_send_signal(container->pidfd, signal, NULL, 0) < 0)
		return berth_error_set_errno(error, errno, "container %s: signal %d", container->record->id, signal);
	return true;
}

static bool set_frozen(struct berth_container *container, bool frozen, GError **error)
{
	berth_fd lock = berth_state_lock(container->folder, container->record->id, false, error);

	if (lock < 0)
		return false;
	if (!alive(container))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running",
				       container->record->id);
	struct berth_cgroup *cgroup = need_cgroup(container, error);
	return cgroup && berth_cgroup_freeze(cgroup, frozen, error);
}

bool berth_container_freeze(struct berth_container *container, GError **error)
{
	return set_frozen(container, true, error);
}

bool berth_container_thaw(struct berth_container *container, GError **error)
{
	return set_frozen(container, false, error);
}

bool berth_container_update_rdt(struct berth_container *container, const struct oci_intel_rdt *rdt, GError **error)
{
	const struct berth_record *record = container->record;
	berth_fd lock = berth_state_lock(container->folder, record->id, false, error);

	if (lock < 0 || !berth_rdt_check(rdt, error))
		return false;
	if (!record->rdt || !*record->rdt->group)
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "container %s has no class of service of its own: its config.json has no "
				       "linux.intelRdt",
				       record->id);
	berth_fd root = berth_rdt_open_root(error);
	return root >= 0 && berth_rdt_configure(root, record->rdt, rdt, error);
}

bool berth_container_update(struct berth_container *container, const struct oci_resources *resources, GError **error)
{
	berth_fd lock = berth_state_lock(container->folder, container->record->id, false, error);
	struct berth_cgroup *cgroup = lock < 0 ? NULL : need_cgroup(container, error);

	return cgroup && berth_groups_update(container->runtime, container->record, cgroup, resources, error);
}

// Delete

// Where the file system is not mounted any more, its classes are gone, too.
static bool leave_rdt(const struct berth_container *container, GError **error)
{
	berth_fd root = container->record->rdt ? berth_rdt_open_root(NULL) : -1;

	return root < 0 || berth_rdt_remove(root, container->record->rdt, error);
}

bool berth_container_clear_processes(struct berth_container *container, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct berth_cgroup *cgroup = berth_container_find_cgroup(container, &problem);

	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	// Without a pid namespace of its own, processes outlive init. But before there was one, those in the group are
	// not ours.
	bool ours = container->record->pid != 0;
	berth_net_devices_return(container);
	bool running = alive(container);
	if (cgroup && ours && (running || !berth_cgroup_remove_empty(cgroup)) &&
	    !berth_cgroup_signal(cgroup, SIGKILL, error))
		return false;
	if (running) {
		pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0);
		if (!berth_process_wait_end(container->pidfd, BERTH_CONTAINER_END_WAIT))
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "container %s: its process %d was killed and does not end",
					       container->record->id, (int) container->record->pid);
	}
	BERTH_FAILPOINT("runtime.delete.killed");
	if (cgroup && !berth_cgroup_remove(cgroup, ours ? BERTH_CONTAINER_END_WAIT : 0, &problem) &&
	    (ours || !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_CONFLICT))) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	g_clear_pointer(&container->cgroup, berth_cgroup_free);
	if (!berth_groups_remove(container->runtime, container->record, error) || !leave_rdt(container, error))
		return false;
	BERTH_FAILPOINT("runtime.delete.cgroup");
	return true;
}

bool berth_container_delete(struct berth_container *container, bool force, GError **error)
{
	const char *id = container->record->id;
	const struct oci_hooks *hooks = container->record->hooks;
	g_autoptr(GError) problem = NULL;
	berth_fd lock = berth_state_lock(container->folder, id, false, &problem);

	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	if (lock < 0) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	const char *now = force ? "" : berth_container_status(container);
	if (!force && !g_str_equal(now, "stopped") && !g_str_equal(now, "created"))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "cannot delete container %s that is not stopped: %s", id, now);
	if (!berth_container_clear_processes(container, error))
		return false;
	if (!run_hooks(container, hooks ? hooks->poststop : NULL, "poststop", &problem) && container->runtime->warn)
		container->runtime->warn(container->runtime->data, problem->message);
	return berth_state_remove(container->runtime, container->folder, id, error);
}

// Questions

const char *berth_container_id(const struct berth_container *container)
{
	return container->record->id;
}

pid_t berth_container_pid(const struct berth_container *container)
{
	return alive(container) ? (pid_t) container->record->pid : 0;
}

int berth_container_pidfd(const struct berth_container *container)
{
	return container->pidfd;
}

GArray *berth_container_pids(struct berth_container *container, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct berth_cgroup *cgroup = berth_container_find_cgroup(container, &problem);

	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return NULL;
	}
	if (cgroup && berth_cgroup_kind(cgroup) != BERTH_CGROUP_NONE)
		return berth_cgroup_pids(cgroup, error);
	return alive(container) ? berth_container_descendants(container, error)
				: g_array_new(FALSE, FALSE, sizeof(pid_t));
}

bool berth_container_oom_kills(struct berth_container *container, uint64_t *ret, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct berth_cgroup *cgroup = berth_container_find_cgroup(container, &problem);
	struct berth_cgroup_usage usage = {0};

	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (cgroup)
		berth_cgroup_usage(cgroup, &usage);
	*ret = usage.oom_kills;
	return true;
}

struct oci_stats *berth_container_stats(struct berth_container *container, GError **error)
{
	struct berth_cgroup *cgroup = need_cgroup(container, error);

	return cgroup ? berth_stats_read(cgroup) : NULL;
}

bool berth_container_oom_watch(struct berth_container *container, struct berth_oom_watch *watch, GError **error)
{
	struct berth_cgroup *cgroup = need_cgroup(container, error);

	return cgroup && berth_oom_watch_open(watch, cgroup, error);
}

static int compare_ids(const void *left, const void *right)
{
	return strcmp(*(char *const *) left, *(char *const *) right);
}

char **berth_container_list(const struct berth_runtime *runtime, GError **error)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	DIR *listing = opendir(runtime->state_root);

	if (!listing && errno != ENOENT) {
		berth_error_set_errno(error, errno, "list %s", runtime->state_root);
		return NULL;
	}
	for (struct dirent *entry; listing && (entry = readdir(listing));) {
		g_autofree char *file = g_strconcat(entry->d_name, "/" BERTH_STATE_FILE, NULL);
		if (*entry->d_name != '.' && faccessat(dirfd(listing), file, F_OK, 0) == 0)
			g_ptr_array_add(ids, g_strdup(entry->d_name));
	}
	if (listing)
		closedir(listing);
	g_ptr_array_sort(ids, compare_ids);
	g_ptr_array_add(ids, NULL);
	return (char **) g_ptr_array_free(g_steal_pointer(&ids), FALSE);
}
