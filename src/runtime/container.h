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

#include "spec/oci-runtime.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define BERTH_OCI_VERSION "1.2.0"

struct berth_container; // owns the pidfd and the cgroup's handle

// Where the runtime keeps things and how it behaves; plain data that the caller fills in and keeps alive.
struct berth_runtime {
	const char *state_root; // made when missing, mode 0700
	const char *cache_root; // compiled seccomp programs by content; NULL: compile each time
	bool systemd_cgroup; // not implemented in this version: create refuses it
	bool no_cgroup; // containers stay in their creator's groups, without limits of their own
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

// Changes limits while it runs; fields of `resources` that are unset stay as they are.
bool berth_container_update(struct berth_container *container, const struct oci_resources *resources, GError **error);

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

// Ids of all containers under the state root, sorted; a new NULL-terminated array.
char **berth_container_list(const struct berth_runtime *runtime, GError **error);

void berth_container_free(struct berth_container *container);
typedef struct berth_container berth_container;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_container, berth_container_free)
