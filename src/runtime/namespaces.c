// SPDX-License-Identifier: Apache-2.0
// linux.namespaces: those without a path are made by clone, those with one are opened here, by the creator, and joined
// by the child. The user namespace comes last: what is joined before it needs the creator's rights. An ordinary user
// has none; there it comes first, since its rights are all that there are.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

// Whether the namespace is the one that the creator is in itself.
static bool is_own(int fd, unsigned flag)
{
	g_autofree char *path = g_strdup_printf("/proc/self/ns/%s", berth_namespace_file(flag));
	struct stat own, other;

	return stat(path, &own) == 0 && fstat(fd, &other) == 0 && own.st_dev == other.st_dev &&
	       own.st_ino == other.st_ino;
}

static bool join(struct berth_setup *setup, const struct oci_namespace *namespace, unsigned flag, size_t *count,
		 GError **error)
{
	berth_fd fd = berth_namespace_open(namespace->path, flag, error);

	if (fd < 0)
		return g_prefix_error(error, "linux.namespaces: "), false;
	if (is_own(fd, flag)) {
		// Nothing is to be done; and the kernel refuses to let a process join its own user namespace again.
		if (flag == CLONE_NEWNS)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "linux.namespaces: mount: %s is the runtime's own namespace",
					       namespace->path);
		return true;
	}
	setup->joined_namespaces |= flag;
	setup->private_namespaces |= flag;
	setup->join[*count] = berth_fd_steal(&fd);
	setup->join_flags[(*count)++] = flag;
	return true;
}

// The user namespace that is joined; NULL: none.
static const struct oci_namespace *find_user(const GPtrArray *list)
{
	for (guint i = 0; list && i < list->len; i++) {
		const struct oci_namespace *namespace = list->pdata[i];
		if (berth_namespace_flag(namespace->type) == CLONE_NEWUSER && namespace->path && *namespace->path)
			return namespace;
	}
	return NULL;
}

bool berth_namespaces_prepare(struct berth_setup *setup, GError **error)
{
	const GPtrArray *list = setup->section->namespaces;
	const struct oci_namespace *user = NULL;
	size_t count = 0;

	if (setup->unprivileged && (user = find_user(list)) && !join(setup, user, CLONE_NEWUSER, &count, error))
		return false;
	for (guint i = 0; list && i < list->len; i++) {
		const struct oci_namespace *namespace = list->pdata[i];
		unsigned flag = berth_namespace_flag(namespace->type);
		if (!namespace->path || !*namespace->path) {
			setup->new_namespaces |= flag;
			setup->private_namespaces |= flag;
		} else if (flag == CLONE_NEWUSER) {
			user = namespace;
		} else if (!join(setup, namespace, flag, &count, error)) {
			return false;
		}
	}
	if (!((setup->new_namespaces | setup->joined_namespaces) & CLONE_NEWNS)) {
		// The creator's own: there is nothing to enter but the root (rootfs.c).
		setup->joined_namespaces |= CLONE_NEWNS;
		setup->root_path = g_canonicalize_filename(setup->config->root->path, setup->create->bundle);
	}
	return !user || setup->unprivileged || join(setup, user, CLONE_NEWUSER, &count, error);
}
