// SPDX-License-Identifier: Apache-2.0
// Users, storage, limits and programs of the host.
#include "cli/doctor.h"

#include "cli/units.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define LEAST_SPACE (1LL << 30)
#define LEAST_FILES 65536 // inodes
#define LEAST_OPEN 8192
#define LEAST_INSTANCES 256
#define SPEAKS_OF_CLOCK 1700000000 // no clock that is right is before this

static bool has_range(const char *path)
{
	static const char *const names[] = {"berth:", "containers:", "root:"};
	g_autofree char *text = berth_doctor_read(path);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **line = lines; *line; line++)
		for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
			if (g_str_has_prefix(*line, names[i]))
				return true;
	return false;
}

void berth_doctor_users(struct berth_doctor *doctor)
{
	int64_t most = berth_doctor_number("/proc/sys/user/max_user_namespaces", -1);
	int64_t allowed = berth_doctor_number("/proc/sys/kernel/unprivileged_userns_clone", 1);
	int64_t restricted = berth_doctor_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0);

	if (most == 0)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "--userns auto, keep-id and userns-remap",
				 "sysctl -w user.max_user_namespaces=63359", "no user namespace may be made");
	else if (most > 0)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL,
				 "%" G_GINT64_FORMAT " user namespaces may be made", most);
	if (allowed == 0 || restricted == 1)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "containers of ordinary users (berth-runtime without root)",
				 allowed == 0 ? "sysctl -w kernel.unprivileged_userns_clone=1"
					      : "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
				 "only root may make user namespaces");
	if (has_range("/etc/subuid") && has_range("/etc/subgid"))
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL,
				 "ranges of subordinate ids for the engine in /etc/subuid and /etc/subgid");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "--userns auto takes ids of the standard range, which other programs may use, too",
				 "add a line such as berth:600000:1073741824 to /etc/subuid and /etc/subgid",
				 "no subordinate ids for berth, containers or root in /etc/subuid and /etc/subgid");
}

static const char *file_system(const struct statfs *place)
{
	static const struct {
		long magic;
		const char *name;
	} names[] = {{0xef53, "ext4"},      {0x58465342, "xfs"},     {0x9123683e, "btrfs"}, {0x2fc12fc1, "zfs"},
		     {0x01021994, "tmpfs"}, {0x794c7630, "overlay"}, {0x6969, "nfs"},       {0x65735546, "fuse"},
		     {0xf2f52010, "f2fs"},  {0xca451a4e, "bcachefs"}};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if ((long) place->f_type == names[i].magic)
			return names[i].name;
	return "another";
}

// The mount that a folder is on: the longest of those whose point it is beneath.
static char *mount_options(const char *folder)
{
	g_autofree char *text = berth_doctor_read("/proc/self/mountinfo");
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	char *found = NULL;
	size_t longest = 0;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, " ", -1);
		const char *rest = strstr(*line, " - ");
		if (g_strv_length(fields) < 6 || !rest)
			continue;
		size_t length = strlen(fields[4]);
		bool beneath = strncmp(folder, fields[4], length) == 0 &&
			       (length == 1 || folder[length] == '/' || !folder[length]);
		if (!beneath || length < longest)
			continue;
		longest = length;
		g_free(found);
		found = g_strconcat(fields[5], ",", strrchr(rest, ' ') + 1, NULL);
	}
	return found;
}

static void check_quota(struct berth_doctor *doctor, const char *folder, const char *system)
{
	g_autofree char *options = mount_options(folder);
	bool able = strcmp(system, "ext4") == 0 || strcmp(system, "xfs") == 0;

	if (able && options && (strstr(options, "prjquota") || strstr(options, "pquota")))
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "project quotas are on");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "--storage-opt size= and volumes' size=: a container may fill the disk",
				 able ? "mount the file system with prjquota (ext4: tune2fs -O project,quota first)"
				      : "put the data root on ext4 or xfs, mounted with prjquota",
				 "no project quotas on the data root's file system");
}

static void check_space(struct berth_doctor *doctor, const char *folder)
{
	struct statvfs space;

	if (statvfs(folder, &space) < 0)
		return;
	int64_t left = (int64_t) (space.f_bavail * space.f_frsize);
	g_autofree char *shown = berth_size_format(left, false);
	bool few = space.f_files > 0 && space.f_favail < LEAST_FILES;
	if (left < LEAST_SPACE || few)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "images may not fit, and containers may fail to write",
				 "`berth system prune`, or a larger disk", "%s%s free", shown,
				 few ? " and few inodes are" : " is");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "%s is free", shown);
}

void berth_doctor_storage(struct berth_doctor *doctor)
{
	g_autofree char *folder = g_strdup(doctor->data_root);
	struct statfs place;

	while (strcmp(folder, "/") != 0 && access(folder, F_OK) != 0) { // not made yet: where it would be
		char *parent = g_path_get_dirname(folder);
		g_free(folder);
		folder = parent;
	}
	if (statfs(folder, &place) < 0) {
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "it cannot be examined", "run berth doctor as root",
				 "the data root %s: %s", doctor->data_root, g_strerror(errno));
		return;
	}
	const char *system = file_system(&place);
	bool unfit = strcmp(system, "overlay") == 0 || strcmp(system, "nfs") == 0 || strcmp(system, "fuse") == 0;
	if (unfit)
		berth_doctor_add(doctor, BERTH_HEALTH_MISSING, "overlay file systems cannot have their layers there",
				 "another --data-root: a folder on ext4, xfs, btrfs or tmpfs",
				 "the data root %s is on %s", doctor->data_root, system);
	else
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "the data root %s is on %s%s",
				 doctor->data_root, strcmp(system, "another") == 0 ? "another file system" : system,
				 strcmp(system, "tmpfs") == 0 ? ", which is empty after a restart of the machine" : "");
	check_quota(doctor, folder, system);
	check_space(doctor, folder);
}

static void check_limits(struct berth_doctor *doctor)
{
	struct rlimit files;
	int64_t instances = berth_doctor_number("/proc/sys/fs/inotify/max_user_instances", LEAST_INSTANCES);

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max < LEAST_OPEN)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "many containers at once",
				 "raise the hard limit of open files (LimitNOFILE= of the engine's unit)",
				 "at most %llu open files", (unsigned long long) files.rlim_max);
	else
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "%llu open files",
				 (unsigned long long) files.rlim_max);
	if (instances < LEAST_INSTANCES)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "programs that watch files may fail in many containers of one user",
				 "sysctl -w fs.inotify.max_user_instances=8192",
				 "%" G_GINT64_FORMAT " inotify instances for each user", instances);
}

static void check_clock(struct berth_doctor *doctor)
{
	struct timex clock_state = {0};
	char byte;
	int state = adjtimex(&clock_state);

	if (time(NULL) < SPEAKS_OF_CLOCK)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "registries' certificates are not valid yet: no pull",
				 "set the clock", "the clock is years behind");
	else if (state == TIME_ERROR)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "moments of logs and events may be wrong, and jump when the clock is set",
				 "run chrony, systemd-timesyncd or ntpd", "the clock is not synchronised");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "the clock is synchronised");
	if (getrandom(&byte, 1, GRND_NONBLOCK) < 0 && errno == EAGAIN)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "the engine and containers wait at their start",
				 "a random number device (virtio-rng), or wait", "the kernel has no randomness yet");
}

static void check_programs(struct berth_doctor *doctor)
{
	static const struct {
		const char *name, *off, *package;
	} programs[] = {
		{"criu", "checkpoints", "criu"},
		{"busybox", "`berth image bootstrap busybox`", "busybox-static"},
		{"mmdebstrap", "`berth image bootstrap debian`", "mmdebstrap"},
		{"ssh", "engines behind ssh://", "openssh-client"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
		if (berth_doctor_has_program(programs[i].name)) {
			berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "%s", programs[i].name);
			continue;
		}
		g_autofree char *remedy = g_strdup_printf("install Debian's package %s", programs[i].package);
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, programs[i].off, remedy, "no %s", programs[i].name);
	}
	if (access("/run/systemd/system", F_OK) == 0)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "systemd");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "cgroup driver systemd, socket activation, the engine's start with the machine",
				 "start berthd by the init system that is there", "systemd does not run here");
}

void berth_doctor_host(struct berth_doctor *doctor)
{
	check_limits(doctor);
	check_clock(doctor);
	check_programs(doctor);
}
