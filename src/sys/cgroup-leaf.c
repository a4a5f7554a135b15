// SPDX-License-Identifier: Apache-2.0
// A leaf beneath a group, of the v2 hierarchy alone (which hybrid layouts have too): it has no controllers and no
// limits of its own, and serves to tell some of the group's processes from the others.
#include "sys/cgroup-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESSES_SIZE (1 << 20) // of a list of pids
#define KILL_ROUNDS 100

int berth_cgroup_leaf(const struct berth_cgroup *cgroup, const char *name)
{
	int parent = berth_cgroup_birth_fd(cgroup);

	if (parent < 0)
		return -1;
	// Kernels with the fault that a group which was killed once kills whoever is born in it: an empty one is made
	// anew.
	unlinkat(parent, name, AT_REMOVEDIR);
	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

// Kernels before 5.14.
static bool kill_one_by_one(int leaf)
{
	for (int i = 0; i < KILL_ROUNDS; i++) {
		g_autofree char *text = berth_read_file_at(leaf, "cgroup.procs", PROCESSES_SIZE, NULL, NULL);
		g_auto(GStrv) pids = text ? g_strsplit(g_strstrip(text), "\n", -1) : NULL;
		if (!pids || !pids[0] || !*pids[0])
			return pids != NULL;
		for (char **pid = pids; *pid; pid++) {
			pid_t number = (pid_t) g_ascii_strtoll(*pid, NULL, 10);
			if (number > 0) // 0: one that is just going, or is in another pid namespace
				kill(number, SIGKILL);
		}
	}
	return false;
}

bool berth_cgroup_leaf_kill(int leaf)
{
	berth_fd file = openat(leaf, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	return file >= 0 ? write(file, "1", 1) == 1 : kill_one_by_one(leaf);
}
