// SPDX-License-Identifier: Apache-2.0
// config.mounts, in order. Sources of bind mounts are cloned by the creator, with its rights; file systems are made by
// the child, so that they belong to its namespaces. Every mount is complete before it is attached, by descriptor.
//
// Nothing but procfs may cover /proc or what lies beneath it: a container that could put other files there would lie to
// itself about labels, masks and limits (CVE-2015-3631, CVE-2019-19921). The exceptions are what lxcfs provides.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const allowed_in_proc[] = {
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/meminfo",
	"/proc/stat",
	"/proc/swaps",
	"/proc/uptime",
	"/proc/loadavg",
	"/proc/slabinfo",
	"/proc/pressure",
	"/proc/net/dev",
	"/proc/sys/kernel/ns_last_pid",
	NULL,
};

static bool is_type(const struct oci_mount *mount, const char *type)
{
	return g_strcmp0(mount->type, type) == 0;
}

static bool is_cgroup(const struct oci_mount *mount)
{
	return is_type(mount, "cgroup") || is_type(mount, "cgroup2");
}

static char *clean(const char *destination)
{
	return g_canonicalize_filename(destination, "/");
}

static bool destination_allowed(const struct berth_mount_step *step, const char *path, GError **error)
{
	bool in_proc = g_str_equal(path, "/proc") || g_str_has_prefix(path, "/proc/");

	if (!in_proc || is_type(step->mount, "proc") || g_strv_contains(allowed_in_proc, path))
		return true;
	if (g_str_equal(path, "/proc") && step->tree >= 0 && berth_mount_is(step->tree, PROC_SUPER_MAGIC))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "mounts: %s: nothing but proc may be mounted there",
			       step->mount->destination);
}

// Clones the source's mount, or reads the link that it is.
static bool open_source(struct berth_mount_step *step, const char *source, GError **error)
{
	const struct berth_mount_options *options = &step->options;

	if (options->copy_link)
		step->link = g_file_read_link(source, NULL);
	if (step->link)
		return true;
	if (!options->source_link) {
		step->tree = berth_mount_clone(AT_FDCWD, source, options->recursive_bind, error);
		return step->tree >= 0;
	}
	berth_fd link = open(source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (link < 0)
		return berth_error_set_errno(error, errno, "open %s", source);
	step->tree = berth_mount_clone(link, "", options->recursive_bind, error);
	return step->tree >= 0;
}

static bool can_map(const struct berth_setup *setup, GError **error)
{
	return !setup->late ||
	       berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "to map a mount's ids needs %s",
			       setup->late == BERTH_LATE_AS_ROOT ? "Linux 5.12" : "the rights of the host's root");
}

static bool prepare_bind(struct berth_setup *setup, struct berth_mount_step *step, GError **error)
{
	const char *root_propagation = setup->section->rootfs_propagation;
	struct berth_mount_options *options = &step->options;
	struct stat st;

	if (!step->mount->source || !*step->mount->source)
		return berth_error_set(error, BERTH_ERROR_INVALID, "mounts: %s: a bind mount needs a source",
				       step->mount->destination);
	g_autofree char *source = g_canonicalize_filename(step->mount->source, setup->create->bundle);
	if (!open_source(step, source, error))
		return false;
	if (step->link)
		return true;
	if (fstat(step->tree, &st) < 0)
		return berth_error_set_errno(error, errno, "look at %s", source);
	step->file = !S_ISDIR(st.st_mode);
	if (setup->late == BERTH_LATE_AS_ROOT && options->propagation == MS_SHARED)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "option shared: to share mounts with the host needs Linux 5.12");
	if (!options->propagation) {
		bool flows =
			root_propagation && (strstr(root_propagation, "slave") || strstr(root_propagation, "shared"));
		options->propagation = flows ? MS_SLAVE : MS_PRIVATE;
		options->propagation_recursive = true;
	}
	struct berth_mount_change propagation = {.propagation = options->propagation,
						 .recursive = options->propagation_recursive};
	return berth_mount_change(step->tree, &propagation, error) &&
	       berth_mount_change(step->tree, &options->own, error) &&
	       berth_mount_change(step->tree, &options->deep, error) &&
	       (!berth_idmap_mount_wanted(step) ||
		(can_map(setup, error) && berth_idmap_mount_apply(setup, step, step->tree, error)));
}

// A new file system whose ids are mapped is made by the creator: its rights over it are what the kernel asks for.
static bool prepare_mapped(const struct berth_setup *setup, struct berth_mount_step *step, GError **error)
{
	static const char *const never[] = {"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", NULL};

	if (g_strv_contains(never, step->mount->type))
		return berth_error_set(error, BERTH_ERROR_INVALID, "the ids of %s cannot be mapped", step->mount->type);
	if (!can_map(setup, error))
		return false;
	step->tree = berth_mount_new_or_host(setup, step, 0, error);
	return step->tree >= 0 && berth_idmap_mount_apply(setup, step, step->tree, error);
}

static bool has_gid(const GPtrArray *mappings, int64_t gid)
{
	return berth_identity_host_id(mappings, gid) >= 0;
}

// devpts refuses a gid that the user namespace does not have; terminals then belong to their user's group.
static void drop_unmapped_gid(const struct berth_setup *setup, GPtrArray *data)
{
	for (guint i = 0; setup->new_namespaces & CLONE_NEWUSER && data->pdata[i]; i++) {
		const char *option = data->pdata[i];
		if (g_str_has_prefix(option, "gid=") &&
		    !has_gid(setup->section->gid_mappings, g_ascii_strtoll(option + 4, NULL, 10)))
			g_ptr_array_remove_index(data, i--);
	}
}

static bool prepare_one(struct berth_setup *setup, const struct oci_mount *mount, const char *cgroup_path,
			GError **error)
{
	struct berth_mount_step new = {.mount = mount, .tree = -1, .mounted = -1};

	if (*mount->destination != '/')
		berth_setup_warn(setup, "mounts: %s: a relative destination is deprecated, taken from /",
				 mount->destination);
	if (!berth_mount_options_parse(mount->options, is_type(mount, "bind"), &new.options, error))
		return false;
	g_array_append_val(setup->mounts, new);
	struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, setup->mounts->len - 1);
	if (step->options.remount)
		return true;
	berth_mount_label_add(setup, step);
	if (step->options.bind && !prepare_bind(setup, step, error))
		return false;
	if (!step->options.bind && berth_idmap_mount_wanted(step) && !prepare_mapped(setup, step, error))
		return false;
	if (is_cgroup(mount) && !berth_cgroup_mount_prepare(setup, step, cgroup_path, error))
		return false;
	if (is_type(mount, "devpts"))
		drop_unmapped_gid(setup, step->options.data);
	g_autofree char *path = clean(mount->destination);
	return destination_allowed(step, path, error);
}

bool berth_mounts_prepare(struct berth_setup *setup, const char *cgroup_path, GError **error)
{
	const GPtrArray *mounts = setup->config->mounts;

	if (setup->joined_namespaces & CLONE_NEWNS)
		return true;
	if (!berth_mount_label_prepare(setup, error))
		return false;
	for (guint i = 0; mounts && i < mounts->len; i++) {
		const struct oci_mount *mount = mounts->pdata[i];
		if (!prepare_one(setup, mount, cgroup_path, error))
			return g_prefix_error(error, "mount %s: ", mount->destination), false;
	}
	return true;
}

// The parsed rule again, on what the destination really is: a link in the root may lead into /proc.
static bool target_allowed(const struct berth_mount_step *step, int target, const char *path, GError **error)
{
	if (is_type(step->mount, "proc") || !berth_mount_is(target, PROC_SUPER_MAGIC) ||
	    g_strv_contains(allowed_in_proc, path) ||
	    (g_str_equal(path, "/proc") && step->tree >= 0 && berth_mount_is(step->tree, PROC_SUPER_MAGIC)))
		return true;
	return berth_error_set(error, BERTH_ERROR_INVALID, "the destination lies in /proc");
}

static int open_target(const struct berth_setup *setup, const struct berth_mount_step *step, const char *path,
		       GError **error)
{
	bool kernel = is_type(step->mount, "proc") || is_type(step->mount, "sysfs");
	struct stat st;

	berth_fd target = berth_rootfs_target(setup, path, step->options.bind && step->file,
					      kernel || step->options.target_link, error);
	if (target < 0 || !target_allowed(step, target, path, error))
		return -1;
	if (kernel && (fstat(target, &st) < 0 || !S_ISDIR(st.st_mode))) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s in the root is no folder", path);
		return -1;
	}
	return berth_fd_steal(&target);
}

static bool copy_up(const struct berth_mount_step *step, int tree, int target, GError **error)
{
	return !step->options.copy_up || berth_copy_up(target, tree, error);
}

static bool make_new(const struct berth_setup *setup, struct berth_mount_step *step, const char *path, int target,
		     GError **error)
{
	struct berth_mount_change change = step->options.own;
	// /dev becomes read-only only when the devices are made, a copy when it is filled.
	bool late = change.set & MOUNT_ATTR_RDONLY && (g_str_equal(path, "/dev") || step->options.copy_up);

	if (late)
		change.set &= ~(uint64_t) MOUNT_ATTR_RDONLY;
	berth_fd tree =
		step->tree >= 0 ? berth_fd_steal(&step->tree) : berth_mount_new_or_host(setup, step, change.set, error);
	if (tree < 0 || (berth_idmap_mount_wanted(step) && !berth_mount_change(tree, &change, error)) ||
	    !berth_mount_label_set(setup, step, tree, error) || !copy_up(step, tree, target, error) ||
	    !berth_mount_attach(tree, target, path, error))
		return false;
	struct berth_mount_change propagation = {.propagation = step->options.propagation,
						 .recursive = step->options.propagation_recursive};
	if (!berth_mount_change(tree, &propagation, error) || !berth_mount_change(tree, &step->options.deep, error))
		return false;
	step->late = late;
	step->kernel = is_type(step->mount, "proc") || is_type(step->mount, "sysfs");
	if (step->late || step->kernel)
		step->mounted = berth_fd_steal(&tree);
	return true;
}

static bool remount(const struct berth_mount_step *step, int target, GError **error)
{
	return berth_mount_change(target, &step->options.own, error) &&
	       berth_mount_change(target, &step->options.deep, error);
}

// copy-symlink. What is there already is used if it leads to the same.
static bool make_link(const struct berth_setup *setup, const struct berth_mount_step *step, const char *path,
		      GError **error)
{
	g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
	berth_fd folder = berth_root_make_folder(setup->root, parent, 0755, error);
	char there[PATH_MAX];

	if (folder < 0)
		return false;
	if (berth_mount_is(folder, PROC_SUPER_MAGIC))
		return berth_error_set(error, BERTH_ERROR_INVALID, "the destination lies in /proc");
	if (symlinkat(step->link, folder, name) == 0)
		return true;
	int errnum = errno;
	ssize_t n = readlinkat(folder, name, there, sizeof there);
	if (n == (ssize_t) strlen(step->link) && memcmp(there, step->link, (size_t) n) == 0)
		return true;
	return berth_error_set_errno(error, errnum, "make the link");
}

static bool make_one(struct berth_setup *setup, struct berth_mount_step *step, GError **error)
{
	g_autofree char *path = clean(step->mount->destination);

	if (step->link)
		return make_link(setup, step, path, error);
	berth_fd target = open_target(setup, step, path, error);

	if (target < 0)
		return false;
	if (step->options.remount)
		return remount(step, target, error);
	if (step->options.bind) {
		step->kernel = (g_str_equal(path, "/proc") && berth_mount_is(step->tree, PROC_SUPER_MAGIC)) ||
			       (g_str_equal(path, "/sys") && berth_mount_is(step->tree, SYSFS_MAGIC));
		return berth_mount_attach(step->tree, target, path, error);
	}
	if (is_cgroup(step->mount))
		return berth_groups_settle(setup, error) && berth_cgroup_mount_make(setup, step, target, error);
	return make_new(setup, step, path, target, error);
}

bool berth_mounts_make(struct berth_setup *setup, GError **error)
{
	for (guint i = 0; i < setup->mounts->len; i++) {
		struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		if (!make_one(setup, step, error))
			return g_prefix_error(error, "mount %s: ", step->mount->destination), false;
	}
	return true;
}

bool berth_mounts_finish(struct berth_setup *setup, GError **error)
{
	struct berth_mount_change read_only = {.set = MOUNT_ATTR_RDONLY};

	for (guint i = 0; i < setup->mounts->len; i++) {
		struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		if (step->late && !berth_mount_change(step->mounted, &read_only, error))
			return g_prefix_error(error, "mount %s: ", step->mount->destination), false;
	}
	return true;
}
