// SPDX-License-Identifier: Apache-2.0
// <exec root>/volumes: what is mounted on the host. The folder is a mount of its own while there is any, so that none
// reaches other mount namespaces of the host, and goes with the last one.
#include "volume/internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define POINTS ".points"
#define RECORD_MAX (1 << 20)

// Whether something is mounted on it.
static bool is_mount(const char *path)
{
	struct statx status;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0 &&
	       status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT && status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

// Under volumes->lock.
static bool make_private(struct berth_volumes *volumes, GError **error)
{
	if (volumes->attached > 0 || is_mount(volumes->run_folder))
		return true;
	berth_fd folder = berth_open_folder(volumes->run_folder, true, 0700, error);
	berth_fd tree = folder < 0 ? -1 : berth_mount_clone(AT_FDCWD, volumes->run_folder, false, error);
	const struct berth_mount_change private = {.propagation = MS_PRIVATE};
	return tree >= 0 && berth_mount_change(tree, &private, error) &&
	       berth_mount_attach(tree, folder, volumes->run_folder, error);
}

static void end_private(struct berth_volumes *volumes)
{
	if (volumes->attached == 0 && is_mount(volumes->run_folder))
		umount2(volumes->run_folder, MNT_DETACH);
}

static bool is_folder(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

// Where it is attached has to lie on the private mount, so it is made there.
static int make_target(const char *path, bool folder, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(path);
	berth_fd above = berth_open_folder(parent, true, 0700, error);

	if (above < 0)
		return -1;
	berth_fd file = folder ? -1 : open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if ((folder && mkdir(path, 0700) < 0 && errno != EEXIST) || (!folder && file < 0)) {
		berth_error_set_errno(error, errno, "make %s", path);
		return -1;
	}
	int target = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		berth_error_set_errno(error, errno, "open %s", path);
	return target;
}

bool berth_volumes__attach(struct berth_volumes *volumes, int mount_fd, const char *path, GError **error)
{
	const struct berth_mount_change private = {.propagation = MS_PRIVATE, .recursive = true};

	pthread_mutex_lock(&volumes->lock);
	bool done = make_private(volumes, error);
	berth_fd target = done ? make_target(path, is_folder(mount_fd), error) : -1;
	done = target >= 0 && berth_mount_change(mount_fd, &private, error) &&
	       berth_mount_attach(mount_fd, target, path, error);
	if (done)
		volumes->attached++;
	else
		end_private(volumes);
	pthread_mutex_unlock(&volumes->lock);
	return done;
}

bool berth_volumes__detach(struct berth_volumes *volumes, const char *path, GError **error)
{
	bool done = true;

	pthread_mutex_lock(&volumes->lock);
	if (is_mount(path)) {
		// A second one lies there if an engine was killed behind its attaching.
		while (done && is_mount(path))
			done = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ||
			       berth_error_set_errno(error, errno, "unmount %s", path);
		if (done && volumes->attached > 0)
			volumes->attached--;
		end_private(volumes);
	}
	pthread_mutex_unlock(&volumes->lock);
	return done;
}

bool berth_volumes_point(struct berth_volumes *volumes, const char *id, unsigned number, int mount_fd, char **ret_path,
			 GError **error)
{
	g_autofree char *name = g_strdup_printf("%u", number);
	g_autofree char *path = g_build_filename(volumes->run_folder, POINTS, id, name, NULL);

	if (!berth_volumes__attach(volumes, mount_fd, path, error))
		return false;
	BERTH_FAILPOINT("volume.point.attached");
	*ret_path = g_steal_pointer(&path);
	return true;
}

static char **names_in(const char *path)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	DIR *list = opendir(path);

	for (struct dirent *entry; list && (entry = readdir(list));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			g_strv_builder_add(names, entry->d_name);
	if (list)
		closedir(list);
	return g_strv_builder_end(names);
}

void berth_volumes_points_clear(struct berth_volumes *volumes, const char *id)
{
	g_autofree char *points = g_build_filename(volumes->run_folder, POINTS, NULL);
	g_autofree char *own = g_build_filename(points, id, NULL);
	g_auto(GStrv) names = names_in(own);

	for (char **name = names; *name; name++) {
		g_autofree char *path = g_build_filename(own, *name, NULL);
		berth_volumes__detach(volumes, path, NULL);
	}
	if (names[0]) {
		berth_fd folder = berth_open_folder(points, false, 0, NULL);
		if (folder >= 0)
			berth_remove_tree_at(folder, id, NULL);
		pthread_mutex_lock(&volumes->lock); // nobody makes a folder in it meanwhile
		rmdir(points);
		pthread_mutex_unlock(&volumes->lock);
	}
}

static bool load_volume(struct berth_volumes *volumes, const char *name, GError **error)
{
	g_autofree char *own = g_build_filename(volumes->run_folder, name, NULL);
	g_autofree char *users = g_build_filename(own, "users", NULL);
	g_autofree char *mount = g_build_filename(own, "fs", NULL);
	g_auto(GStrv) ids = names_in(users);
	berth_fd folder = berth_open_folder(own, false, 0, error);
	gsize length;

	if (folder < 0)
		return false;
	g_autofree char *text = berth_read_file_at(folder, "volume.json", RECORD_MAX, &length, NULL);
	struct berth_volume *volume =
		text ? berth_document_parse_text(&berth_volume_document, text, length, own, NULL) : NULL;
	if (is_mount(mount))
		volumes->attached++;
	if (!volume || !ids[0]) { // it was being counted, or not any more
		berth_volume_free(volume);
		berth_fd run = berth_open_folder(volumes->run_folder, false, 0, error);
		return run >= 0 && berth_volumes__detach(volumes, mount, error) &&
		       berth_remove_tree_at(run, name, error);
	}
	struct berth_counted *counted = g_new0(struct berth_counted, 1);
	counted->volume = volume;
	counted->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (char **id = ids; *id; id++)
		g_hash_table_add(counted->users, g_strdup(*id));
	g_hash_table_insert(volumes->counted, volume->name, counted);
	return true;
}

static void count_points(struct berth_volumes *volumes, const char *points, const char *id)
{
	g_autofree char *own = g_build_filename(points, id, NULL);
	g_auto(GStrv) names = names_in(own);

	for (char **name = names; *name; name++) {
		g_autofree char *path = g_build_filename(own, *name, NULL);
		volumes->attached += is_mount(path);
	}
}

bool berth_volumes__load(struct berth_volumes *volumes, GError **error)
{
	g_autofree char *points = g_build_filename(volumes->run_folder, POINTS, NULL);
	g_auto(GStrv) names = names_in(volumes->run_folder);
	g_auto(GStrv) ids = names_in(points);

	for (char **id = ids; *id; id++)
		count_points(volumes, points, *id);
	for (char **name = names; *name; name++)
		if ((*name)[0] != '.' && !load_volume(volumes, *name, error))
			return g_prefix_error(error, "finding mounted volumes again: "), false;
	for (char **id = ids; *id; id++)
		berth_volumes_points_clear(volumes, *id);
	end_private(volumes);
	return true;
}
