// SPDX-License-Identifier: Apache-2.0
// What is set through procfs and by system calls of one line: sysctl, host name, domain name, LSM labels. Writes go
// through a procfs that was made for this and is attached nowhere, without following links and without crossing mounts,
// so no file that a container provides is ever written in its place (CVE-2019-16884, CVE-2025-52881).
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

// Keys by the namespace that has them; a key ending in "/" stands for all beneath it.
static const struct {
	const char *prefix;
	unsigned flag;
} namespaced[] = {
	{"kernel/msgmax", CLONE_NEWIPC},   {"kernel/msgmnb", CLONE_NEWIPC},
	{"kernel/msgmni", CLONE_NEWIPC},   {"kernel/sem", CLONE_NEWIPC},
	{"kernel/shmall", CLONE_NEWIPC},   {"kernel/shmmax", CLONE_NEWIPC},
	{"kernel/shmmni", CLONE_NEWIPC},   {"kernel/shm_rmid_forced", CLONE_NEWIPC},
	{"fs/mqueue/", CLONE_NEWIPC},      {"kernel/domainname", CLONE_NEWUTS},
	{"kernel/hostname", CLONE_NEWUTS}, {"net/", CLONE_NEWNET},
	{"user/", CLONE_NEWUSER},
};

// "net.ipv4.ip_forward" and "net/ipv4/ip_forward" are the same; with slashes, dots belong to names (eth0.5).
static char *sysctl_path(const char *key)
{
	char *path = g_strdup(key);
	char separator = path[strcspn(path, "./")];

	if (separator == '.')
		for (char *c = path; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	return path;
}

static unsigned sysctl_namespace(const char *path)
{
	for (size_t i = 0; i < G_N_ELEMENTS(namespaced); i++) {
		const char *prefix = namespaced[i].prefix;
		if (g_str_has_suffix(prefix, "/") ? g_str_has_prefix(path, prefix) : g_str_equal(path, prefix))
			return namespaced[i].flag;
	}
	return 0;
}

// "net/../kernel/panic" begins like a key of a namespace and is none.
static bool stays_beneath(const char *path)
{
	g_auto(GStrv) names = g_strsplit(path, "/", -1);

	for (char **name = names; *name; name++)
		if (!**name || g_str_equal(*name, ".") || g_str_equal(*name, ".."))
			return false;
	return true;
}

static bool check_sysctl(const struct berth_setup *setup, GError **error)
{
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, setup->section->sysctl);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		g_autofree char *path = sysctl_path(key);
		unsigned flag = sysctl_namespace(path);
		if (!stays_beneath(path))
			return berth_error_set(error, BERTH_ERROR_INVALID, "sysctl %s: is no name of a setting",
					       (char *) key);
		if (!flag)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "sysctl %s belongs to no namespace: it would change the host",
					       (char *) key);
		if (!(setup->private_namespaces & flag))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "sysctl %s: the container has no namespace of its own for it",
					       (char *) key);
	}
	return true;
}

bool berth_kernel_has_lsm(const char *name)
{
	g_autofree char *list = NULL;

	if (!g_file_get_contents("/sys/kernel/security/lsm", &list, NULL, NULL) &&
	    !(g_str_equal(name, "apparmor") &&
	      g_file_get_contents("/sys/module/apparmor/parameters/enabled", &list, NULL, NULL)))
		return g_str_equal(name, "selinux") && access("/sys/fs/selinux/enforce", F_OK) == 0;
	g_strstrip(list);
	g_auto(GStrv) names = g_strsplit(list, ",", -1);
	return g_strv_contains((const char *const *) names, name) || g_str_equal(list, "Y");
}

static bool prepare_label(struct berth_setup *setup, GError **error)
{
	const struct oci_process *process = setup->config->process;
	bool apparmor = process && process->apparmor_profile && *process->apparmor_profile;
	bool selinux = process && process->selinux_label && *process->selinux_label;

	if (apparmor && selinux)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.apparmorProfile and process.selinuxLabel: only one can be set");
	if (apparmor && !berth_kernel_has_lsm("apparmor"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.apparmorProfile: AppArmor is not enabled on this host");
	if (selinux && !berth_kernel_has_lsm("selinux"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.selinuxLabel: SELinux is not enabled on this host");
	if (apparmor) {
		bool own = access("/proc/self/attr/apparmor/exec", F_OK) == 0;
		setup->label_file = own ? "self/attr/apparmor/exec" : "self/attr/exec";
		setup->label = g_strdup_printf("exec %s", process->apparmor_profile);
	} else if (selinux) {
		setup->label_file = "self/attr/exec";
		setup->label = g_strdup(process->selinux_label);
	}
	return true;
}

// Where none can be made (ordinary users, older kernels) the creator's own one serves: it is no container's, and what
// is mounted over parts of it is not entered.
static bool open_procfs(struct berth_setup *setup, GError **error)
{
	g_autoptr(GError) problem = NULL;

	setup->proc_fd = berth_mount_new("proc", "proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
					 &problem);
	if (setup->proc_fd < 0 && (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN) ||
				   g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED))) {
		berth_fd proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (proc >= 0 && berth_mount_is(proc, PROC_SUPER_MAGIC))
			setup->proc_fd = berth_fd_steal(&proc);
	}
	if (setup->proc_fd >= 0)
		return true;
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

bool berth_kernel_prepare(struct berth_setup *setup, GError **error)
{
	bool sysctl = setup->section->sysctl && g_hash_table_size(setup->section->sysctl);

	if ((sysctl && !check_sysctl(setup, error)) || !prepare_label(setup, error))
		return false;
	return (!sysctl && !setup->label) || open_procfs(setup, error);
}

// "self" is a link of procfs itself, so links are followed beneath it only where that is wanted.
static int open_proc(const struct berth_setup *setup, const char *path, bool self)
{
	struct open_how how = {
		.flags = O_WRONLY | (self ? 0 : O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | (self ? 0 : RESOLVE_NO_SYMLINKS),
	};

	return berth_resolve(setup->proc_fd, path, &how);
}

static bool set_sysctl(const struct berth_setup *setup, const char *key, const char *value, GError **error)
{
	g_autofree char *name = sysctl_path(key);
	g_autofree char *path = g_strconcat("sys/", name, NULL);
	berth_fd fd = open_proc(setup, path, false);

	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t) strlen(value))
		return berth_error_set_errno(error, errno, "sysctl %s", key);
	return true;
}

bool berth_kernel_apply(struct berth_setup *setup, GError **error)
{
	const struct oci_config *config = setup->config;
	GHashTableIter iter;
	void *key, *value;

	if (config->hostname && *config->hostname && sethostname(config->hostname, strlen(config->hostname)) < 0)
		return berth_error_set_errno(error, errno, "hostname %s", config->hostname);
	if (config->domainname && *config->domainname &&
	    setdomainname(config->domainname, strlen(config->domainname)) < 0)
		return berth_error_set_errno(error, errno, "domainname %s", config->domainname);
	if (!setup->section->sysctl)
		return true;
	g_hash_table_iter_init(&iter, setup->section->sysctl);
	while (g_hash_table_iter_next(&iter, &key, &value))
		if (!set_sysctl(setup, key, value, error))
			return false;
	return true;
}

bool berth_kernel_reserve_label(struct berth_setup *setup, GError **error)
{
	setup->label_fd = setup->label ? open_proc(setup, setup->label_file, true) : -1;
	int errnum = errno;
	berth_fd_clear(&setup->proc_fd);
	return !setup->label || setup->label_fd >= 0 ||
	       berth_error_set_errno(error, errnum, "open %s", setup->label_file);
}

bool berth_kernel_write_label(struct berth_setup *setup, GError **error)
{
	bool written = !setup->label ||
		       berth_write_all(setup->label_fd, setup->label, strlen(setup->label), setup->label_file, error);

	berth_fd_clear(&setup->label_fd);
	g_clear_pointer(&setup->label, g_free);
	return written;
}
