// SPDX-License-Identifier: Apache-2.0
// Namespaces by the names of the OCI specification, and id maps of user namespaces.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// "network" -> CLONE_NEWNET; 0 if there is no such namespace.
unsigned berth_namespace_flag(const char *name);
// Its name beneath /proc/<pid>/ns ("net"); NULL if there is none.
const char *berth_namespace_file(unsigned flag);

// Opens a namespace's file and checks that it is one of this type. -1 on failure.
int berth_namespace_open(const char *path, unsigned flag, GError **error);

// Which namespaces of a process (CLONE_NEW*) are not the caller's own.
bool berth_namespace_differing(pid_t pid, unsigned *ret_flags, GError **error);

// Moves the caller into all namespaces of a process that are not its own, but for those of `except`, by one call where
// the kernel and the caller's rights allow that. `pid` is the process's while the pidfd is of a living one, and /proc
// the caller's own. *ret_user: its user namespace was among them.
bool berth_namespace_join(int pidfd, pid_t pid, unsigned except, bool *ret_user, GError **error);

// Makes a network namespace that nobody is in, for a process that is to come, with its loopback interface up; that
// takes a millisecond. *ret is its descriptor, -1 where the kernel does not let the caller make one. False: the caller,
// which made it by entering it, could not come back, and should end.
bool berth_namespace_new_network(int *ret);

// Sets up the loopback interface of the caller's new network namespace, which is its first interface. Where that fails
// whoever works in there finds it down.
void berth_namespace_raise_loopback(void);

struct berth_idmap {
	int64_t inside, outside, count;
};

// Makes a user namespace with these maps that has no process. Returns its descriptor, or -1.
int berth_namespace_new_user(const struct berth_idmap *uids, size_t uid_count, const struct berth_idmap *gids,
			     size_t gid_count, GError **error);
// The same with a network namespace that belongs to it, with its loopback interface up, in *ret_network: for programs
// with threads, since one that lives a moment is needed for that.
int berth_namespace_new_user_network(const struct berth_idmap *uids, size_t uid_count, const struct berth_idmap *gids,
				     size_t gid_count, int *ret_network, GError **error);

// Writes the id map of the user namespace of process `pid` ("uid_map" or "gid_map"), which must be unwritten yet.
bool berth_idmap_write(pid_t pid, const char *file, const struct berth_idmap *map, size_t count, GError **error);
