// SPDX-License-Identifier: Apache-2.0
// Folders on the host that a container's mounts need. Anonymous volumes of containers that earlier versions made are
// folders of the container, and stay what they are: they go with it. Such a volume begins with what the image has in
// its place: the copy is made beside it and renamed when it is whole, so a volume that exists is never filled again and
// never half filled. What the image's path names is opened beneath the root (CVE-2022-23648), and below that links are
// copied, not followed.
#include "engine/spec/spec.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/root.h"
#include "store/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

// Fills the new folder with what the root has at the volume's place, if that is a folder.
static bool fill(int root_fd, const struct berth_container_mount *mount, int folder, GError **error)
{
	g_autoptr(GError) problem = NULL;
	berth_fd image = mount->no_copy ? -1
					: berth_root_open(root_fd, mount->destination,
							  O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &problem);

	if (problem && !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (image < 0)
		return fchmod(folder, 0755) == 0 || berth_error_set_errno(error, errno, "set mode");
	return berth_tree_copy(image, folder, error);
}

static bool make_volume(int root_fd, const struct berth_container_mount *mount, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(mount->source);
	g_autofree char *name = g_path_get_basename(mount->source);
	g_autofree char *new = g_strconcat(name, ".new", NULL);
	struct stat status;
	berth_fd folder = berth_open_folder(parent, true, 0700, error);

	if (folder < 0)
		return false;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (!berth_remove_tree_at(folder, new, error))
		return false;
	if (mkdirat(folder, new, 0700) < 0)
		return berth_error_set_errno(error, errno, "make its folder");
	BERTH_FAILPOINT("container.volume.made");
	berth_fd made = openat(folder, new, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0)
		return berth_error_set_errno(error, errno, "open its folder");
	if (!fill(root_fd, mount, made, error))
		return false;
	BERTH_FAILPOINT("container.volume.filled");
	return renameat(folder, new, folder, name) == 0 || berth_error_set_errno(error, errno, "rename its folder");
}

bool berth_spec_make_volumes(int root_fd, const struct berth_container_record *record, GError **error)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		if (g_str_equal(mount->type, "volume") && !mount->driver && !make_volume(root_fd, mount, error))
			return g_prefix_error(error, "volume of %s: ", mount->destination), false;
	}
	return true;
}

bool berth_spec_make_bind_sources(const struct berth_container_record *record, GError **error)
{
	for (guint i = 0; record->mounts && i < record->mounts->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		struct stat status;
		if (!mount->make_source || stat(mount->source, &status) == 0)
			continue;
		berth_fd folder = errno == ENOENT ? berth_open_folder(mount->source, true, 0755, error) : -1;
		if (folder < 0 && error && !*error)
			berth_error_set_errno(error, errno, "look at it");
		if (folder < 0)
			return g_prefix_error(error, "bind source %s: ", mount->source), false;
		BERTH_FAILPOINT("container.bind.source");
	}
	return true;
}
