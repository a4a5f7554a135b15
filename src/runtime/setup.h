// SPDX-License-Identifier: Apache-2.0
// Inside the runtime: what is prepared before clone and then used by the child, by kernel subject. Functions with
// `prepare` in their name run in the creator, before clone, with its privileges and in its namespaces; all others run
// in the child, inside the container's namespaces, and reach the container's files through `root` only.
#pragma once

#include "runtime/container.h"
#include "runtime/mount-options.h"
#include "sys/capability.h"

#include <glib.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/types.h>

// One entry of config.mounts.
struct berth_mount_step {
	const struct oci_mount *mount; // borrowed
	struct berth_mount_options options;
	int tree; // bind: a detached clone of the source, attributes set; a new file system with mapped ids; else -1
	bool file; // bind: the source is no folder
	char *link; // copy-symlink: what the source, a link, leads to; else NULL
	GPtrArray *cgroups; // cgroup v1: its hierarchies (mounts-cgroup.c); else NULL
	// Set by the child.
	int mounted; // the mount, where it is needed again; else -1
	bool late; // it becomes read-only last
	bool kernel; // procfs or sysfs
};

// Where hooks are run, and where their output goes.
struct berth_hook_streams {
	const char *folder; // where they are run; NULL: where the caller is
	int out, err; // what they write is appended there; -1: kept for the message if the hook fails
};

// When the process prepares its mounts itself: prepare.c.
enum berth_late {
	BERTH_LATE_NOT, // the creator has done it
	BERTH_LATE_AS_CREATOR,
	BERTH_LATE_AS_ROOT,
};

struct berth_setup {
	const struct berth_runtime *runtime;
	const struct oci_config *config;
	const struct oci_linux_section *section; // config->os_linux, never NULL
	const struct berth_create *create;
	const char *id;
	const struct oci_state *state; // for hooks
	const char *cgroup_path; // NULL: none
	const struct berth_cgroup_mounts *cgroup_mounts; // as found when its group was begun, borrowed; NULL: not yet
	bool unprivileged; // the creator is an ordinary user
	enum berth_late late;

	unsigned new_namespaces; // CLONE_NEW*, made by clone; CLONE_NEWCGROUP apart, see child.c
	unsigned joined_namespaces;
	unsigned private_namespaces; // new, or joined ones that are not the creator's own
	GArray *cgroup_entrance; // of int: sys/cgroup.h; NULL: nothing to enter
	bool groups_come; // the entrance is not there yet at clone: it comes over the channel
	int join[8]; // descriptors of joined namespaces, -1 beyond; the user namespace last
	unsigned join_flags[8];
	int time_offsets; // in the child: its timens_offsets; -1: none are wanted

	int root_tree; // the root's detached mount; -1 in a joined mount namespace
	char *root_path; // where on the host, so that hooks find it there; NULL: anywhere, or in a joined mount
			 // namespace
	const char *mount_label; // of new file systems; borrowed; NULL: none
	GArray *mounts; // of struct berth_mount_step
	GArray *device_trees; // of int: /dev nodes of the host, where mknod is not allowed (user namespaces)
	struct berth_hook_streams hook_streams;
	int proc_fd; // a procfs nobody else has; -1 when nothing is written to it
	const char *label_file; // where the LSM label goes, beneath proc_fd; NULL: none
	char *label;
	int label_fd; // opened by who writes it; -1: not yet

	struct rlimit limits[RLIM_NLIMITS]; // of the process, by resource
	struct rlimit own_limits[RLIM_NLIMITS]; // the creator's, where it has raised them
	unsigned limits_set, limits_raised; // bit N: the entry of resource N counts
	struct berth_capabilities capabilities;
	void *seccomp; // NULL: none
	size_t seccomp_length;
	unsigned seccomp_flags;

	// Only for a further process in a container (exec.c).
	bool exec; // that is what this is; else a container is being made
	int target; // pidfd of the container's init, until it has been joined
	pid_t target_pid;
	const char *target_root; // chroot in its mount namespace; NULL: none
	pid_t *born; // the process as the creator sees it, in memory that the helper shares; 0: not yet

	bool own_start; // the creator starts it, over the channel

	// Only in the child.
	bool in_child;
	bool groups_settled;
	int sync; // to the creator: channel.h
	int listener; // where start() connects; -1 with own_start
	int own_namespaces; // /proc/self/ns; -1: nobody has to ask for them (namespaces-ask.c)
	int root; // O_PATH of the root
	int terminal; // the terminal's other side; -1: none
	int stdio[3];
	char *host_pid; // as the creator sees it
	char *program, **env; // found already, for a start that follows at once; NULL: not yet
};

// An annotation's value; NULL: there is none.
const char *berth_setup_annotation(const struct berth_setup *setup, const char *name);
// Tells the creator's caller.
void berth_setup_warn(const struct berth_setup *setup, const char *format, ...) G_GNUC_PRINTF(2, 3);

// Whether a first child has to enter namespaces, which then makes the container's process: one with memory of its own
// (child.c), or a mere helper of clone (sys/process-join.c), where that will do.
enum berth_joining { BERTH_JOINING_NONE, BERTH_JOINING_HELPER, BERTH_JOINING_CHILD };
enum berth_joining berth_setup_joining(const struct berth_setup *setup);

struct berth_setup *berth_setup_new(void);
void berth_setup_free(struct berth_setup *setup);
typedef struct berth_setup berth_setup;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_setup, berth_setup_free)

// check.c: refuses what is wrong or not implemented, naming the property, before anything is made.
bool berth_check_id(const char *id, GError **error);
bool berth_check_config(const struct oci_config *config, const struct berth_create *create, GError **error);
bool berth_check_process(const struct oci_process *process, GError **error);
bool berth_check_preserved(int count, GError **error);

// prepare.c
bool berth_prepare(struct berth_setup *setup, GError **error);
bool berth_prepare_late(struct berth_setup *setup, enum berth_late now, GError **error); // in the child

// namespaces-ask.c
void berth_namespaces_offer(struct berth_setup *setup); // in the container's process, where the host's /proc is
int berth_namespaces_wait(const struct berth_setup *setup); // gives them until it is started: the starter's connection
// Asks the process of a container that was not started, for setup->join; the folder is that of its state. None are
// there afterwards if it has been started, or is being started just then.
bool berth_namespaces_ask(struct berth_setup *setup, int folder, GError **error);
bool berth_namespaces_enter(struct berth_setup *setup, bool *ret_user, GError **error); // setup->join

// rootfs.c
bool berth_rootfs_prepare(struct berth_setup *setup, GError **error);
bool berth_rootfs_attach(struct berth_setup *setup, GError **error);
bool berth_rootfs_enter(struct berth_setup *setup, GError **error); // pivot_root or chroot
// Opens what `path` is in the root, O_PATH; a symbolic link at its end is not followed if `no_link`.
int berth_rootfs_open(const struct berth_setup *setup, const char *path, bool no_link, GError **error);
// The same, made if missing: a folder, or an empty file.
int berth_rootfs_target(const struct berth_setup *setup, const char *path, bool file, bool no_link, GError **error);

// mounts.c
bool berth_mounts_prepare(struct berth_setup *setup, const char *cgroup_path, GError **error);
bool berth_mounts_make(struct berth_setup *setup, GError **error);
bool berth_mounts_finish(struct berth_setup *setup, GError **error); // what becomes read-only only at the end

// mount-label.c: _prepare and _add by the creator, _set on what is mounted.
bool berth_mount_label_prepare(struct berth_setup *setup, GError **error);
void berth_mount_label_add(const struct berth_setup *setup, struct berth_mount_step *step);
bool berth_mount_label_set(const struct berth_setup *setup, const struct berth_mount_step *step, int tree,
			   GError **error);

// idmap-mount.c: by the creator, on the detached mount that the step is about.
bool berth_idmap_mount_check(const struct oci_mount *mount, GError **error);
bool berth_idmap_mount_wanted(const struct berth_mount_step *step);
bool berth_idmap_mount_apply(const struct berth_setup *setup, const struct berth_mount_step *step, int tree,
			     GError **error);

// mount-place.c: refuses a folder of the root, reached by `path`, that lies in a bind mount made for another path.
bool berth_mounts_check_place(const struct berth_setup *setup, int folder, const char *path, GError **error);
// Opens what `path` is in the root, O_PATH. What lies in a procfs or sysfs of the document's is found from the mount's
// own descriptor, so nobody who may write in the root can bring something else in its place.
int berth_mounts_open(const struct berth_setup *setup, const char *path, GError **error);

// mounts-host.c: a new file system, or where that is refused what stands in for it.
int berth_mount_new_or_host(const struct berth_setup *setup, const struct berth_mount_step *step, uint64_t attributes,
			    GError **error);

// mounts-cgroup.c
bool berth_cgroup_mount_prepare(struct berth_setup *setup, struct berth_mount_step *step, const char *cgroup_path,
				GError **error);
bool berth_cgroup_mount_make(struct berth_setup *setup, struct berth_mount_step *step, int target, GError **error);
void berth_cgroup_mount_clear(struct berth_mount_step *step);
void berth_cgroup_mount_list_fds(const struct berth_mount_step *step, GArray *fds); // appends them

// copy-up.c: copies what lies in folder `from` into folder `to` (tmpcopyup).
bool berth_copy_up(int from, int to, GError **error);

// hide.c
bool berth_hide_paths(struct berth_setup *setup, GError **error); // readonlyPaths, then maskedPaths

// devices.c
bool berth_devices_prepare(struct berth_setup *setup, GError **error);
bool berth_devices_make(struct berth_setup *setup, GError **error);
// The path of the device that is number `index` of setup->device_trees.
const char *berth_devices_path(const struct berth_setup *setup, guint index);
// Opens the root's own /dev/null and makes sure that it is one.
int berth_devices_open_null(const struct berth_setup *setup, int flags, GError **error);

// device-nodes.c: by the creator, a detached mount of a node of that type (S_IFCHR, S_IFBLK) which belongs to the
// container's ids. -1: it cannot be made.
int berth_device_node_new(const struct berth_setup *setup, const struct oci_device *device, unsigned type,
			  GError **error);

// console.c: the process's terminal on /dev/console; sends its master to the creator.
bool berth_console_make(struct berth_setup *setup, GError **error);
// Only opens it and sends its master; `own_fds` as for berth_terminal_open().
bool berth_console_open(struct berth_setup *setup, int own_fds, GError **error);
bool berth_console_take(const struct berth_setup *setup, GError **error); // as the session's controlling terminal
bool berth_stdio_set(struct berth_setup *setup, GError **error);
// By the creator: pipes among the standard streams become those of the process's user (or of whom the map says that it
// is on the host), who could not open /dev/stdout and the like else.
void berth_stdio_give(const struct berth_setup *setup, const GPtrArray *uid_mappings);

// kernel.c: sysctl, host name, LSM labels: what goes through procfs.
bool berth_kernel_has_lsm(const char *name); // "apparmor", "selinux": it is enabled
bool berth_kernel_prepare(struct berth_setup *setup, GError **error);
bool berth_kernel_apply(struct berth_setup *setup, GError **error);
// Opens what the label is written to, and closes the procfs: it shows the host's processes, and this one might be
// traced by its neighbours in a pid namespace.
bool berth_kernel_reserve_label(struct berth_setup *setup, GError **error);
// The label holds for the next exec, and is inherited by children until then.
bool berth_kernel_write_label(struct berth_setup *setup, GError **error);

// identity.c
bool berth_identity_prepare(struct berth_setup *setup, GError **error);
bool berth_identity_check(const struct oci_process *process, GError **error);
bool berth_identity_check_personality(const struct oci_personality *wanted, GError **error);
bool berth_identity_become_root(const struct berth_setup *setup, GError **error);
bool berth_identity_apply(struct berth_setup *setup, GError **error);
struct berth_notify;
// no_new_privs, capabilities, seccomp
bool berth_identity_finish(struct berth_setup *setup, const struct berth_notify *notify, GError **error);
// A container's id as the creator sees it, by the maps of a new user namespace.
int64_t berth_identity_host_id(const GPtrArray *mappings, int64_t id);

// notify.c: the listener of a filter with SCMP_ACT_NOTIFY. In the child _prepare comes before its limits are set and
// _pass after the filter is installed; begin with BERTH_NOTIFY_NONE. The starter delivers it.
struct berth_notify {
	int socket, helper;
};
#define BERTH_NOTIFY_NONE ((struct berth_notify){-1, -1})
const char *berth_notify_receiver(const struct berth_setup *setup); // where listeners go; NULL: nowhere
bool berth_notify_check(const struct berth_setup *setup, GError **error); // when the filter is compiled
bool berth_notify_prepare(const struct berth_setup *setup, int starter, struct berth_notify *ret, GError **error);
bool berth_notify_pass(const struct berth_notify *notify, int listener);

// process-limits.c
bool berth_limits_check(const struct oci_process *process, GError **error);
// Raises the creator's own hard limits where the process shall have higher ones, since the child may not; what the
// creator may not raise either is clamped, with a warning. berth_limits_restore() takes them back when the child
// exists.
bool berth_limits_prepare(struct berth_setup *setup, GError **error);
void berth_limits_restore(const struct berth_setup *setup);
bool berth_limits_apply_oom_score(const struct berth_setup *setup, pid_t pid, GError **error);
// What the creator sets on the process from outside, when it is ready: oom_score_adj, scheduler, I/O priority. The
// scheduler alone is what a process does not pass on to its child.
bool berth_limits_apply_scheduler(const struct berth_setup *setup, pid_t pid, GError **error);
bool berth_limits_apply_inherited(const struct berth_setup *setup, pid_t pid, GError **error);
bool berth_limits_apply(const struct berth_setup *setup, pid_t pid, GError **error);
// In the child, last before the program: its rlimits.
bool berth_limits_set(const struct berth_setup *setup, GError **error);

// id-maps.c: writes those of the process's new user namespace.
bool berth_id_maps_write(const struct berth_setup *setup, pid_t pid, GError **error);

// namespaces.c: which are made and which are joined.
bool berth_namespaces_prepare(struct berth_setup *setup, GError **error);

// time.c: linux.timeOffsets. _open comes before the child is made non-dumpable, since the file is root's then; _make is
// the first child's (child.c), and makes the time namespace of its children.
bool berth_time_check(const struct oci_linux_section *section, unsigned new_namespaces, GError **error);
bool berth_time_has_offsets(const struct berth_setup *setup);
bool berth_time_open(struct berth_setup *setup, GError **error);
bool berth_time_make(struct berth_setup *setup, GError **error);

// memory-policy.c: of the calling process; NULL: as it is.
bool berth_memory_policy_check(const struct oci_memory_policy *wanted, GError **error);
bool berth_memory_policy_set(const struct oci_memory_policy *wanted, GError **error);

// net-devices.c
bool berth_net_devices_check(const struct oci_linux_section *section, GError **error);

// program.c: finds the program and makes its environment, before the filter is installed; executes it, and returns only
// on failure, with the well-known words.
char *berth_program_find(const struct oci_process *process, char ***ret_env, GError **error);
bool berth_program_execute(const struct oci_process *process, const char *path, char **env, GError **error);

// hooks.c: runs them in order, each with `state` on its stdin.
bool berth_hooks_run(const GPtrArray *hooks, const char *name, const char *state,
		     const struct berth_hook_streams *streams, GError **error);
// What the annotations say; begins with {.out = -1, .err = -1}. `bundle` is borrowed.
bool berth_hooks_open_streams(GHashTable *annotations, const char *bundle, struct berth_hook_streams *ret,
			      GError **error);
void berth_hooks_close_streams(struct berth_hook_streams *streams);
// The state's text for a hook.
char *berth_hooks_state(const struct oci_state *state, const char *status, const char *pid);

// groups-enter.c, in the child: enters the groups whose files are there; then, once, makes the cgroup namespace, after
// waiting for the groups and entering them if they are still being made.
bool berth_groups_enter(struct berth_setup *setup, GError **error);
bool berth_groups_settle(struct berth_setup *setup, GError **error);

// child.c: the child's life from clone to exec. Never returns.
void berth_child_main(struct berth_setup *setup) G_GNUC_NORETURN;
// Its parts that a further process has, too (exec-child.c).
void berth_child_reset_signals(void);
// Closes all descriptors but the standard streams (moved to setup->stdio), the preserved ones and those that `setup`
// needs.
bool berth_child_keep_fds(struct berth_setup *setup, GError **error);
bool berth_child_die_with_parent(const struct berth_setup *setup, GError **error);
bool berth_child_join_keyring(const struct berth_setup *setup, GError **error); // the container's session keyring
// The last steps: limits, label, "executing" on the socket, filter, exec. Returns only on failure.
bool berth_child_execute(struct berth_setup *setup, int socket, const char *program, char **env, GError **error);
void berth_child_fail(int socket, const GError *problem) G_GNUC_NORETURN;

// exec-child.c: the same for a further process in the container that setup->target belongs to.
void berth_exec_child_main(struct berth_setup *setup) G_GNUC_NORETURN;

// affinity.c: "0-3,7" as the kernel's lists have it.
bool berth_affinity_parse(const char *list, cpu_set_t *ret); // false: it is no list
bool berth_affinity_check(const struct oci_cpu_affinity *affinity, GError **error);
bool berth_affinity_set(const char *list, GError **error); // of the calling process; NULL and "": nothing
