// SPDX-License-Identifier: Apache-2.0
// What is mounted where the kernel refuses a new file system: sysfs, mqueue and procfs belong to a network, IPC or pid
// namespace, and only who has rights over that may mount one. Where the container shares the creator's namespace, it
// gets the creator's mount of it, which shows the same; of /sys it can be read only. Used before the root is entered,
// so the host's paths are what they say.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

static const struct {
	const char *type, *path;
	unsigned namespace; // that must not be the container's own
	uint64_t attributes;
} hosts[] = {
	{"sysfs", "/sys", CLONE_NEWNET, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC},
	{"mqueue", "/dev/mqueue", CLONE_NEWIPC, 0},
	{"proc", "/proc", CLONE_NEWPID, 0},
};

static int clone_host(const struct berth_setup *setup, const char *type, uint64_t attributes, GError **error)
{
	struct berth_mount_change change = {.set = attributes, .propagation = MS_PRIVATE, .recursive = true};

	for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
		if (!g_str_equal(hosts[i].type, type) || setup->private_namespaces & hosts[i].namespace)
			continue;
		berth_fd tree = berth_mount_clone(AT_FDCWD, hosts[i].path, true, error);
		change.set |= hosts[i].attributes;
		return tree >= 0 && berth_mount_change(tree, &change, error) ? berth_fd_steal(&tree) : -1;
	}
	return -1;
}

// In a user namespace that has not the group of terminals, they belong to their users' groups.
static int without_gid(const struct berth_mount_step *step, uint64_t attributes, GError **error)
{
	GPtrArray *data = step->options.data;
	guint before = data->len;

	for (guint i = 0; data->pdata[i]; i++)
		if (g_str_has_prefix(data->pdata[i], "gid="))
			g_ptr_array_remove_index(data, i--);
	return data->len < before ? berth_mount_new("devpts", "devpts", (char *const *) data->pdata, attributes, error)
				  : -1;
}

int berth_mount_new_or_host(const struct berth_setup *setup, const struct berth_mount_step *step, uint64_t attributes,
			    GError **error)
{
	const struct oci_mount *mount = step->mount;
	g_autoptr(GError) problem = NULL;
	int fd = berth_mount_new(mount->type, mount->source && *mount->source ? mount->source : mount->type,
				 (char *const *) step->options.data->pdata, attributes, &problem);

	if (fd < 0 && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN))
		fd = clone_host(setup, mount->type, attributes, NULL);
	else if (fd < 0 && g_str_equal(mount->type, "devpts"))
		fd = without_gid(step, attributes, NULL);
	if (fd < 0)
		g_propagate_error(error, g_steal_pointer(&problem));
	return fd;
}
