// SPDX-License-Identifier: Apache-2.0
// The container's control groups by who makes them: the runtime itself in the cgroup file systems, or systemd. What is
// done with a group that exists (joining, freezing, signalling) is the same for both, and sys/cgroup.h's.
#pragma once

#include "runtime/setup.h"
#include "runtime/state.h"
#include "sys/cgroup.h"

// What keeps a new group until the container's process is in it. Both -1: nothing needs to.
struct berth_groups_keeper {
	int socket, pidfd;
};

struct berth_groups {
	// Decides where the group will be, from config.json alone, and says what is wrong with the wish.
	bool (*place)(const struct berth_setup *setup, struct berth_record *record, GError **error);
	// Makes it, at least as far as a process can be born in it. *ret stays NULL without an error where the
	// container goes without a group; then nothing was asked for that needs one.
	bool (*create)(const struct berth_setup *setup, struct berth_record *record, struct berth_cgroup **ret,
		       struct berth_groups_keeper *keeper, GError **error);
	// Makes what create left out, and writes the limits. *cgroup may become NULL as with create.
	bool (*complete)(const struct berth_setup *setup, struct berth_record *record, struct berth_cgroup **cgroup,
			 GError **error);
	// Moves the container's process into the group, where it may not be born in it. NULL: it always may. Called
	// only where needs_bringing() says so.
	bool (*bring)(const struct berth_setup *setup, const struct berth_record *record,
		      const struct berth_groups_keeper *keeper, pid_t pid, GError **error);
	bool (*needs_bringing)(const struct berth_record *record);
	// The container's process is in the group. NULL: that changes nothing.
	bool (*joined)(const struct berth_setup *setup, const struct berth_record *record,
		       const struct berth_cgroup *cgroup, struct berth_groups_keeper *keeper, GError **error);
	// Tells the manager of limits, before they are written to the group's files. NULL: nothing to tell.
	bool (*limit)(const struct berth_runtime *runtime, const struct berth_record *record,
		      const struct berth_cgroup *cgroup, const struct oci_resources *resources, GError **error);
	// Forgets the group, after its processes are gone. What is not there is no error. NULL: nothing to forget.
	bool (*remove)(const struct berth_runtime *runtime, const struct berth_record *record, GError **error);
};

// The manager of a new container, and that of one that exists.
const struct berth_groups *berth_groups_new(const struct berth_runtime *runtime);
const struct berth_groups *berth_groups_of(const struct berth_record *record);

extern const struct berth_groups berth_groups_files; // groups.c
extern const struct berth_groups berth_groups_systemd; // groups-systemd.c

// Ends what keeps a group.
void berth_groups_let_go(struct berth_groups_keeper *keeper);

// Whether this process is an ordinary user's, or in a user namespace of one.
bool berth_groups_ordinary_user(void);

// Changes the limits of an existing group.
bool berth_groups_update(const struct berth_runtime *runtime, const struct berth_record *record,
			 const struct berth_cgroup *cgroup, const struct oci_resources *resources, GError **error);
bool berth_groups_remove(const struct berth_runtime *runtime, const struct berth_record *record, GError **error);

// Gives the group to the container's user, where the specification lets containers manage their groups: v2, a cgroup
// namespace of its own, and a cgroup mount that can be written to.
bool berth_groups_give(const struct berth_setup *setup, const struct berth_cgroup *cgroup, GError **error);
// The annotation run.oci.delegate-cgroup: the process goes to a group below that is wholly the container's.
bool berth_groups_delegate(const struct berth_setup *setup, const struct berth_cgroup *cgroup, pid_t pid,
			   GError **error);
#define BERTH_ANNOTATION_DELEGATE "run.oci.delegate-cgroup"
