// SPDX-License-Identifier: Apache-2.0
// WORKDIR: the folder is there, and belongs to the stage's user as far as it has to be made.
#include "build/solve/step.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"
#include "build/context/owner.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MODE 0755

// One component in `parent`, whose path from the root is `path`. What is there may be a link to a folder.
static bool enter(int root, int *parent, const char *path, uint32_t uid, uint32_t gid, GError **error)
{
	g_autofree char *name = g_path_get_basename(path);
	bool made = mkdirat(*parent, name, MODE) == 0;

	if (!made && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make folder %s", path);
	berth_fd folder = made ? openat(*parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			       : berth_root_open(root, path, O_RDONLY | O_DIRECTORY, 0, error);
	if (folder < 0)
		return made ? berth_error_set_errno(error, errno, "open folder %s", path) : false;
	if (made && (fchmod(folder, MODE) < 0 || fchown(folder, uid, gid) < 0))
		return berth_error_set_errno(error, errno, "set the owner of folder %s", path);
	berth_fd_clear(parent);
	*parent = berth_fd_steal(&folder);
	return true;
}

static bool make(int root, const char *path, uint32_t uid, uint32_t gid, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	g_autoptr(GString) so_far = g_string_new(NULL);
	berth_fd folder = berth_root_open(root, "/", O_RDONLY | O_DIRECTORY, 0, error);

	for (char **part = parts; folder >= 0 && *part; part++) {
		if (!**part)
			continue;
		g_string_append_printf(so_far, "/%s", *part);
		if (!enter(root, &folder, so_far->str, uid, gid, error))
			return false;
	}
	return folder >= 0;
}

bool berth_step_folder(struct berth_building_step *this, const char *snapshot, GError **error)
{
	const struct berth_plan_step *step = this->step;
	uint32_t uid = 0, gid = 0;
	berth_fd root = -1;

	if (!berth_snapshot_mount(berth_store_snapshots(this->building->builder->store), snapshot, &root, error))
		return false;
	if (step->user && *step->user && !berth_build_owner(root, step->user, &uid, &gid, error))
		return false;
	return make(root, step->target, uid, gid, error);
}
