// SPDX-License-Identifier: Apache-2.0
#include "engine/files/container-tree.h"

#include "base/error.h"
#include "base/fd.h"
#include "engine/files/mount-view.h"
#include "engine/volume/volumes-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define ID_MAP_MAX (64 << 10)

// Running

static struct berth_id_range *read_map(pid_t pid, const char *file, size_t *ret_count, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int) pid, file);
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, ID_MAP_MAX, NULL, error);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
	struct berth_id_range *ranges = lines ? g_new0(struct berth_id_range, g_strv_length(lines) + 1) : NULL;

	*ret_count = 0;
	for (char **line = lines; line && *line; line++) {
		struct berth_id_range *range = &ranges[*ret_count];
		if (sscanf(*line, "%u %u %u", &range->inside, &range->outside, &range->count) == 3)
			++*ret_count;
	}
	return ranges;
}

static bool is_identity(const struct berth_id_range *ranges, size_t count)
{
	return count == 1 && ranges[0].inside == 0 && ranges[0].outside == 0 && ranges[0].count == UINT32_MAX;
}

static bool read_maps(struct berth_container_tree *tree, pid_t pid, GError **error)
{
	tree->ids.uids = read_map(pid, "uid_map", &tree->ids.uid_count, error);
	tree->ids.gids = tree->ids.uids ? read_map(pid, "gid_map", &tree->ids.gid_count, error) : NULL;
	if (!tree->ids.gids)
		return false;
	if (!is_identity(tree->ids.uids, tree->ids.uid_count) || !is_identity(tree->ids.gids, tree->ids.gid_count))
		tree->maps = &tree->ids;
	return true;
}

// The monitor is the process's parent: while it knows of it, its number is nobody else's.
static pid_t pid_of(struct berth_monitor *monitor, GError **error)
{
	g_autoptr(berth_monitor_status) status = berth_monitor_stat(monitor, error);

	if (!status)
		return 0;
	if (status->pid <= 0)
		berth_error_set(error, BERTH_ERROR_CONFLICT, "its process has ended");
	return (pid_t) MAX(status->pid, 0);
}

static int open_proc(pid_t pid, const char *file, int flags, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int) pid, file);
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		berth_error_set_errno(error, errno, "open its %s", file);
	return fd;
}

static bool open_running(struct berth_container_tree *tree, unsigned flags, GError **error)
{
	g_autoptr(berth_monitor) monitor = berth_engine__connect(tree->engine, tree->container, error);
	pid_t pid = monitor ? pid_of(monitor, error) : 0;
	g_autoptr(GError) problem = NULL;

	if (pid <= 0)
		return false;
	berth_fd root = open_proc(pid, "root", O_PATH | O_DIRECTORY, error);
	berth_fd namespace = root < 0 ? -1 : open_proc(pid, "ns/mnt", O_RDONLY, error);
	if (namespace < 0 || !read_maps(tree, pid, error) || pid_of(monitor, error) != pid)
		return false;
	bool recursive = !(flags & BERTH_TREE_ROOT_ONLY);
	tree->root = berth_view_clone(namespace, root, recursive, (flags & BERTH_TREE_WRITABLE) != 0, &problem);
	// Before Linux 5.12 nothing of this can be cloned; then what the container mounts meanwhile is seen, too.
	if (tree->root < 0 && recursive && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED))
		tree->root = berth_fd_steal(&root);
	else if (tree->root < 0)
		g_propagate_error(error, g_steal_pointer(&problem));
	return tree->root >= 0;
}

// Stopped

static int by_depth(const void *a, const void *b)
{
	const struct berth_view_mount *one = a, *other = b;
	unsigned left = 0, right = 0;

	for (const char *at = one->path; *at; at++)
		left += *at == '/';
	for (const char *at = other->path; *at; at++)
		right += *at == '/';
	return left != right ? (left < right ? -1 : 1) : strcmp(one->path, other->path);
}

// A bind whose source is not there is left out, as there is nothing to see.
static bool clone_source(const struct berth_container_mount *mount, const char *path, int *ret, GError **error)
{
	g_autoptr(GError) problem = NULL;

	*ret = path ? berth_mount_clone(AT_FDCWD, path, true, &problem) : -1;
	if (*ret >= 0 || !problem || g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_prefixed_error(error, g_steal_pointer(&problem), "mount at %s: ", mount->destination);
	return false;
}

static bool collect(const struct berth_container_record *record, const GArray *sources, struct berth_view_mount *mounts,
		    size_t *count, GError **error)
{
	for (guint i = 0; i < sources->len; i++) {
		const struct berth_container_mount *mount = record->mounts->pdata[i];
		const char *path = g_array_index(sources, struct berth_spec_source, i).path;
		if (strcmp(mount->type, "tmpfs") == 0) // which is there while it runs
			continue;
		mounts[*count] = (struct berth_view_mount){-1, mount->destination, !mount->writable};
		if (!clone_source(mount, path ? path : mount->source, &mounts[*count].fd, error))
			return false;
		++*count;
	}
	return true;
}

static bool gather(struct berth_container_tree *tree, unsigned flags, GError **error)
{
	const struct berth_container_record *record = tree->container->record;
	g_autofree struct berth_view_mount *mounts =
		g_new0(struct berth_view_mount, record->mounts ? record->mounts->len + 1 : 1);
	g_autoptr(GArray) sources = NULL;
	size_t count = 0;

	tree->mounted = true;
	if (!berth_engine__volumes_mount(tree->engine, record, NULL, &sources, error))
		return false;
	bool done = collect(record, sources, mounts, &count, error);
	berth_engine__volumes_made(tree->engine, record);
	qsort(mounts, count, sizeof *mounts, by_depth);
	done = done && berth_view_gather(tree->root, mounts, count, record->host_config->readonly_rootfs,
					 (flags & BERTH_TREE_WRITABLE) != 0, &tree->namespace, error);
	for (size_t i = 0; i < count; i++)
		berth_fd_clear(&mounts[i].fd);
	return done;
}

static bool open_stopped(struct berth_container_tree *tree, unsigned flags, GError **error)
{
	if (!berth_snapshot_mount(tree->engine->snapshots, tree->container->id, &tree->root, error))
		return false;
	if (!(flags & BERTH_TREE_ROOT_ONLY))
		return gather(tree, flags, error);
	const struct berth_mount_change change = {.set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY};
	return berth_mount_change(tree->root, &change, error);
}

bool berth_engine__tree_open(struct berth_engine *engine, const char *text, unsigned flags,
			     struct berth_container_tree *ret, GError **error)
{
	*ret = (struct berth_container_tree){.engine = engine, .root = -1, .namespace = -1};
	ret->container = berth_engine__claim(engine, text, error);
	if (!ret->container)
		return false;
	ret->claimed = true;
	ret->exits = berth_engine__exits(engine, ret->container);
	bool up = berth_engine__is_up(ret->container);
	bool opened = up ? open_running(ret, flags, error) : open_stopped(ret, flags, error);
	if (!opened) {
		g_prefix_error(error, "files of container %s: ", text);
		berth_engine__tree_close(ret);
		return false;
	}
	if (up) {
		pthread_mutex_unlock(&ret->container->operation);
		ret->claimed = false;
	}
	return true;
}

void berth_engine__tree_close(struct berth_container_tree *tree)
{
	g_autoptr(GError) error = NULL;

	if (!tree->container)
		return;
	berth_fd_clear(&tree->root);
	berth_fd_clear(&tree->namespace);
	if (tree->mounted && !berth_volumes_release(tree->engine->volumes, tree->container->id, &error))
		g_warning("container %s: %s", tree->container->id, error->message);
	g_free((void *) tree->ids.uids);
	g_free((void *) tree->ids.gids);
	if (tree->claimed)
		pthread_mutex_unlock(&tree->container->operation);
	g_clear_pointer(&tree->container, berth_engine__container_unref);
}

bool berth_engine__tree_is_over(const struct berth_container_tree *tree)
{
	return !tree->claimed && berth_engine__exits(tree->engine, tree->container) != tree->exits;
}

char *berth_engine__tree_path(int fd, GError **error)
{
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
	GError *problem = NULL;
	char *path = g_file_read_link(link, &problem);

	if (path && path[0] == '/')
		return path;
	berth_error_set(error, BERTH_ERROR_INTERNAL, "its path cannot be told%s%s", problem ? ": " : "",
			problem ? problem->message : "");
	g_clear_error(&problem);
	g_free(path);
	return NULL;
}
