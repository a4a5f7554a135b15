// SPDX-License-Identifier: Apache-2.0
// Cgroups: the layout (v1, hybrid, v2), the controllers and what each of them is for, systemd's delegation.
#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TOP "/sys/fs/cgroup"

// What limits need of which controller; v1 has other names for some.
static const struct {
	const char *v1, *v2, *off;
} controllers[] = {
	{"memory", "memory", "--memory, --memory-swap, --memory-reservation, memory in stats, OOM events"},
	{"cpu", "cpu", "--cpus, --cpu-shares, --cpu-quota"},
	{"cpuset", "cpuset", "--cpuset-cpus, --cpuset-mems"},
	{"pids", "pids", "--pids-limit: a container may use up the host's processes"},
	{"blkio", "io", "--blkio-weight, --device-read-bps and the like, block I/O in stats"},
	{"hugetlb", "hugetlb", "limits of huge pages"},
	{"devices", NULL, "--device and --privileged's limits: devices cannot be kept from containers"},
	{"freezer", NULL, "pause"},
};

// Whether a word stands in a text of words.
static bool has_word(const char *text, const char *word)
{
	g_auto(GStrv) words = g_strsplit_set(text ? text : "", " \t\n", -1);

	return g_strv_contains((const char *const *) words, word);
}

// Of v1: mounted, by the options of the mounts.
static bool has_hierarchy(const char *mounts, const char *controller)
{
	g_auto(GStrv) lines = g_strsplit(mounts ? mounts : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, " ", -1);
		if (g_strv_length(fields) < 4 || strcmp(fields[2], "cgroup") != 0)
			continue;
		g_auto(GStrv) options = g_strsplit(fields[3], ",", -1);
		if (g_strv_contains((const char *const *) options, controller))
			return true;
	}
	return false;
}

static void check_controllers(struct berth_doctor *doctor, const char *mounts, const char *unified)
{
	g_autoptr(GString) there = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(controllers); i++) {
		const char *name = unified ? controllers[i].v2 : controllers[i].v1;
		if (!name)
			continue;
		if (unified ? has_word(unified, name) : has_hierarchy(mounts, name)) {
			g_string_append_printf(there, "%s%s", there->len ? ", " : "", name);
			continue;
		}
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, controllers[i].off,
				 strcmp(name, "memory") == 0
					 ? "start the kernel with cgroup_enable=memory"
					 : "a kernel with this controller, not turned off by cgroup_disable=",
				 "no cgroup controller %s", name);
	}
	if (there->len)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "controllers: %s", there->str);
}

// systemd must leave the engine's cgroup alone, by Delegate= of its unit.
static void check_delegation(struct berth_doctor *doctor)
{
	static const char *const names[] = {"user.delegate", "trusted.delegate"};
	g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", (int) doctor->engine);
	g_autofree char *text = doctor->engine ? berth_doctor_read(path) : NULL;
	const char *unified = text ? strstr(text, "0::/") : NULL;
	bool delegated = false;

	if (!unified || !strstr(unified, ".service"))
		return;
	g_autofree char *line = g_strndup(unified + 3, strcspn(unified + 3, "\n"));
	g_autofree char *folder = g_strndup(line, (size_t) (strstr(line, ".service") - line) + strlen(".service"));
	g_autofree char *where = g_strconcat(TOP, folder, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		char value[8] = "";
		delegated = delegated || (getxattr(where, names[i], value, sizeof value - 1) > 0 && *value == '1');
	}
	if (delegated)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "systemd leaves %s to the engine", folder);
	else
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "systemd may change limits of containers behind the engine's back",
				 "Delegate=yes in the engine's unit; `systemctl daemon-reload`, restart it",
				 "the engine's cgroup %s is not delegated", folder);
}

void berth_doctor_cgroups(struct berth_doctor *doctor)
{
	g_autofree char *unified = berth_doctor_read(TOP "/cgroup.controllers");
	g_autofree char *mounts = berth_doctor_read("/proc/self/mounts");
	bool beside = access(TOP "/unified/cgroup.procs", F_OK) == 0 || (mounts && strstr(mounts, " cgroup2 "));

	if (unified) {
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "version 2");
		if (access("/proc/self/cgroup", F_OK) == 0 && access(TOP "/system.slice", F_OK) == 0 &&
		    access(TOP "/system.slice/cgroup.kill", F_OK) != 0)
			berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "containers are killed process by process",
					 "use Linux 5.14 or newer", "no cgroup.kill");
	} else if (mounts && strstr(mounts, " cgroup rw") == NULL && !strstr(mounts, " cgroup ")) {
		berth_doctor_add(doctor, BERTH_HEALTH_MISSING, "containers cannot be limited, counted or stopped whole",
				 "mount cgroup2 on " TOP, "no cgroups are mounted");
		return;
	} else {
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "memory.high, pressure figures, kill of a whole container at once, delegation to "
				 "ordinary users",
				 "start the kernel with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all",
				 beside ? "version 1, with version 2 beside it (hybrid)" : "version 1");
	}
	check_controllers(doctor, mounts, unified);
	check_delegation(doctor);
}
