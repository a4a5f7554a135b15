// SPDX-License-Identifier: Apache-2.0
// Who the process is: ids, groups, capabilities, umask, working folder, and at last no_new_privs and seccomp.
//
// The filter is installed last. Without no_new_privs that needs CAP_SYS_ADMIN, which is then kept until the filter is
// there and dropped by one further call, so the filter has to let capset and execve through and nothing else.
#include "runtime/channel.h"
#include "runtime/seccomp.h"
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_ID 4294967294 // 2^32 - 1 means "no id" to the kernel
#define MAX_GROUPS 65536 // NGROUPS_MAX

static const struct {
	const char *name;
	unsigned long value;
} personalities[] = {
	{"LINUX", PER_LINUX},
	{"LINUX32", PER_LINUX32},
};

// Flags of personality(2), which the specification leaves open.
static const struct {
	const char *name;
	unsigned long value;
} personality_flags[] = {
	{"UNAME26", UNAME26},
	{"ADDR_NO_RANDOMIZE", ADDR_NO_RANDOMIZE},
	{"FDPIC_FUNCPTRS", FDPIC_FUNCPTRS},
	{"MMAP_PAGE_ZERO", MMAP_PAGE_ZERO},
	{"ADDR_COMPAT_LAYOUT", ADDR_COMPAT_LAYOUT},
	{"READ_IMPLIES_EXEC", READ_IMPLIES_EXEC},
	{"ADDR_LIMIT_32BIT", ADDR_LIMIT_32BIT},
	{"SHORT_INODE", SHORT_INODE},
	{"WHOLE_SECONDS", WHOLE_SECONDS},
	{"STICKY_TIMEOUTS", STICKY_TIMEOUTS},
	{"ADDR_LIMIT_3GB", ADDR_LIMIT_3GB},
};

int64_t berth_identity_host_id(const GPtrArray *mappings, int64_t id)
{
	for (guint i = 0; mappings && i < mappings->len; i++) {
		const struct oci_id_mapping *map = mappings->pdata[i];
		if (id >= map->container_id && id - map->container_id < map->size)
			return map->host_id + (id - map->container_id);
	}
	return -1;
}

static bool check_user(const struct oci_user *user, GError **error)
{
	size_t count = user->additional_gids ? json_array_size(user->additional_gids) : 0;

	if (user->uid < 0 || user->uid > MAX_ID || user->gid < 0 || user->gid > MAX_ID)
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.user: ids go from 0 to %" G_GINT64_FORMAT,
				       (int64_t) MAX_ID);
	if (user->additional_gids && !json_is_array(user->additional_gids))
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.user.additionalGids: expected an array");
	if (count > MAX_GROUPS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.user.additionalGids: more than %d",
				       MAX_GROUPS);
	for (size_t i = 0; i < count; i++) {
		const json_t *gid = json_array_get(user->additional_gids, i);
		if (!json_is_integer(gid) || json_integer_value(gid) < 0 || json_integer_value(gid) > MAX_ID)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "process.user.additionalGids: ids go from 0 to %" G_GINT64_FORMAT,
					       (int64_t) MAX_ID);
	}
	return true;
}

bool berth_identity_check(const struct oci_process *process, GError **error)
{
	if (process->user && !check_user(process->user, error))
		return false;
	if (!process->cwd || *process->cwd != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID, "process.cwd: must be an absolute path");
	return true;
}

static uint64_t mask(const struct berth_setup *setup, char *const *names, int last)
{
	uint64_t bits = 0;

	for (; names && *names; names++) {
		int number = berth_capability_number(*names);
		if (number >= 0 && number <= last) {
			bits |= UINT64_C(1) << number;
		} else if (setup->runtime->warn) {
			g_autofree char *message =
				g_strdup_printf("process.capabilities: %s is not known here, ignored", *names);
			setup->runtime->warn(setup->runtime->data, message);
		}
	}
	return bits;
}

// The filter of linux.seccomp, or the finished one of crun's annotation.
static bool prepare_filter(struct berth_setup *setup, GError **error)
{
	const struct oci_seccomp *seccomp = setup->section->seccomp;
	const char *program = berth_setup_annotation(setup, "run.oci.seccomp_bpf_data");
	const char *strict = berth_setup_annotation(setup, "run.oci.seccomp_fail_unknown_syscall");

	if (program) {
		setup->seccomp = berth_seccomp_decode(program, &setup->seccomp_length, error);
		if (!setup->seccomp)
			return g_prefix_error(error, "annotation run.oci.seccomp_bpf_data: "), false;
		return !seccomp || berth_seccomp_flags(seccomp, &setup->seccomp_flags, error);
	}
	if (seccomp && strict && !g_str_equal(strict, "0") && !berth_seccomp_check_names(seccomp, error))
		return g_prefix_error(error, "linux."), false;
	if (!seccomp)
		return true;
	setup->seccomp = berth_seccomp_compile(seccomp, setup->runtime->cache_root, &setup->seccomp_length,
					       &setup->seccomp_flags, error);
	if (!setup->seccomp)
		return g_prefix_error(error, "linux."), false;
	return true;
}

static bool check_mapped(const struct berth_setup *setup, const struct oci_user *user, GError **error)
{
	const struct oci_linux_section *section = setup->section;
	const char *hint = setup->unprivileged
				   ? " (an ordinary user's further ids come from /etc/subuid and /etc/subgid, "
				     "by newuidmap and newgidmap of package uidmap)"
				   : "";

	if (!user || !(setup->new_namespaces & CLONE_NEWUSER))
		return true;
	if (berth_identity_host_id(section->uid_mappings, user->uid) < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process.user.uid %" G_GINT64_FORMAT ": is not in linux.uidMappings%s",
				       user->uid, hint);
	return berth_identity_host_id(section->gid_mappings, user->gid) >= 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "process.user.gid %" G_GINT64_FORMAT ": is not in linux.gidMappings%s", user->gid, hint);
}

bool berth_identity_prepare(struct berth_setup *setup, GError **error)
{
	const struct oci_process *process = setup->config->process;
	const struct oci_capabilities *wanted = process ? process->capabilities : NULL;
	int last = wanted ? berth_capability_last() : 0;

	if (process && !check_mapped(setup, process->user, error))
		return false;
	if (wanted)
		setup->capabilities = (struct berth_capabilities){
			.bounding = mask(setup, wanted->bounding, last),
			.effective = mask(setup, wanted->effective, last),
			.inheritable = mask(setup, wanted->inheritable, last),
			.permitted = mask(setup, wanted->permitted, last),
			.ambient = mask(setup, wanted->ambient, last),
		};
	// A further process has the filter of the container's record.
	return !process || setup->exec || (prepare_filter(setup, error) && berth_notify_check(setup, error));
}

// crun's annotation: the groups that the creator has, for folders that only they may enter.
static bool keeps_groups(const struct berth_setup *setup)
{
	return g_strcmp0(berth_setup_annotation(setup, "run.oci.keep_original_groups"), "1") == 0;
}

bool berth_identity_become_root(const struct berth_setup *setup, GError **error)
{
	if (!keeps_groups(setup) && setgroups(0, NULL) < 0 && errno != EPERM)
		return berth_error_set_errno(error, errno, "clear the groups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return berth_error_set_errno(error, errno, "become root in the user namespace (is id 0 mapped?)");
	return true;
}

static bool enter_cwd(const struct berth_setup *setup, const char *cwd, GError **error)
{
	char where[PATH_MAX];
	// Only who makes a container makes its folders.
	berth_fd folder = setup->exec ? berth_root_open(setup->root, cwd, O_PATH | O_DIRECTORY, 0, NULL)
				      : berth_root_make_folder(setup->root, cwd, 0755, error);

	if (folder < 0 && setup->exec) {
		const char *reason = errno == ENOENT ? "no such file or directory" : berth_error_text(errno);
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND,
				       "chdir to cwd (\"%s\") set in config.json failed: %s", cwd, reason);
	}
	if (folder < 0)
		return g_prefix_error(error, "process.cwd: "), false;
	if (fchdir(folder) < 0)
		return berth_error_set_errno(error, errno, "process.cwd: enter %s", cwd);
	// Outside the root the kernel says "(unreachable)/…": CVE-2024-21626.
	if (syscall(SYS_getcwd, where, sizeof where) < 0 || *where != '/')
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "process.cwd: %s is outside the root", cwd);
	return true;
}

static bool set_groups(const struct oci_user *user, GError **error)
{
	size_t count = user->additional_gids ? json_array_size(user->additional_gids) : 0;
	g_autofree gid_t *groups = g_new0(gid_t, count + 1);

	for (size_t i = 0; i < count; i++)
		groups[i] = (gid_t) json_integer_value(json_array_get(user->additional_gids, i));
	if (setgroups(count, groups) < 0 && (count || errno != EPERM))
		return berth_error_set_errno(error, errno, "process.user.additionalGids%s",
					     errno == EPERM ? " (in a user namespace they need subordinate group ids)"
							    : "");
	return true;
}

static bool set_ids(const struct berth_setup *setup, const struct oci_user *user, GError **error)
{
	static const struct oci_user root = {0};

	if (!user)
		user = &root;
	if (!keeps_groups(setup) && !set_groups(user, error))
		return false;
	// The permitted capabilities outlive the change; berth_capabilities_apply() decides on them.
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return berth_error_set_errno(error, errno, "keep capabilities");
	if (setresgid((gid_t) user->gid, (gid_t) user->gid, (gid_t) user->gid) < 0)
		return berth_error_set_errno(error, errno, "process.user.gid %" G_GINT64_FORMAT, user->gid);
	if (setresuid((uid_t) user->uid, (uid_t) user->uid, (uid_t) user->uid) < 0)
		return berth_error_set_errno(error, errno, "process.user.uid %" G_GINT64_FORMAT, user->uid);
	return true;
}

static bool find_personality(const struct oci_personality *wanted, unsigned long *ret, GError **error)
{
	size_t i = 0;

	while (i < G_N_ELEMENTS(personalities) && g_strcmp0(personalities[i].name, wanted->domain) != 0)
		i++;
	if (i == G_N_ELEMENTS(personalities))
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.personality.domain: %s is not known",
				       wanted->domain ? wanted->domain : "");
	*ret = personalities[i].value;
	for (char **flag = wanted->flags; flag && *flag; flag++) {
		for (i = 0; i < G_N_ELEMENTS(personality_flags); i++)
			if (g_str_equal(personality_flags[i].name, *flag))
				break;
		if (i == G_N_ELEMENTS(personality_flags))
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.personality.flags: %s is not known",
					       *flag);
		*ret |= personality_flags[i].value;
	}
	return true;
}

bool berth_identity_check_personality(const struct oci_personality *wanted, GError **error)
{
	unsigned long value;

	return !wanted || find_personality(wanted, &value, error);
}

static bool set_personality(const struct oci_personality *wanted, GError **error)
{
	unsigned long value;

	if (!wanted)
		return true;
	if (!find_personality(wanted, &value, error))
		return false;
	return personality(value) >= 0 || berth_error_set_errno(error, errno, "linux.personality");
}

static bool early_filter(const struct berth_setup *setup)
{
	return setup->seccomp && !setup->config->process->no_new_privileges;
}

static void warn_missing(const struct berth_setup *setup, uint64_t missing)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (int i = 0; i < 64; i++)
		if (missing >> i & 1)
			g_string_append_printf(names, " %s", berth_capability_name(i) ? berth_capability_name(i) : "?");
	if (names->len)
		berth_channel_send(setup->sync, -1, NULL, "warn process.capabilities: cannot be granted here:%s",
				   names->str);
}

bool berth_identity_apply(struct berth_setup *setup, GError **error)
{
	const struct oci_process *process = setup->config->process;
	struct berth_capabilities wanted = setup->capabilities;
	uint64_t missing = 0;

	if (!process)
		return true;
	if (!enter_cwd(setup, process->cwd, error) || !set_personality(setup->section->personality, error))
		return false;
	if (!berth_capabilities_bound(&wanted, error) || !set_ids(setup, process->user, error))
		return false;
	if (early_filter(setup)) {
		wanted.permitted |= UINT64_C(1) << CAP_SYS_ADMIN;
		wanted.effective |= UINT64_C(1) << CAP_SYS_ADMIN;
	}
	if (!berth_capabilities_apply(&wanted, &missing, error))
		return false;
	warn_missing(setup, missing & setup->capabilities.permitted);
	umask(process->user && process->user->umask != BERTH_UNSET ? (mode_t) process->user->umask & 0777 : 0022);
	return true;
}

bool berth_identity_finish(struct berth_setup *setup, const struct berth_notify *notify, GError **error)
{
	bool early = early_filter(setup);
	int listener = -1;

	if (setup->config->process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return berth_error_set_errno(error, errno, "process.noNewPrivileges");
	if (setup->seccomp)
		listener = berth_seccomp_install(setup->seccomp, setup->seccomp_length, setup->seccomp_flags);
	if (setup->seccomp && listener < 0)
		return berth_error_set_errno(error, errno, "install the seccomp filter");
	if (!berth_notify_pass(notify, listener))
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "nobody took the seccomp filter's listener");
	return !early || berth_capabilities_apply(&setup->capabilities, NULL, error);
}
