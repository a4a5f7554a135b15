// SPDX-License-Identifier: Apache-2.0
// Cache mounts go to other machines as archives. What comes is made whole beside what is there, then takes its place.
#include "build/solve/cache-mount.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/tree-tar.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MODE 0755

static bool take(struct berth_builder *builder, const char *name, const char *id, GError **error)
{
	return berth_cache_mount_take(builder, name) ||
	       berth_error_set(error, BERTH_ERROR_CONFLICT, "cache mount %s is in use by a build", id);
}

static bool write_archive(struct berth_builder *builder, const char *name, const char *id,
			  bool (*write)(void *data, const void *bytes, size_t length), void *data, GError **error)
{
	g_autofree char *path = g_strconcat(name, "/fs", NULL);
	const struct berth_tree_tar options = {.write = write, .data = data, .dot = true};
	berth_fd folder = openat(builder->mounts, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (folder < 0)
		return errno == ENOENT ? berth_error_set(error, BERTH_ERROR_NOT_FOUND, "no such cache mount: %s", id)
				       : berth_error_set_errno(error, errno, "open the folder of cache mount %s", id);
	return berth_tree_tar_write(&options, folder, ".", error);
}

bool berth_builder_mount_export(struct berth_builder *builder, const char *id, const char *space,
				bool (*write)(void *data, const void *bytes, size_t length), void *data, GError **error)
{
	g_autofree char *name = berth_cache_mount_name(id, space);

	if (!take(builder, name, id, error))
		return false;
	bool done = write_archive(builder, name, id, write, data, error);
	berth_cache_mount_release(builder, name);
	return done;
}

static bool unpack(struct berth_builder *builder, const char *fresh, int archive, GError **error)
{
	g_autofree char *path = g_strconcat(fresh, "/fs", NULL);
	berth_fd folder = -1;

	if (mkdirat(builder->mounts, fresh, 0700) < 0 || mkdirat(builder->mounts, path, MODE) < 0 ||
	    (folder = openat(builder->mounts, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return berth_error_set_errno(error, errno, "make the folder of a cache mount");
	return berth_tree_unpack(berth_source_of_fd(archive), folder, error);
}

// Exchanged, so that at no moment there is none.
static bool replace(struct berth_builder *builder, const char *fresh, const char *name, GError **error)
{
	if (renameat2(builder->mounts, fresh, builder->mounts, name, RENAME_EXCHANGE) == 0 ||
	    (errno == ENOENT && renameat(builder->mounts, fresh, builder->mounts, name) == 0))
		return true;
	return berth_error_set_errno(error, errno, "rename the folder of a cache mount");
}

bool berth_builder_mount_import(struct berth_builder *builder, const char *id, const char *space, int archive,
				GError **error)
{
	g_autofree char *name = berth_cache_mount_name(id, space);
	g_autofree char *unique = g_uuid_string_random();
	g_autofree char *fresh = g_strconcat(BERTH_CACHE_MOUNT_NEW, unique, NULL);

	if (!berth_cache_mount_check_id(id, error))
		return false;
	bool done = unpack(builder, fresh, archive, error);
	BERTH_FAILPOINT("build.mount.unpacked");
	if (done && (done = take(builder, name, id, error))) {
		done = berth_cache_mount_note(builder, name, id, error) && replace(builder, fresh, name, error);
		berth_cache_mount_release(builder, name);
	}
	berth_remove_tree_at(builder->mounts, fresh, NULL);
	return done;
}
