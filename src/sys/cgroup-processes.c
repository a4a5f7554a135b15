// SPDX-License-Identifier: Apache-2.0
// The processes of a group: listing, signalling, freezing, and the removal that waits for the last of them. A group
// may have groups beneath it that the container made itself; every operation counts those in.
#include "sys/cgroup-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PROCS_MAX (64 << 20) // text of one cgroup.procs
#define FREEZE_MICROSECONDS (2 * G_USEC_PER_SEC)
#define SIGNAL_ROUNDS 200
#define SIGNAL_ROUNDS_RUNNING 5 // after so many a group that keeps forking is frozen

typedef bool visit_fn(int parent, const char *name, int folder, void *data, GError **error);

// Names of the groups directly beneath.
static char **list_children(int folder, GError **error)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;

	if (!listing) {
		int errnum = errno;
		berth_fd_clear(&fd);
		if (errnum == ENOENT || errnum == ENODEV) // removed meanwhile
			return g_strv_builder_end(names);
		berth_error_set_errno(error, errnum, "list groups");
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(listing));)
		if (entry->d_type == DT_DIR && !g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
			g_strv_builder_add(names, entry->d_name);
	closedir(listing);
	return g_strv_builder_end(names);
}

// Visits all groups beneath `folder`, the deepest first. One descriptor is held per level.
static bool walk(int folder, visit_fn *visit, void *data, GError **error)
{
	g_auto(GStrv) names = list_children(folder, error);
	if (!names)
		return false;
	for (char **name = names; *name; name++) {
		berth_fd child = openat(folder, *name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 && errno == ENOENT)
			continue;
		if (child < 0)
			return berth_error_set_errno(error, errno, "open group %s", *name);
		if (!walk(child, visit, data, error) || !visit(folder, *name, child, data, error))
			return false;
	}
	return true;
}

static bool collect(G_GNUC_UNUSED int parent, G_GNUC_UNUSED const char *name, int folder, void *data, GError **error)
{
	GArray *pids = data;
	berth_fd fd = openat(folder, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV || berth_error_set_errno(error, errno, "open cgroup.procs");

	g_autoptr(GError) local = NULL;
	g_autofree char *text = berth_read_fd(fd, PROCS_MAX, NULL, "cgroup.procs", &local);
	// A threaded group shows its processes in the group above, a removed one has none.
	for (char *at = text; at && *at;) {
		pid_t pid = (pid_t) strtol(at, &at, 10);
		if (pid > 0) // 0: of a pid namespace that is not ours
			g_array_append_val(pids, pid);
		at += strspn(at, "\n");
	}
	return true;
}

static int compare_pids(const void *left, const void *right)
{
	return *(const pid_t *) left - *(const pid_t *) right;
}

GArray *berth_cgroup_pids(const struct berth_cgroup *cgroup, GError **error)
{
	g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));

	if (cgroup->folders->len > 0) {
		int folder = g_array_index(cgroup->folders, struct berth_cgroup_folder, 0).fd;
		if (!collect(-1, "", folder, pids, error) || !walk(folder, collect, pids, error)) {
			g_prefix_error(error, "cgroup %s: ", cgroup->path);
			return NULL;
		}
	}
	g_array_sort(pids, compare_pids);
	return g_steal_pointer(&pids);
}

// Sleeps longer each time, and not beyond the deadline. False when that has passed.
static bool wait_until(int64_t deadline, unsigned *step)
{
	int64_t left = deadline - g_get_monotonic_time();
	if (left <= 0)
		return false;
	*step = CLAMP(*step * 2, 50, 5000);
	g_usleep((unsigned long) MIN(left, (int64_t) *step));
	return true;
}

bool berth_cgroup_frozen(const struct berth_cgroup *cgroup)
{
	if (cgroup->kind == BERTH_CGROUP_V2) {
		g_autofree char *events = berth_cgroup_peek(cgroup, "freezer", "cgroup.events");
		return events && berth_cgroup_number(events, "frozen") == 1;
	}
	g_autofree char *state = berth_cgroup_peek(cgroup, "freezer", "freezer.state");
	return state && g_str_equal(state, "FROZEN");
}

static bool write_freezer(const struct berth_cgroup *cgroup, bool frozen, GError **error)
{
	if (cgroup->kind == BERTH_CGROUP_V2)
		return berth_cgroup_write(cgroup, "freezer", "cgroup.freeze", frozen ? "1" : "0", error);
	return berth_cgroup_write(cgroup, "freezer", "freezer.state", frozen ? "FROZEN" : "THAWED", error);
}

// The root holds the host's processes.
static bool check_not_root(const struct berth_cgroup *cgroup, const char *what, GError **error)
{
	return !g_str_equal(cgroup->path, "/") ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "cgroup /: the root cannot be %s", what);
}

bool berth_cgroup_freeze(const struct berth_cgroup *cgroup, bool frozen, GError **error)
{
	int64_t deadline = g_get_monotonic_time() + FREEZE_MICROSECONDS;
	unsigned step = 0;

	if (!check_not_root(cgroup, "frozen", error) || !write_freezer(cgroup, frozen, error))
		return false;
	for (int round = 1; frozen && !berth_cgroup_frozen(cgroup); round++) {
		if (!wait_until(deadline, &step)) {
			write_freezer(cgroup, false, NULL);
			return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
					       "cgroup %s: its processes could not be frozen in two seconds",
					       cgroup->path);
		}
		// On v1 a process that forks while it is frozen can leave the group at FREEZING until told again.
		if (cgroup->kind != BERTH_CGROUP_V2) {
			if (round % 32 == 0)
				write_freezer(cgroup, false, NULL);
			if (!write_freezer(cgroup, true, error))
				return false;
		}
	}
	return true;
}

// One round: signals those not signalled yet. Returns their number, or -1.
static int signal_new(const struct berth_cgroup *cgroup, int signal, GHashTable *done, int *ret_errnum, GError **error)
{
	g_autoptr(GArray) pids = berth_cgroup_pids(cgroup, error);
	int count = 0;

	if (!pids)
		return -1;
	for (unsigned i = 0; i < pids->len; i++) {
		pid_t pid = g_array_index(pids, pid_t, i);
		if (!g_hash_table_add(done, GINT_TO_POINTER(pid)))
			continue;
		count++;
		if (kill(pid, signal) < 0 && errno != ESRCH)
			*ret_errnum = errno;
	}
	return count;
}

bool berth_cgroup_signal(const struct berth_cgroup *cgroup, int signal, GError **error)
{
	if (!check_not_root(cgroup, "signalled", error))
		return false;
	if (cgroup->kind == BERTH_CGROUP_V2 && signal == SIGKILL &&
	    berth_cgroup_write(cgroup, "freezer", "cgroup.kill", "1", NULL))
		return true;

	g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);
	bool stopped = false;
	int errnum = 0, count = 1, round = 0;
	for (; count > 0 && round < SIGNAL_ROUNDS; round++) {
		if (round == SIGNAL_ROUNDS_RUNNING && !berth_cgroup_frozen(cgroup))
			stopped = berth_cgroup_freeze(cgroup, true, NULL);
		count = signal_new(cgroup, signal, done, &errnum, error);
	}
	if (stopped || (signal == SIGKILL && berth_cgroup_frozen(cgroup)))
		write_freezer(cgroup, false, NULL);
	if (count < 0)
		return false;
	if (errnum)
		return berth_error_set_errno(error, errnum, "cgroup %s: signal %d", cgroup->path, signal);
	if (count > 0)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "cgroup %s: signal %d: new processes keep appearing", cgroup->path, signal);
	return true;
}

int berth_cgroup_remove_folder(int folder, const char *name)
{
	g_autofree char *path = g_strconcat("../", name, NULL);

	return unlinkat(folder, path, AT_REMOVEDIR) < 0 && errno != ENOENT ? errno : 0;
}

bool berth_cgroup_remove_empty(const struct berth_cgroup *cgroup)
{
	return cgroup->folders->len > 0 && !g_str_equal(cgroup->path, "/") &&
	       berth_cgroup_remove_folder(g_array_index(cgroup->folders, struct berth_cgroup_folder, 0).fd,
					  strrchr(cgroup->path, '/') + 1) == 0;
}

static bool remove_child(int parent, const char *name, G_GNUC_UNUSED int folder, void *data,
			 G_GNUC_UNUSED GError **error)
{
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		*(int *) data = errno;
	return true;
}

bool berth_cgroup_remove(struct berth_cgroup *cgroup, unsigned milliseconds, GError **error)
{
	int64_t deadline = g_get_monotonic_time() + (int64_t) milliseconds * 1000;
	const char *name = strrchr(cgroup->path, '/') + 1;
	unsigned step = 0;

	if (!check_not_root(cgroup, "removed", error))
		return false;
	for (unsigned i = 0; i < cgroup->folders->len;) {
		int folder = g_array_index(cgroup->folders, struct berth_cgroup_folder, i).fd;
		int errnum = berth_cgroup_remove_folder(folder, name);
		if (errnum == EBUSY || errnum == ENOTEMPTY) {
			int below = 0;
			if (!walk(folder, remove_child, &below, error)) {
				g_prefix_error(error, "remove cgroup %s: ", cgroup->path);
				return false;
			}
			errnum = berth_cgroup_remove_folder(folder, name);
		}
		if (!errnum)
			i++;
		else if (errnum != EBUSY && errnum != ENOTEMPTY)
			return berth_error_set_errno(error, errnum, "remove cgroup %s", cgroup->path);
		else if (!wait_until(deadline, &step))
			return berth_error_set(error, BERTH_ERROR_CONFLICT,
					       "remove cgroup %s: there are still processes in it", cgroup->path);
	}
	return true;
}
