// SPDX-License-Identifier: Apache-2.0
// From a container's record to the OCI configuration that its monitor runs, and the files of the container that the
// engine makes.
#pragma once

#include "engine/plan/abilities.h"
#include "engine/plan/seccomp.h"
#include "engine/plan/user.h"
#include "engine/record.h"

// Where a mount of the record comes from, if that is not its own source.
struct berth_spec_source {
	char *path; // NULL: its own source
	bool suid; // the host has it mounted without set-user-id programs, the container may have them
};

struct berth_spec_input {
	const struct berth_container_record *record;
	int root_fd; // the container's root file system, mounted; for users and groups
	const char *folder; // the run folder, which holds hostname, hosts, resolv.conf
	const char *cgroup_parent; // of the engine; the record's own wins
	const char *init_program; // berth-init, bound into the container for HostConfig.Init
	const struct berth_seccomp_profile *seccomp; // the built-in one
	const GArray *sources; // of struct berth_spec_source, by the mount's index; NULL: none
	const char *files; // folder of hostname, hosts, resolv.conf; NULL: the run folder
	bool own_hostname; // /etc/hostname is the root's own: a step of a build may write it
	const char *user_namespace; // path of the one that record->users describes
	bool map_files; // what lies in the run folder has its owners in there, too
	const char *pid_namespace, *ipc_namespace; // paths of those that it joins; NULL: as the record says
	const char *secrets; // folder on the host with those of the record; NULL: it has none
	const char *shm; // folder on the host that is its /dev/shm; NULL: one of its own
	const char *new_network; // path of one that nobody is in, for a container that gets one of its own; NULL: it is
				 // made
	const char *network_namespace; // path of the one that it joins; NULL: as the record says
	char *const *cdi_folders; // where specifications of devices are, the last one wins
	char *const *environment; // of links; those of the configuration win. NULL: none
};

// The OCI configuration with Docker's defaults: namespaces, mounts, devices, masked and read-only paths, capabilities,
// seccomp, limits, cgroup path <parent>/<id>. Everything that the record asks for is in it. The caller frees it.
struct oci_config *berth_spec_make(const struct berth_spec_input *input, GError **error);

// What has to be said to a container with the limits `before` so that it has those of `now`; the caller frees it.
struct oci_resources *berth_spec_update(const struct api_host_config *before, const struct api_host_config *now,
					const struct berth_abilities *abilities, GError **error);
// The environment of a further process: the container's, where `tty` says what it has a terminal for, with `more` in
// place. The caller frees it.
char **berth_spec_environment(const struct api_container_config *config, bool tty, const char *home, char *const *links,
			      char *const *more);

// A process's user, the caller's. The primary group is among the additional ones too, so that a file that denies it to
// a group is denied (CVE-2022-36109).
struct oci_user *berth_spec_user(const struct berth_user *user);

// What networks put into the container's files.
struct berth_spec_files {
	const char *hosts; // lines; NULL: none
	bool resolver; // it has one, at 127.0.0.11
	bool names; // which knows names of one word
	char *const *dns, *const *dns_options, *const *dns_search; // where the container says nothing; may be NULL
	char *const *host_gateway; // addresses that host-gateway stands for; NULL: there are none
};

// Writes hostname, hosts and resolv.conf into the run folder, as the record's network and host options say.
bool berth_spec_write_files(int folder_fd, const struct berth_container_record *record,
			    const struct berth_spec_files *files, GError **error);
// The last of them alone.
bool berth_spec_write_resolv_conf(int folder_fd, const struct berth_container_record *record,
				  const struct berth_spec_files *files, GError **error);

// Of records of earlier versions: makes the folders of anonymous volumes (in the container's folder) and copies
// into them what the image has at their destination, with owners, modes, times and xattrs. Links are never followed out
// of `root_fd`.
bool berth_spec_make_volumes(int root_fd, const struct berth_container_record *record, GError **error);
// Makes missing source folders of binds (not of mounts), as Docker does.
bool berth_spec_make_bind_sources(const struct berth_container_record *record, GError **error);
