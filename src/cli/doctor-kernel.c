// SPDX-License-Identifier: Apache-2.0
// The kernel: its system calls, file systems, namespaces and security modules.
#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

char *berth_doctor_read(const char *path)
{
	char *text;

	return g_file_get_contents(path, &text, NULL, NULL) ? g_strchomp(text) : NULL;
}

int64_t berth_doctor_number(const char *path, int64_t otherwise)
{
	g_autofree char *text = berth_doctor_read(path);
	char *end;
	int64_t number = text ? g_ascii_strtoll(text, &end, 10) : otherwise;

	return text && end != text ? number : otherwise;
}

bool berth_doctor_has_module(const char *name)
{
	static const char *const lists[] = {"modules.builtin", "modules.dep"};
	struct utsname system;
	g_autofree char *loaded = g_build_filename("/sys/module", name, NULL);
	g_autofree char *file = g_strdup_printf("/%s.ko", name);

	if (g_file_test(loaded, G_FILE_TEST_IS_DIR))
		return true;
	uname(&system);
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		g_autofree char *path = g_build_filename("/lib/modules", system.release, lists[i], NULL);
		g_autofree char *text = berth_doctor_read(path);
		if (text && strstr(text, file))
			return true;
	}
	return false;
}

bool berth_doctor_has_program(const char *name)
{
	static const char *const folders[] = {"/usr/local/sbin", "/usr/sbin", "/sbin"};
	g_autofree char *found = g_find_program_in_path(name);

	for (size_t i = 0; !found && i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = g_build_filename(folders[i], name, NULL);
		if (access(path, X_OK) == 0)
			found = g_steal_pointer(&path);
	}
	return found;
}

// A call with arguments that it refuses says whether it is there: ENOSYS, or whatever else.
static void check_calls(struct berth_doctor *doctor)
{
	static const struct {
		const char *name;
		long number;
		enum berth_health health;
		const char *since, *off;
	} calls[] = {
		{"open_tree", SYS_open_tree, BERTH_HEALTH_LIMITED, "5.2", "mounts are made by paths, step by step"},
		{"fsopen", SYS_fsopen, BERTH_HEALTH_LIMITED, "5.2",
		 "containers' roots are mounted on a folder instead of a descriptor"},
		{"clone3", SYS_clone3, BERTH_HEALTH_LIMITED, "5.3", "processes join their cgroup after their start"},
		{"pidfd_open", SYS_pidfd_open, BERTH_HEALTH_MISSING, "5.4", "containers' ends cannot be watched"},
		{"openat2", SYS_openat2, BERTH_HEALTH_LIMITED, "5.6",
		 "paths in containers are resolved step by step, which is slower"},
		{"close_range", SYS_close_range, BERTH_HEALTH_LIMITED, "5.9", "descriptors are closed one by one"},
		{"mount_setattr", SYS_mount_setattr, BERTH_HEALTH_LIMITED, "5.12",
		 "no idmapped mounts: --userns auto and keep-id cannot use layers and volumes; no recursive read-only "
		 "mounts"},
	};
	bool all = true;

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		if (syscall(calls[i].number, -1, NULL, -1, -1, -1) >= 0 || errno != ENOSYS)
			continue;
		g_autofree char *remedy = g_strdup_printf("use Linux %s or newer", calls[i].since);
		berth_doctor_add(doctor, calls[i].health, calls[i].off, remedy, "there is no %s(2)", calls[i].name);
		all = false;
	}
	if (all)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL,
				 "all system calls that are used are there (idmapped mounts, mounts by descriptor, "
				 "openat2)");
}

static void check_version(struct berth_doctor *doctor)
{
	struct utsname system;
	int major = 0, minor = 0;

	uname(&system);
	if (sscanf(system.release, "%d.%d", &major, &minor) == 2 && (major < 5 || (major == 5 && minor < 4)))
		berth_doctor_add(doctor, BERTH_HEALTH_MISSING, "containers are not known to work here",
				 "use Linux 5.4 or newer", "Linux %s on %s", system.release, system.machine);
	else
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "Linux %s on %s", system.release,
				 system.machine);
	if (sizeof(void *) < 8)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "large files and many layers", "use a 64 bit system",
				 "a 32 bit program");
}

static void check_overlay(struct berth_doctor *doctor)
{
	g_autofree char *systems = berth_doctor_read("/proc/filesystems");
	struct utsname system;
	int major = 0, minor = 0;

	if (systems && strstr(systems, "\toverlay"))
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "overlay file systems");
	else if (berth_doctor_has_module("overlay"))
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL,
				 "overlay file systems (a module that is loaded when it is needed)");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_MISSING, "images' layers cannot be put together",
				 "a kernel with CONFIG_OVERLAY_FS; `modprobe overlay`", "no overlay file systems");
	uname(&system);
	if (sscanf(system.release, "%d.%d", &major, &minor) == 2 && (major < 5 || (major == 5 && minor < 19)))
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "--userns auto and keep-id", "use Linux 5.19 or newer",
				 "overlay file systems take no idmapped layers");
}

static void check_namespaces(struct berth_doctor *doctor)
{
	static const struct {
		const char *name;
		enum berth_health health;
		const char *off;
	} kinds[] = {
		{"cgroup", BERTH_HEALTH_LIMITED, "--cgroupns private"},
		{"ipc", BERTH_HEALTH_MISSING, "containers' own System V IPC"},
		{"mnt", BERTH_HEALTH_MISSING, "containers' own file systems"},
		{"net", BERTH_HEALTH_MISSING, "containers' own networks"},
		{"pid", BERTH_HEALTH_MISSING, "containers' own processes"},
		{"time", BERTH_HEALTH_LIMITED, "containers' own clocks"},
		{"user", BERTH_HEALTH_LIMITED, "--userns auto, keep-id and userns-remap"},
		{"uts", BERTH_HEALTH_MISSING, "containers' own host names"},
	};
	bool all = true;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = g_build_filename("/proc/self/ns", kinds[i].name, NULL);
		if (access(path, F_OK) == 0)
			continue;
		berth_doctor_add(doctor, kinds[i].health, kinds[i].off, "a kernel with this kind of namespaces",
				 "no %s namespaces", kinds[i].name);
		all = false;
	}
	if (all)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "namespaces of all kinds");
}

static void check_seccomp(struct berth_doctor *doctor)
{
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 && access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "seccomp filters");
	else
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "containers may make every system call: seccomp profiles, the default one among them",
				 "a kernel with CONFIG_SECCOMP_FILTER", "no seccomp filters");
}

static void check_security_modules(struct berth_doctor *doctor)
{
	g_autofree char *apparmor = berth_doctor_read("/sys/module/apparmor/parameters/enabled");
	bool armed = apparmor && *apparmor == 'Y', selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;

	if (armed && berth_doctor_has_program("apparmor_parser"))
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "AppArmor");
	else if (armed)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED, "the default AppArmor profile cannot be loaded",
				 "install AppArmor's tools (Debian's package apparmor)",
				 "AppArmor is on, apparmor_parser is not there");
	if (selinux)
		berth_doctor_add(doctor, BERTH_HEALTH_FINE, NULL, NULL, "SELinux, %s",
				 berth_doctor_number("/sys/fs/selinux/enforce", 0) ? "enforcing" : "permissive");
	if (!armed && !selinux)
		berth_doctor_add(doctor, BERTH_HEALTH_LIMITED,
				 "--security-opt apparmor= and label=: one wall fewer around containers",
				 "start the kernel with apparmor=1 security=apparmor, if it has it",
				 "neither AppArmor nor SELinux");
}

void berth_doctor_kernel(struct berth_doctor *doctor)
{
	check_version(doctor);
	check_calls(doctor);
	check_overlay(doctor);
	check_namespaces(doctor);
	check_seccomp(doctor);
	check_security_modules(doctor);
}
