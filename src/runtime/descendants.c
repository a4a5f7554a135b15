// SPDX-License-Identifier: Apache-2.0
// The processes of a container that has no control group to list them: those of its pid namespace, and what they have
// started in namespaces beneath it.
#include "runtime/container-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STAT_MAX 4096 // text of one /proc/PID/stat

struct process {
	pid_t pid, parent;
	bool inside;
};

static bool pid_namespace(int proc, const char *name, struct stat *ret)
{
	g_autofree char *path = g_strconcat(name, "/ns/pid", NULL);

	return fstatat(proc, path, ret, 0) == 0;
}

// 0: it has ended, though nobody may have reaped it yet.
static pid_t parent_of(int proc, const char *name)
{
	g_autofree char *path = g_strconcat(name, "/stat", NULL);
	g_autofree char *text = berth_read_file_at(proc, path, STAT_MAX, NULL, NULL);
	const char *field = text ? strrchr(text, ')') : NULL; // the name before it may hold anything

	// ") S 123": the state before the parent
	return field && strlen(field) > 4 && field[2] != 'Z' && field[2] != 'X'
		       ? (pid_t) g_ascii_strtoll(field + 4, NULL, 10)
		       : 0;
}

static GArray *list(const struct stat *namespace, pid_t init, GError **error)
{
	GArray *processes = g_array_new(FALSE, FALSE, sizeof(struct process));
	DIR *listing = opendir("/proc");

	if (!listing)
		berth_error_set_errno(error, errno, "list /proc");
	for (struct dirent *entry; listing && (entry = readdir(listing));) {
		struct process process = {.pid = (pid_t) g_ascii_strtoll(entry->d_name, NULL, 10)};
		struct stat st;
		if (process.pid <= 0)
			continue;
		process.parent = parent_of(dirfd(listing), entry->d_name);
		if (!process.parent && process.pid != init)
			continue;
		process.inside = pid_namespace(dirfd(listing), entry->d_name, &st) && st.st_dev == namespace->st_dev &&
				 st.st_ino == namespace->st_ino;
		g_array_append_val(processes, process);
	}
	if (listing)
		closedir(listing);
	return processes;
}

// Takes those in whose parents are. True if there were any.
static bool add_children(GArray *processes, GHashTable *inside)
{
	bool added = false;

	for (guint i = 0; i < processes->len; i++) {
		struct process *process = &g_array_index(processes, struct process, i);
		if (process->inside || g_hash_table_contains(inside, GINT_TO_POINTER(process->parent))) {
			process->inside = true;
			added |= g_hash_table_add(inside, GINT_TO_POINTER(process->pid));
		}
	}
	return added;
}

GArray *berth_container_descendants(const struct berth_container *container, GError **error)
{
	g_autofree char *init = g_strdup_printf("/proc/%d", (int) berth_container_pid(container));
	g_autoptr(GHashTable) inside = g_hash_table_new(NULL, NULL);
	struct stat own, other;

	if (!pid_namespace(AT_FDCWD, "/proc/self", &own) || !pid_namespace(AT_FDCWD, init, &other)) {
		berth_error_set_errno(error, errno, "container %s: look at its pid namespace", container->record->id);
		return NULL;
	}
	if (own.st_dev == other.st_dev && own.st_ino == other.st_ino) {
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				"container %s has neither a cgroup nor a pid namespace of its own: which processes are "
				"its is not known",
				container->record->id);
		return NULL;
	}
	g_autoptr(GArray) processes = list(&other, berth_container_pid(container), error);
	GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
	while (add_children(processes, inside))
		;
	for (guint i = 0; i < processes->len; i++) {
		const struct process *process = &g_array_index(processes, struct process, i);
		if (process->inside)
			g_array_append_val(pids, process->pid);
	}
	return pids;
}
