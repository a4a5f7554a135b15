// SPDX-License-Identifier: Apache-2.0
// Processes by pidfd, and clone3. For single-threaded callers: the child of berth_process_clone() goes on with a copy
// of the caller's memory and may use all of libc, malloc too.
#pragma once

#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// clone3() with `flags` (CLONE_NEW*, CLONE_PARENT, ...; CLONE_PIDFD and CLONE_CLEAR_SIGHAND are added). With cgroup_fd
// >= 0 the child is born in that v2 group. Returns the child's pid (and its pidfd), 0 in the child, or -1 with errno.
pid_t berth_process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd);
// The same; `*ret_born` is the pid before the child runs, and before the caller can be killed: with CLONE_PARENT, in
// memory that is shared with the parent, that one knows of the child in any case. NULL: as above.
pid_t berth_process_clone_known(uint64_t flags, int cgroup_fd, pid_t *ret_born, int *ret_pidfd);

// A child that is born in other namespaces.
struct berth_process_birth {
	const int *namespaces; // joined in this order
	const unsigned *kinds; // of each, CLONE_NEW*; no time namespace, which asks for memory of its own
	size_t count;
	uint64_t flags; // as for berth_process_clone(): those that it gets new ones of, …
	int cgroup_fd;
};
// Returns its pid and pidfd, 0 in the child (which is not dumpable), or -1 with errno; `*ret_refused` is what could not
// be joined then, 0 if it was not that.
pid_t berth_process_clone_into(const struct berth_process_birth *birth, int *ret_pidfd, unsigned *ret_refused);

// Overwrites the environment that the process was executed with, so that /proc/PID/environ shows nothing of it; there
// is none afterwards.
void berth_process_forget_environment(void);

// When the process was started, in clock ticks since boot: with the pid it names a process for good. 0: no such
// process.
uint64_t berth_process_start_time(pid_t pid);

// Whether the process has ended, or is about to: it was killed (which cannot be seen for a moment between its taking
// the signal and its beginning to end), or its first thread has ended though others go on, as they do while they wait
// for a disk. Until the last of them has ended it keeps its descriptors and their locks, reaped or not.
bool berth_process_ending(pid_t pid);

// A pidfd of the process that had this pid and start time, or -1 when it is gone.
int berth_process_open(pid_t pid, uint64_t start_time);

// Whether the process has ended (reaped or not).
bool berth_process_ended(int pidfd);

// Waits for its end, at most `milliseconds` (-1: for ever). False: the time is over.
bool berth_process_wait_end(int pidfd, int milliseconds);

// Reaps a child of the caller; its status as exit code, or 128 + signal. -1 when it is no child of the caller.
int berth_process_reap(int pidfd);

// "TERM", "SIGTERM", "15" -> 15; 0 if there is no such signal.
int berth_signal_number(const char *name);
