// SPDX-License-Identifier: Apache-2.0
// A container by the OCI runtime specification: config.json becomes a process. This is the only code that enters
// namespaces; berth-runtime and berth-monitor are thin callers of it. Nothing here has threads, prints, exits or keeps
// global state. A caller may run one operation at a time on one container.
//
// Life: create (the process exists and waits before the container's program) -> start -> the program ends -> delete.
// A container is the caller's direct child when the caller created it; another process finds it again by load.
//
// On disk: <state_root>/<id>/ holds state.json (struct runtime's own record, mode 0600) from create to delete.
#pragma once

#include "runtime/oom.h"
#include "spec/oci-runtime.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define BERTH_OCI_VERSION "1.2.0"

struct berth_container; // owns the pidfd and the cgroup's handle

// Who makes control groups.
enum berth_cgroup_manager {
	BERTH_CGROUP_MANAGER_FILES, // the runtime itself, in the cgroup file systems
	BERTH_CGROUP_MANAGER_SYSTEMD, // systemd, asked over D-Bus; linux.cgroupsPath is slice:prefix:name
	BERTH_CGROUP_MANAGER_DISABLED, // nobody: containers stay in their creator's groups, without limits of their own
};

// Where the runtime keeps things and how it behaves; plain data that the caller fills in and keeps alive.
struct berth_runtime {
	const char *state_root; // made when missing, mode 0700
	const char *cache_root; // compiled seccomp programs by content; NULL: compile each time
	enum berth_cgroup_manager cgroup_manager;
	bool need_cgroup; // a container that can have no group is refused, though it asks for no limits
	const char *self; // argv[0]: berth-systemd is looked for beside it; NULL: systemd cannot be asked
	// What does not stop the work but should be known ("RLIMIT_NOFILE: clamped to …"). May be NULL.
	void (*warn)(void *data, const char *message);
	void *data;
};

// The container's standard streams. Each is -1 for /dev/null, else duplicated; the caller keeps its own.
// For process.terminal all three are ignored and the master of the new terminal is returned in `console`.
struct berth_stdio {
	int in, out, err;
	int console; // out: the caller closes it; -1 without a terminal
};

struct berth_create {
	const char *bundle; // folder: relative root.path and bind sources start there
	int rootfs_fd; // a detached mount (open_tree, fsmount) that becomes the root in place of root.path; -1:
		       // root.path
	struct berth_stdio *stdio;
	int preserve_fds; // descriptors 3 … 2+N are left open in the container's process
	bool no_pivot; // chroot in place of pivot_root, for initramfs
	bool no_new_keyring;
	bool find_program; // a program that is not there fails create already, as with runc and crun
	bool die_with_parent; // the container's init is killed when its creator dies
	const int *network; // a network namespace that nobody is in, for a container that gets a new one and no user
			    // namespace, to which it would belong; NULL: it is made then
	bool own_start; // this handle alone will start it: there need be nothing for others to start it by
	bool notify; // makes the folder "notify" in the state folder, for a mount with a socket of the starter's
};

// Makes the process, up to just before the program starts. On failure nothing is left: no process, cgroup or state.
// The error is the child's own where the child failed. *ret is freed by berth_container_free() (which ends nothing).
bool berth_container_create(const struct berth_runtime *runtime, const char *id, const struct oci_config *config,
			    const struct berth_create *create, struct berth_container **ret, GError **error);

// Finds a container that this or another process created. BERTH_ERROR_NOT_FOUND: "container %s does not exist".
bool berth_container_load(const struct berth_runtime *runtime, const char *id, struct berth_container **ret,
			  GError **error);

// Lets the program start, and returns when it has been executed. If that fails (no such file, not executable), the
// error says so in the well-known words ("exec: \"x\": executable file not found in $PATH", "exec: \"x\": permission
// denied") and the container is stopped.
bool berth_container_start(struct berth_container *container, GError **error);

// Sends a signal to the init process, or with `all` to every process in the container's cgroup.
bool berth_container_signal(struct berth_container *container, int signal, bool all, GError **error);

bool berth_container_freeze(struct berth_container *container, GError **error);
bool berth_container_thaw(struct berth_container *container, GError **error);

// A further process in a running container.
struct berth_exec {
	// Complete: the caller takes what it does not set itself from the container's own process
	// (berth_container_process).
	const struct oci_process *process;
	struct berth_stdio *stdio;
	int preserve_fds; // as in struct berth_create
	char *const
		*cgroups; // NULL: the container's group. Else "path" beneath it, or on v1 "controller[,…]:path" each
	bool ignore_paused; // a paused container is no error: the process waits until it is thawed
	bool die_with_parent;
	const char *apart; // born in this leaf beneath the container's group, where there is v2; NULL: in the group
	unsigned seconds; // after which a program that is still not executed is given up; 0: never
};

// Makes the process in the container's namespaces and groups, with no more rights than its own document gives, and
// returns when its program has been executed; the errors are those of berth_container_start(). The process is the
// caller's child: *ret_pidfd is its, and reaping it too.
bool berth_container_exec(struct berth_container *container, const struct berth_exec *exec, pid_t *ret_pid,
			  int *ret_pidfd, GError **error);

// Kills all that was born in that leaf, and their descendants. False: there is no such leaf.
bool berth_container_kill_apart(struct berth_container *container, const char *apart);

// The process of the document that the container was created with, as remembered in its state folder: the base of an
// exec. The caller frees it.
struct oci_process *berth_container_process(struct berth_container *container, GError **error);

// Changes limits while it runs; fields of `resources` that are unset stay as they are.
bool berth_container_update(struct berth_container *container, const struct oci_resources *resources, GError **error);

// The same for the schemata of its class of service (linux.intelRdt), which it must have.
bool berth_container_update_rdt(struct berth_container *container, const struct oci_intel_rdt *rdt, GError **error);

// Removes the cgroup and the state of a stopped (or only created) container. With `force` a running one is killed
// first. What is gone already is no error: delete can be repeated until all of it succeeds.
bool berth_container_delete(struct berth_container *container, bool force, GError **error);

const char *berth_container_id(const struct berth_container *container);
pid_t berth_container_pid(
	const struct berth_container *container); // of init, in the caller's pid namespace; 0: stopped
int berth_container_pidfd(
	const struct berth_container *container); // borrowed; readable when init has ended; -1: stopped

// status creating, created, running, paused or stopped, as the kernel has it now. The caller frees it.
struct oci_state *berth_container_state(struct berth_container *container, GError **error);

// Processes of the container (pids in the caller's namespace), a new GArray of pid_t.
GArray *berth_container_pids(struct berth_container *container, GError **error);

// How many of its processes the kernel killed for want of memory; 0 where no memory controller is used.
bool berth_container_oom_kills(struct berth_container *container, uint64_t *ret, GError **error);

// What its groups say of memory, cpu, pids, block devices, huge pages and so on: the "data" of runc's `events --stats`.
struct oci_stats *berth_container_stats(struct berth_container *container, GError **error);

// Begins to watch for kills for want of memory (oom.h).
bool berth_container_oom_watch(struct berth_container *container, struct berth_oom_watch *watch, GError **error);

// Checkpoint and restore, by CRIU (its program, `criu` in $PATH unless named).
struct berth_checkpoint {
	const char *criu; // the program; NULL: "criu"
	const char *image_path; // folder of the images
	const char *work_path; // of logs; NULL: image_path
	const char *parent_path; // of an earlier pre-dump, relative to image_path; NULL: none
	const char *cgroups_mode; // soft, full, strict or ignore; NULL: soft
	const char *lsm_profile, *lsm_mount_context; // restore only; NULL: as they were
	const char *page_server; // "address:port"; NULL: none
	int status_fd; // lazy pages: gets a NUL byte when ready; -1: none
	bool leave_running, pre_dump, tcp_established, tcp_skip_in_flight, ext_unix_sk, shell_job, file_locks,
		link_remap, lazy_pages, auto_dedup, empty_network;
};

// Writes the container's processes into images. Unless left running (or a pre-dump) it is stopped afterwards.
// BERTH_ERROR_UNAVAILABLE: there is no CRIU, or the kernel cannot; the message says what CRIU's log says.
bool berth_container_checkpoint(struct berth_container *container, const struct berth_checkpoint *checkpoint,
				GError **error);

// Makes a container as berth_container_create() does and starts it, its processes being those of the images. Init is
// the caller's child, standard streams and the console are the caller's as at a create. Images that want more than
// `config` gives (mounts, namespaces, groups, rights) are BERTH_ERROR_INVALID; create->no_pivot and die_with_parent are
// refused, what is to be found or preserved (find_program, preserve_fds) has no meaning.
bool berth_container_restore(const struct berth_runtime *runtime, const char *id, const struct oci_config *config,
			     const struct berth_create *create, const struct berth_checkpoint *checkpoint,
			     struct berth_container **ret, GError **error);

// Mounts a file system or folder (an entry of config.mounts) in a running container, or takes one away.
bool berth_container_add_mount(struct berth_container *container, const struct oci_mount *mount, GError **error);
bool berth_container_remove_mount(struct berth_container *container, const struct oci_mount *mount, GError **error);

// Ids of all containers under the state root, sorted; a new NULL-terminated array.
char **berth_container_list(const struct berth_runtime *runtime, GError **error);

void berth_container_free(struct berth_container *container);
typedef struct berth_container berth_container;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_container, berth_container_free)
