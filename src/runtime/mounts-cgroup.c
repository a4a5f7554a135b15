// SPDX-License-Identifier: Apache-2.0
// Mounts of type "cgroup": the container sees its own groups only.
//
// On v2 that is one new mount in its cgroup namespace; without one it is a clone of the host's, since a new mount would
// set the options of the host's anew, and in a user namespace it is read-only: groups may be delegated to whom the user
// really is (CVE-2023-25809). On v1 a tmpfs holds a folder for each hierarchy: in a cgroup namespace with a new mount
// of the hierarchy, or with its like, the container's own folder bound; without one with a clone of that folder, or
// empty where it has none.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/cgroup-internal.h"
#include "sys/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree {
	char *name; // of its folder, as the host calls it
	char **controllers;
	bool v2;
	bool fresh; // in a cgroup namespace: mounted anew
	char *own; // then: the container's folder on the host, which will be the namespace's root; NULL: another may be
	int fd; // without a cgroup namespace: a clone of the container's folder; else -1
};

static void tree_free(void *data)
{
	struct tree *tree = data;

	berth_fd_clear(&tree->fd);
	g_free(tree->name);
	g_free(tree->own);
	g_strfreev(tree->controllers);
	g_free(tree);
}

void berth_cgroup_mount_clear(struct berth_mount_step *step)
{
	g_clear_pointer(&step->cgroups, g_ptr_array_unref);
}

void berth_cgroup_mount_list_fds(const struct berth_mount_step *step, GArray *fds)
{
	for (guint i = 0; step->cgroups && i < step->cgroups->len; i++) {
		const struct tree *tree = step->cgroups->pdata[i];
		g_array_append_val(fds, tree->fd);
	}
}

static bool own_namespace(const struct berth_setup *setup)
{
	return (setup->new_namespaces | setup->joined_namespaces) & CLONE_NEWCGROUP;
}

static bool add_tree(struct berth_setup *setup, struct berth_mount_step *step, const struct berth_cgroup_mount *mount,
		     const char *cgroup_path, GError **error)
{
	struct tree *tree = g_new0(struct tree, 1);

	tree->name = g_path_get_basename(mount->point);
	tree->controllers = g_strdupv(mount->controllers);
	tree->v2 = mount->v2;
	tree->fd = -1;
	g_ptr_array_add(step->cgroups, tree);
	tree->fresh = own_namespace(setup);
	g_autofree char *path = g_build_filename(mount->point, cgroup_path, NULL);
	if (tree->fresh) {
		if (setup->new_namespaces & CLONE_NEWCGROUP && !(setup->new_namespaces & CLONE_NEWUSER) && !tree->v2)
			tree->own = g_steal_pointer(&path);
		return true;
	}
	if (access(path, F_OK) < 0)
		return true;
	struct berth_mount_change change = {.propagation = MS_PRIVATE};
	tree->fd = berth_mount_clone(AT_FDCWD, path, false, error);
	return tree->fd >= 0 && berth_mount_change(tree->fd, &change, error);
}

// Without a cgroup namespace the host's groups are seen; a user who has some delegated must not give them to the
// container (CVE-2023-25809).
static bool only_to_read(const struct berth_setup *setup)
{
	return !own_namespace(setup) && (setup->new_namespaces | setup->joined_namespaces) & CLONE_NEWUSER;
}

static bool clone_v2(const struct berth_setup *setup, struct berth_mount_step *step,
		     const struct berth_cgroup_mounts *mounts, GError **error)
{
	const struct berth_cgroup_mount *mount = mounts->list->pdata[0];
	struct berth_mount_change change = step->options.own;

	if (only_to_read(setup)) {
		change.set |= MOUNT_ATTR_RDONLY;
		change.clear &= ~(uint64_t) MOUNT_ATTR_RDONLY;
	}
	change.propagation = MS_PRIVATE;
	step->tree = berth_mount_clone(AT_FDCWD, mount->point, false, error);
	return step->tree >= 0 && berth_mount_change(step->tree, &change, error);
}

bool berth_cgroup_mount_prepare(struct berth_setup *setup, struct berth_mount_step *step, const char *cgroup_path,
				GError **error)
{
	g_autoptr(berth_cgroup_mounts) loaded = setup->cgroup_mounts ? NULL : berth_cgroup_mounts_load();
	const struct berth_cgroup_mounts *mounts = loaded ? loaded : setup->cgroup_mounts;

	if (mounts->kind == BERTH_CGROUP_V2)
		return own_namespace(setup) || clone_v2(setup, step, mounts, error);
	step->cgroups = g_ptr_array_new_with_free_func(tree_free);
	for (guint i = 0; i < mounts->list->len; i++)
		if (!add_tree(setup, step, mounts->list->pdata[i], cgroup_path, error))
			return false;
	return true;
}

// Mount options of a v1 hierarchy: its controllers, or "none" and its name.
static bool mount_hierarchy(const struct tree *tree, uint64_t attributes, GError **error)
{
	g_autoptr(GPtrArray) options = g_ptr_array_new();

	if (tree->v2)
		return berth_mount_new_on(tree->name, "cgroup2", "cgroup2", NULL, attributes, error);
	for (char **controller = tree->controllers; controller && *controller; controller++) {
		if (g_str_has_prefix(*controller, "name="))
			g_ptr_array_add(options, (void *) "none");
		g_ptr_array_add(options, *controller);
	}
	g_ptr_array_add(options, NULL);
	return berth_mount_new_on(tree->name, "cgroup", "cgroup", (char *const *) options->pdata, attributes, error);
}

// What a new mount shows is the namespace's root, which is the container's folder. For a new one the kernel walks all
// groups of the host, for this it does not.
static bool bind_own(const struct tree *tree, uint64_t attributes)
{
	struct mount_attr change = {.attr_set = attributes, .propagation = MS_PRIVATE};

	if (!tree->own || mount(tree->own, tree->name, NULL, MS_BIND, NULL) < 0)
		return false;
	if (mount_setattr(AT_FDCWD, tree->name, AT_SYMLINK_NOFOLLOW, &change, sizeof change) == 0)
		return true;
	umount2(tree->name, MNT_DETACH | UMOUNT_NOFOLLOW);
	return false;
}

// In place of the container's own folder.
static bool attach_clone(const struct tree *tree, uint64_t attributes, GError **error)
{
	struct berth_mount_change change = {.set = attributes};

	if (!berth_mount_change(tree->fd, &change, error))
		return false;
	berth_fd target = open(tree->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return berth_error_set_errno(error, errno, "open folder %s", tree->name);
	return berth_mount_attach(tree->fd, target, tree->name, error);
}

// In the working folder.
static bool attach_hierarchy(const struct tree *tree, uint64_t attributes, GError **error)
{
	if (mkdir(tree->name, 0755) < 0)
		return berth_error_set_errno(error, errno, "make folder %s", tree->name);
	if (tree->fresh && !bind_own(tree, attributes) && !mount_hierarchy(tree, attributes, error))
		return false;
	if (tree->fd >= 0 && !attach_clone(tree, attributes, error))
		return false;
	for (char **controller = tree->controllers; strchr(tree->name, ',') && controller && *controller; controller++)
		if (symlink(tree->name, *controller) < 0)
			return berth_error_set_errno(error, errno, "link %s", *controller);
	return true;
}

// The tmpfs is this process's alone until the container's program runs, so what lies in it may go by its names.
static bool attach_all(int folder, const struct berth_mount_step *step, uint64_t attributes, GError **error)
{
	berth_fd before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (before < 0 || fchdir(folder) < 0)
		return berth_error_set_errno(error, errno, "enter %s", step->mount->destination);
	for (guint i = 0; i < step->cgroups->len; i++)
		if (!attach_hierarchy(step->cgroups->pdata[i], attributes, error))
			return false;
	return fchdir(before) == 0 || berth_error_set_errno(error, errno, "leave %s", step->mount->destination);
}

static bool make_v1(const struct berth_setup *setup, const struct berth_mount_step *step, int target, GError **error)
{
	char *options[] = {(char *) "mode=755", (char *) "size=4m", NULL};
	uint64_t attributes = step->options.own.set | (only_to_read(setup) ? MOUNT_ATTR_RDONLY : 0);
	struct berth_mount_change change = {.set = attributes};

	berth_fd folder = berth_mount_new("tmpfs", "tmpfs", options, attributes & ~(uint64_t) MOUNT_ATTR_RDONLY, error);
	if (folder < 0 || !berth_mount_attach(folder, target, step->mount->destination, error))
		return false;
	return attach_all(folder, step, attributes, error) && berth_mount_change(folder, &change, error);
}

bool berth_cgroup_mount_make(struct berth_setup *setup, struct berth_mount_step *step, int target, GError **error)
{
	if (step->cgroups)
		return make_v1(setup, step, target, error);
	if (step->tree >= 0)
		return berth_mount_attach(step->tree, target, step->mount->destination, error);
	berth_fd mount = berth_mount_new("cgroup2", "cgroup", NULL, step->options.own.set, error);
	return mount >= 0 && berth_mount_attach(mount, target, step->mount->destination, error);
}
