// SPDX-License-Identifier: Apache-2.0
// Control groups on the layouts that exist: v1 hierarchies, hybrid (v1 with an unused v2 beside them) and v2, told
// apart by the file systems that are mounted. One handle stands for one group: on v1 a folder in each hierarchy, on v2
// one folder. Values are the kernel's text; what OCI's numbers mean is src/runtime/resources.c's business.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum berth_cgroup_layout {
	BERTH_CGROUP_NONE, // no cgroup file system: containers run without limits, with a warning
	BERTH_CGROUP_V1,
	BERTH_CGROUP_HYBRID, // as V1; the v2 hierarchy has no controllers
	BERTH_CGROUP_V2,
};

struct berth_cgroup; // owns an O_PATH descriptor per hierarchy

enum berth_cgroup_layout berth_cgroup_layout(void);

// The layout that a handle was made on. With BERTH_CGROUP_NONE it stands for nothing: joining and removing do nothing,
// no controller is there.
enum berth_cgroup_layout berth_cgroup_kind(const struct berth_cgroup *cgroup);

// Makes the group `path` ("/berth/<id>", absolute from the hierarchies' mount points; no "..") and its missing parents.
// On v2 the controllers that the kernel offers are enabled for the parents' children, those that cannot be are left out
// (berth_cgroup_has tells). The group must not exist, or be empty of processes.
bool berth_cgroup_create(const char *path, struct berth_cgroup **ret, GError **error);

// The same in two steps, so that a process may be made between them: begin makes what it is born in (v2), complete the
// rest (v1's hierarchies, nothing on v2). When complete fails, the handle stands for what was made until then.
bool berth_cgroup_begin(const char *path, struct berth_cgroup **ret, GError **error);
bool berth_cgroup_complete(struct berth_cgroup *cgroup, GError **error);
// What is mounted, as it was found when the group was begun (cgroup-internal.h); NULL for one that was not.
const struct berth_cgroup_mounts *berth_cgroup_mounts_of(const struct berth_cgroup *cgroup);

// As berth_cgroup_begin(), for a group that somebody else has made for us in some hierarchies: it may have processes.
bool berth_cgroup_adopt(const char *path, struct berth_cgroup **ret, GError **error);

// Opens an existing one; hierarchies in which it is missing are left out. None at all: BERTH_ERROR_NOT_FOUND. The root
// can be opened to see what the host has; it cannot be frozen, signalled or removed.
bool berth_cgroup_open(const char *path, struct berth_cgroup **ret, GError **error);

// Delegation (v2): what may be done below the calling process's own group, by an ordinary user too.

// The own group as /proc/self/cgroup has it ("/user.slice/…"), without BERTH_CGROUP_CALLERS at its end.
// BERTH_ERROR_UNAVAILABLE: v2 is not in charge here, or the group lies outside of the cgroup namespace.
#define BERTH_CGROUP_CALLERS "berth-callers"
char *berth_cgroup_own(GError **error);

// Makes the group `name` below the own one, with every controller that is delegated; those of `needed` (v2's names,
// NULL: none) must be there. A group with processes cannot give controllers to groups below it: where a needed one is
// not given yet, the processes of the own group, this one among them, are moved to its leaf BERTH_CGROUP_CALLERS. The
// error names the group and the controller or the permission that is missing, and what helps.
bool berth_cgroup_create_below(const char *name, const char *const *needed, struct berth_cgroup **ret, GError **error);

// Gives the group to a user as the specification wants it for containers that manage their own groups: the folder and
// the files that the kernel names in /sys/kernel/cgroup/delegate. Nothing on v1, where that is not safe.
bool berth_cgroup_give(const struct berth_cgroup *cgroup, uid_t uid, GError **error);

// Makes the group `name` directly beneath, which the container will manage itself: it is given to the user, the process
// is moved there, and then it gets every controller of the group above, whose limits hold for it. v2 only, else
// BERTH_ERROR_UNAVAILABLE.
bool berth_cgroup_delegate(const struct berth_cgroup *cgroup, const char *name, uid_t uid, pid_t pid, GError **error);

// Its path from the hierarchies' mount points, borrowed.
const char *berth_cgroup_path(const struct berth_cgroup *cgroup);

// Makes the handle one of the group at `path` beneath, in all hierarchies or (v1) only in those of `controllers`
// ("cpu,memory"). Hierarchies without controllers stay where they are if it is not there.
bool berth_cgroup_descend(struct berth_cgroup *cgroup, const char *controllers, const char *path, GError **error);

// Whether the group has the controller ("memory", "cpu", "cpuset", "pids", "devices", "freezer", "blkio"/"io",
// "hugetlb", "rdma", "net_cls", "net_prio"; on v2 "devices" and "freezer" are always there).
bool berth_cgroup_has(const struct berth_cgroup *cgroup, const char *controller);

// The v2 folder where v2 is in charge, borrowed; -1 on v1 and hybrid.
int berth_cgroup_fd(const struct berth_cgroup *cgroup);

// Opens the leaf `name` beneath the group, which is made if it is not there: for processes to be born in, in place of
// berth_cgroup_birth_fd(). -1: it cannot be, as on v1 alone. The group's removal removes it.
int berth_cgroup_leaf(const struct berth_cgroup *cgroup, const char *name);
// Kills whatever is in it, however it came to be there.
bool berth_cgroup_leaf_kill(int leaf);

// Moves a process into every hierarchy: all the writes back to back, since the first pays a grace period of some 8 ms
// and the others nearly nothing.
bool berth_cgroup_join(const struct berth_cgroup *cgroup, pid_t pid, GError **error);

// How a new process gets into its group at a hundredth of that: on v2 it is born in it (CLONE_INTO_CGROUP with
// berth_cgroup_birth_fd(), which hybrid layouts have too; borrowed, -1 on v1). Into v1 hierarchies it moves itself
// while it has one thread: its creator opens the files (a new GArray of int, closed with it), and it calls
// berth_cgroup_enter() with them. The kernel takes no global lock for a thread that moves itself.
int berth_cgroup_birth_fd(const struct berth_cgroup *cgroup);
GArray *berth_cgroup_open_entrance(const struct berth_cgroup *cgroup, GError **error);
bool berth_cgroup_enter(const GArray *entrance, GError **error);

// Writes or reads one file of one controller ("memory", "memory.limit_in_bytes"). `file` is a plain name. On v2 the
// controller only serves the message. read returns new text without its last newline.
bool berth_cgroup_write(const struct berth_cgroup *cgroup, const char *controller, const char *file, const char *value,
			GError **error);
char *berth_cgroup_read(const struct berth_cgroup *cgroup, const char *controller, const char *file, GError **error);

// Waits until all processes are frozen, at most two seconds; if they are not by then, they are thawed again.
bool berth_cgroup_freeze(const struct berth_cgroup *cgroup, bool frozen, GError **error);
bool berth_cgroup_frozen(const struct berth_cgroup *cgroup);

// Signals every process in the group and the groups beneath it, until none is left unsignalled (v2: cgroup.kill for
// SIGKILL). An empty group is no error. A frozen v1 group is thawed by SIGKILL, since its processes cannot die before.
bool berth_cgroup_signal(const struct berth_cgroup *cgroup, int signal, GError **error);

// Pids in the group and beneath: a new GArray of pid_t.
GArray *berth_cgroup_pids(const struct berth_cgroup *cgroup, GError **error);

// Whether it had neither processes nor groups beneath it: then it is removed from its first hierarchy, whose processes
// the functions above speak of.
bool berth_cgroup_remove_empty(const struct berth_cgroup *cgroup);

// Removes the folders, those beneath too; waits at most `milliseconds` for processes that are still dying.
bool berth_cgroup_remove(struct berth_cgroup *cgroup, unsigned milliseconds, GError **error);

// Counts from the kernel; 0 where a controller is missing. memory_limit_bytes is UINT64_MAX without a limit.
struct berth_cgroup_usage {
	uint64_t memory_bytes, memory_peak_bytes, memory_limit_bytes, memory_inactive_file_bytes;
	uint64_t cpu_nanoseconds, cpu_user_nanoseconds, cpu_system_nanoseconds;
	uint64_t pids, oom_kills;
};
void berth_cgroup_usage(const struct berth_cgroup *cgroup, struct berth_cgroup_usage *ret);

// One rule on devices, in order of appearance, as `devices.allow` has them. -1: all numbers.
struct berth_device_rule {
	bool allow;
	char type; // 'a', 'b', 'c'
	int64_t major, minor;
	bool read, write, mknod;
};
// Replaces the group's device rules: v1 by the devices hierarchy, v2 by an eBPF program. What no rule allows is denied;
// of several rules on one device the last one counts. BERTH_ERROR_FORBIDDEN: this process may not, or the parent group
// does not allow it; BERTH_ERROR_NOT_IMPLEMENTED: v1 cannot express a rule (a hole in an earlier one).
bool berth_cgroup_set_devices(const struct berth_cgroup *cgroup, const struct berth_device_rule *rules, size_t count,
			      GError **error);

void berth_cgroup_free(struct berth_cgroup *cgroup);
typedef struct berth_cgroup berth_cgroup;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_cgroup, berth_cgroup_free)
