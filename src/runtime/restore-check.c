// SPDX-License-Identifier: Apache-2.0
// Whether images, and then the processes made from them, are what config.json says (CVE-2024-8676, CVE-2026-53492:
// checkpoints that brought mounts and devices of their own).
//
// Before CRIU reads images: the namespaces of their first process, and their mounts. Each mount must be one of
// config.json's, or lie on a file system of such a one. When all is restored, and nothing has run: namespaces, ids,
// capabilities, filters, masked and read-only paths, by asking the kernel.
#include "runtime/restore-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"
#include "sys/mount.h"
#include "sys/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static const unsigned namespace_flags[] = {CLONE_NEWPID, CLONE_NEWNET,  CLONE_NEWIPC,    CLONE_NEWUTS,
					   CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWCGROUP, CLONE_NEWTIME};

// CRIU makes a time namespace in any case, so that clocks go on from where they were.
static bool is_as_wanted(bool own, unsigned wanted, unsigned flag)
{
	return own == !!(wanted & flag) || (own && flag == CLONE_NEWTIME);
}

static unsigned wanted_namespaces(const struct berth_setup *setup)
{
	return setup->new_namespaces | setup->joined_namespaces;
}

// Images

static bool check_image_namespaces(const struct berth_setup *setup, int images, GError **error)
{
	unsigned found, wanted = wanted_namespaces(setup);

	if (!berth_images_namespaces(images, &found, error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(namespace_flags); i++) {
		unsigned flag = namespace_flags[i];
		if (!is_as_wanted(found & flag, wanted, flag))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the images' container has %s %s namespace of its own, config.json says "
					       "otherwise",
					       found & flag ? "a" : "no", berth_namespace_file(flag));
	}
	return true;
}

// Where the destination is in the root, links resolved as they were when it was mounted; unresolved if it is not there.
static char *resolve(const struct berth_setup *setup, const char *destination)
{
	berth_fd at = setup->root_tree < 0 ? -1 : berth_root_open(setup->root_tree, destination, O_PATH, 0, NULL);
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", at);
	g_autofree char *path = at < 0 ? NULL : g_file_read_link(link, NULL);

	return path && *path == '/' ? g_steal_pointer(&path) : g_canonicalize_filename(destination, "/");
}

// What of `path` is beneath `top`: "" if it is it, NULL if it is elsewhere.
static const char *beneath(const char *path, const char *top)
{
	size_t length = strlen(top);

	if (!g_str_has_prefix(path, top))
		return NULL;
	if (path[length] == 0)
		return "";
	return path[length] == '/' ? path + length + 1 : NULL;
}

struct source { // where an external mount comes from; the one with the longest destination that fits
	int tree;
	const char *rest;
	size_t length;
	char *name; // of the tree in the stage
};

static void consider(struct source *best, const char *key, const char *destination, int tree, const char *format,
		     guint index)
{
	const char *rest = tree < 0 ? NULL : beneath(key, destination);

	if (!rest || strlen(destination) < best->length)
		return;
	g_free(best->name);
	*best = (struct source){.tree = tree, .rest = rest, .length = strlen(destination)};
	if (!*rest) {
		char name[32];
		g_snprintf(name, sizeof name,
			   g_str_equal(format, BERTH_STAGE_MOUNT) ? BERTH_STAGE_MOUNT : BERTH_STAGE_DEVICE, index);
		best->name = g_strdup(name);
	}
}

// Where devices are the host's (user namespaces), so is the null device on masked files.
static void consider_mask(struct source *best, const struct berth_setup *setup, const char *key, guint device)
{
	if (g_strcmp0(berth_devices_path(setup, device), "/dev/null") != 0)
		return;
	for (char **path = setup->section->masked_paths; path && *path; path++)
		if (g_str_equal(*path, key))
			consider(best, key, *path, g_array_index(setup->device_trees, int, device), BERTH_STAGE_DEVICE,
				 device);
}

static bool add_external(struct berth_restore *restore, const struct berth_image_mount *image,
			 char *const *destinations, GError **error)
{
	const struct berth_setup *setup = restore->setup;
	struct source best = {.tree = -1};

	for (guint i = 0; i < setup->mounts->len; i++)
		consider(&best, image->external, destinations[i],
			 g_array_index(setup->mounts, struct berth_mount_step, i).tree, BERTH_STAGE_MOUNT, i);
	for (guint i = 0; i < setup->device_trees->len; i++)
		consider_mask(&best, setup, image->external, i);
	for (guint i = 0; i < setup->device_trees->len; i++)
		consider(&best, image->external, berth_devices_path(setup, i),
			 g_array_index(setup->device_trees, int, i), BERTH_STAGE_DEVICE, i);
	if (best.tree < 0) {
		// One that the root folder has: it must be mounted there now, too.
		best.tree = setup->root_tree;
		best.rest = image->external + strspn(image->external, "/");
	}
	struct berth_restore_mount *mount = g_new0(struct berth_restore_mount, 1);
	mount->key = g_strdup(image->external);
	mount->tree = best.tree;
	mount->rest = g_strdup(best.rest);
	mount->name = best.name ? best.name : g_strdup_printf(BERTH_STAGE_BENEATH, restore->mounts->len);
	g_ptr_array_add(restore->mounts, mount);
	return best.tree >= 0 || berth_error_set(error, BERTH_ERROR_INVALID, "config.json has no such mount");
}

static const char *type_name(uint64_t type)
{
	static const struct {
		enum berth_image_fstype type;
		const char *name;
	} types[] = {{BERTH_IMAGE_PROC, "proc"},     {BERTH_IMAGE_SYSFS, "sysfs"},   {BERTH_IMAGE_TMPFS, "tmpfs"},
		     {BERTH_IMAGE_DEVPTS, "devpts"}, {BERTH_IMAGE_MQUEUE, "mqueue"}, {BERTH_IMAGE_CGROUP, "cgroup"},
		     {BERTH_IMAGE_CGROUP2, "cgroup"}};

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

static bool is_config_mount(const struct berth_setup *setup, const struct berth_image_mount *image,
			    char *const *destinations)
{
	const char *type = type_name(image->type);

	for (guint i = 0; i < setup->mounts->len; i++) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		bool same = g_strcmp0(step->mount->type, type) == 0 ||
			    // On v1 a tmpfs with the hierarchies in it.
			    (g_str_has_prefix(step->mount->type ? step->mount->type : "", "cgroup") &&
			     (g_str_equal(type, "cgroup") || (g_str_equal(type, "tmpfs") && step->cgroups)));
		if (step->tree < 0 && same && beneath(image->point, destinations[i]) &&
		    (step->cgroups || g_str_equal(image->point, destinations[i])))
			return true;
	}
	for (char **path = setup->section->masked_paths; path && *path; path++)
		if (image->type == BERTH_IMAGE_TMPFS && g_str_equal(*path, image->point))
			return true; // the empty folder
	return false;
}

static bool of_accepted_device(const GPtrArray *images, guint index, const bool *accepted)
{
	const struct berth_image_mount *image = images->pdata[index];

	for (guint i = 0; i < images->len; i++) {
		const struct berth_image_mount *other = images->pdata[i];
		if (accepted[i] && other->device == image->device && other->type == image->type && !*other->external)
			return true;
	}
	return false;
}

// What a process that may mount could have mounted by itself.
static bool may_mount(const struct berth_setup *setup)
{
	return setup->capabilities.bounding & 1ull << CAP_SYS_ADMIN;
}

static bool has_parent(const GPtrArray *images, const struct berth_image_mount *image)
{
	for (guint i = 0; i < images->len; i++)
		if (((const struct berth_image_mount *) images->pdata[i])->id == image->parent)
			return true;
	return false;
}

static bool check_image_mount(struct berth_restore *restore, const GPtrArray *images, guint index, bool *accepted,
			      char *const *destinations, GError **error)
{
	const struct berth_image_mount *image = images->pdata[index];

	accepted[index] = true;
	if (image->plugin)
		return berth_error_set(error, BERTH_ERROR_INVALID, "only a plugin of CRIU could make it");
	if (*image->external)
		return add_external(restore, image, destinations, error);
	if (g_str_equal(image->point, "/") && !has_parent(images, image))
		return true; // the root, which CRIU is told
	if (type_name(image->type) &&
	    (is_config_mount(restore->setup, image, destinations) || may_mount(restore->setup)))
		return true;
	accepted[index] = false;
	return true;
}

static char **resolve_all(const struct berth_setup *setup)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new();

	for (guint i = 0; i < setup->mounts->len; i++)
		g_ptr_array_add(
			all,
			resolve(setup, g_array_index(setup->mounts, struct berth_mount_step, i).mount->destination));
	g_ptr_array_add(all, NULL);
	return (char **) g_ptr_array_free(g_steal_pointer(&all), FALSE);
}

static bool check_image_mounts(struct berth_restore *restore, int images, GError **error)
{
	g_autoptr(GPtrArray) list = berth_images_mounts(images, error);
	g_auto(GStrv) destinations = resolve_all(restore->setup);
	g_autofree bool *accepted = list ? g_new0(bool, list->len + 1) : NULL;

	for (guint i = 0; list && i < list->len; i++)
		if (!check_image_mount(restore, list, i, accepted, destinations, error)) {
			g_prefix_error(error,
				       "the images' mount %s: ", ((struct berth_image_mount *) list->pdata[i])->point);
			return false;
		}
	// Parts of a file system that is among them: masked files, read-only folders, the console.
	for (guint i = 0; list && i < list->len; i++)
		if (!accepted[i] && !of_accepted_device(list, i, accepted))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the images' mount %s: config.json has no such mount",
					       ((struct berth_image_mount *) list->pdata[i])->point);
	return list != NULL;
}

bool berth_restore_check_images(struct berth_restore *restore, int images, GError **error)
{
	return check_image_namespaces(restore->setup, images, error) && berth_images_check_groups(images, error) &&
	       check_image_mounts(restore, images, error);
}

// Namespaces

// Whether the process is in the caller's own namespace of this type. Not known: it is.
static bool is_shared(pid_t pid, unsigned flag)
{
	g_autofree char *own = g_strdup_printf("/proc/self/ns/%s", berth_namespace_file(flag));
	g_autofree char *its = g_strdup_printf("/proc/%d/ns/%s", (int) pid, berth_namespace_file(flag));
	struct stat mine, theirs;

	return stat(own, &mine) < 0 || stat(its, &theirs) < 0 || mine.st_ino == theirs.st_ino;
}

static bool is_joined(const struct berth_setup *setup, pid_t pid, unsigned flag)
{
	g_autofree char *its = g_strdup_printf("/proc/%d/ns/%s", (int) pid, berth_namespace_file(flag));
	struct stat wanted, theirs;

	for (size_t i = 0; i < G_N_ELEMENTS(setup->join) && setup->join[i] >= 0; i++)
		if (setup->join_flags[i] == flag)
			return fstat(setup->join[i], &wanted) == 0 && stat(its, &theirs) == 0 &&
			       wanted.st_ino == theirs.st_ino;
	return true;
}

static bool check_map(pid_t pid, const char *file, const GPtrArray *mappings, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int) pid, file);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, error);
	char *line = text;
	guint count = 0;

	for (; line && *line; count++) {
		long long inside, outside, length;
		int used = 0;
		if (sscanf(line, "%lld %lld %lld\n%n", &inside, &outside, &length, &used) < 3)
			break;
		line += used;
		bool found = false;
		for (guint i = 0; mappings && i < mappings->len; i++) {
			const struct oci_id_mapping *wanted = mappings->pdata[i];
			found |= wanted->container_id == inside && wanted->host_id == outside && wanted->size == length;
		}
		if (!found)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the images' %s has %lld %lld %lld, config.json has not", file, inside,
					       outside, length);
	}
	return text && (count == (mappings ? mappings->len : 0) ||
			berth_error_set(error, BERTH_ERROR_INVALID, "the images' %s is not config.json's", file));
}

bool berth_restore_check_namespaces(const struct berth_restore *restore, pid_t pid, GError **error)
{
	const struct berth_setup *setup = restore->setup;
	unsigned wanted = wanted_namespaces(setup);

	for (size_t i = 0; i < G_N_ELEMENTS(namespace_flags); i++) {
		unsigned flag = namespace_flags[i];
		if (!is_as_wanted(!is_shared(pid, flag), wanted, flag) || !is_joined(setup, pid, flag))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the restored process is not in the %s namespace that config.json says",
					       berth_namespace_file(flag));
	}
	if (!(setup->new_namespaces & CLONE_NEWUSER))
		return true;
	return check_map(pid, "uid_map", setup->section->uid_mappings, error) &&
	       check_map(pid, "gid_map", setup->section->gid_mappings, error);
}

// Processes

static GArray *children(pid_t pid)
{
	GArray *found = g_array_new(FALSE, FALSE, sizeof(pid_t));
	g_autofree char *folder = g_strdup_printf("/proc/%d/task", (int) pid);
	g_autoptr(GDir) tasks = g_dir_open(folder, 0, NULL);

	for (const char *task; tasks && (task = g_dir_read_name(tasks));) {
		g_autofree char *path = g_build_filename(folder, task, "children", NULL);
		g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, NULL);
		g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);
		for (char **word = words; *word; word++) {
			pid_t child = (pid_t) g_ascii_strtoll(*word, NULL, 10);
			if (child > 0)
				g_array_append_val(found, child);
		}
	}
	return found;
}

static uint64_t status_value(const char *status, const char *key, guint base)
{
	const char *line = strstr(status, key);

	return line ? g_ascii_strtoull(line + strlen(key), NULL, base) : 0;
}

static bool check_rights(const struct berth_setup *setup, pid_t pid, GError **error)
{
	static const char *const sets[] = {"\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:"};
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int) pid);
	g_autofree char *status = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, error);

	if (!status)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
		uint64_t more = status_value(status, sets[i], 16) & ~setup->capabilities.bounding;
		if (more)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "process %d of the images has %s, which config.json does not allow",
					       (int) pid, berth_capability_name(__builtin_ctzll(more)));
	}
	if (setup->config->process->no_new_privileges && !status_value(status, "\nNoNewPrivs:", 10))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process %d of the images may gain privileges, config.json says noNewPrivileges "
				       "(CRIU before 3.19 does not restore that)",
				       (int) pid);
	if (setup->seccomp && status_value(status, "\nSeccomp:", 10) != 2)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"process %d of the images has no system call filter, config.json has linux.seccomp", (int) pid);
	return true;
}

static bool check_label(const struct berth_setup *setup, pid_t pid, GError **error)
{
	const char *wanted = setup->config->process->apparmor_profile;
	g_autofree char *path = g_strdup_printf("/proc/%d/attr/current", (int) pid);

	if (!wanted || !*wanted || !setup->label)
		return true;
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, error);
	if (!text)
		return false;
	g_strdelimit(g_strchomp(text), "\n (", 0);
	return g_str_equal(text, wanted) ||
	       berth_error_set(
		       error, BERTH_ERROR_INVALID,
		       "process %d of the images has the AppArmor profile %s, config.json has %s: --lsm-profile "
		       "apparmor:%s changes it",
		       (int) pid, text, wanted, wanted);
}

// One that has ended, all its threads too, and waits for its parent to ask how: it is in no namespace and no group any
// more, and never runs again.
static bool is_zombie(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int) pid);
	g_autofree char *status = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_MOUNTINFO, NULL, NULL);

	return status && strstr(status, "\nState:\tZ") && status_value(status, "\nThreads:", 10) <= 1;
}

static bool in_group(const GArray *group, pid_t pid)
{
	for (guint i = 0; i < group->len; i++)
		if (g_array_index(group, pid_t, i) == pid)
			return true;
	return false;
}

static bool check_process(const struct berth_restore *restore, const GArray *group, pid_t pid, GError **error)
{
	const struct berth_setup *setup = restore->setup;
	unsigned wanted = wanted_namespaces(setup);

	for (size_t i = 0; i < G_N_ELEMENTS(namespace_flags); i++)
		if (wanted & namespace_flags[i] && is_shared(pid, namespace_flags[i]))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "process %d of the images is in the caller's %s namespace", (int) pid,
					       berth_namespace_file(namespace_flags[i]));
	if (restore->container->cgroup && !in_group(group, pid))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "process %d of the images is outside of the container's control group",
				       (int) pid);
	return check_rights(setup, pid, error) && check_label(setup, pid, error);
}

static bool check_tree(const struct berth_restore *restore, pid_t init, GError **error)
{
	g_autoptr(GArray) group = berth_container_pids(restore->container, error);
	g_autoptr(GArray) waiting = g_array_new(FALSE, FALSE, sizeof(pid_t));

	if (!group)
		return false;
	g_array_append_val(waiting, init);
	for (guint i = 0; i < waiting->len; i++) {
		pid_t pid = g_array_index(waiting, pid_t, i);
		if (!is_zombie(pid) && !check_process(restore, group, pid, error))
			return false;
		g_autoptr(GArray) next = children(pid);
		g_array_append_vals(waiting, next->data, next->len);
	}
	return true;
}

// Paths

static bool is_masked(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (S_ISDIR(st.st_mode))
		return berth_mount_is(fd, TMPFS_MAGIC);
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static bool check_hidden(const struct berth_setup *setup, int root, GError **error)
{
	struct statvfs info;

	for (char **path = setup->section->masked_paths; path && *path; path++) {
		berth_fd at = berth_root_open(root, *path, O_PATH, 0, NULL);
		if (at >= 0 && !is_masked(at))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "linux.maskedPaths: %s is not masked in the images", *path);
	}
	for (char **path = setup->section->readonly_paths; path && *path; path++) {
		berth_fd at = berth_root_open(root, *path, O_PATH, 0, NULL);
		if (at >= 0 && fstatvfs(at, &info) == 0 && !(info.f_flag & ST_RDONLY))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "linux.readonlyPaths: %s is writable in the images", *path);
	}
	return true;
}

// Attributes of a mount that are less than config.json says.
static bool check_attributes(const struct berth_mount_step *step, int root, GError **error)
{
	static const struct {
		uint64_t attribute;
		unsigned long flag;
		const char *name;
	} attributes[] = {{MOUNT_ATTR_RDONLY, ST_RDONLY, "ro"},
			  {MOUNT_ATTR_NOSUID, ST_NOSUID, "nosuid"},
			  {MOUNT_ATTR_NODEV, ST_NODEV, "nodev"},
			  {MOUNT_ATTR_NOEXEC, ST_NOEXEC, "noexec"}};
	berth_fd at = berth_root_open(root, step->mount->destination, O_PATH, 0, NULL);
	struct statvfs info;

	if (at < 0 || fstatvfs(at, &info) < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "mount %s: the images do not have it",
				       step->mount->destination);
	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
		if (step->options.own.set & attributes[i].attribute && !(info.f_flag & attributes[i].flag))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "mount %s: config.json says %s, the images do not",
					       step->mount->destination, attributes[i].name);
	return true;
}

static bool check_paths(const struct berth_setup *setup, pid_t pid, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/root", (int) pid);
	berth_fd root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statvfs info;

	if (root < 0)
		return berth_error_set_errno(error, errno, "the restored root");
	if (setup->config->root && setup->config->root->readonly &&
	    (fstatvfs(root, &info) < 0 || !(info.f_flag & ST_RDONLY)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "root.readonly: the root is writable in the images");
	for (guint i = 0; i < setup->mounts->len; i++)
		if (!check_attributes(&g_array_index(setup->mounts, struct berth_mount_step, i), root, error))
			return false;
	return check_hidden(setup, root, error);
}

bool berth_restore_check_processes(const struct berth_restore *restore, pid_t pid, GError **error)
{
	return berth_restore_check_namespaces(restore, pid, error) && check_tree(restore, pid, error) &&
	       check_paths(restore->setup, pid, error);
}
