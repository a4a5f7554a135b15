// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroup-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define FILE_MAX (1 << 20) // of a file that is read whole, but for lists of processes

// v2 calls some things by other names.
static const char *v2_name(const char *controller)
{
	if (g_str_equal(controller, "blkio"))
		return "io";
	if (g_str_equal(controller, "cpuacct"))
		return "cpu";
	return controller;
}

// Components of the path without empty ones, or NULL. Only with `root` there may be none.
static char **split_path(const char *path, bool root, GError **error)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_auto(GStrv) words = g_strsplit(path, "/", -1);
	int count = 0;

	if (*path != '/') {
		berth_error_set(error, BERTH_ERROR_INVALID, "cgroup path '%s': must be absolute", path);
		return NULL;
	}
	for (char **word = words; *word; word++) {
		if (g_str_equal(*word, ".") || g_str_equal(*word, "..") || strpbrk(*word, "\n\r")) {
			berth_error_set(error, BERTH_ERROR_INVALID,
					"cgroup path '%s': must not have '.', '..' or line breaks in it", path);
			return NULL;
		}
		if (**word) {
			g_strv_builder_add(builder, *word);
			count++;
		}
	}
	if (count == 0 && !root) {
		berth_error_set(error, BERTH_ERROR_INVALID, "cgroup path '%s': must not be the root", path);
		return NULL;
	}
	return g_strv_builder_end(builder);
}

static void folder_clear(void *data)
{
	struct berth_cgroup_folder *folder = data;
	berth_fd_clear(&folder->fd);
	g_strfreev(folder->controllers);
}

static struct berth_cgroup *cgroup_new(const struct berth_cgroup_mounts *mounts, char **components)
{
	struct berth_cgroup *cgroup = g_new0(struct berth_cgroup, 1);
	g_autofree char *joined = g_strjoinv("/", components);

	cgroup->kind = mounts->kind;
	cgroup->path = g_strconcat("/", joined, NULL);
	cgroup->folders = g_array_new(FALSE, FALSE, sizeof(struct berth_cgroup_folder));
	g_array_set_clear_func(cgroup->folders, folder_clear);
	return cgroup;
}

// In one walk: what is mounted over a group or above it shows in the file system that is found.
static int open_group(const struct berth_cgroup_mounts *mounts, const struct berth_cgroup_mount *mount,
		      const char *path)
{
	berth_fd fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs status;

	if (fd < 0 || mounts->fake)
		return berth_fd_steal(&fd);
	// Something else may be mounted over it.
	if (fstatfs(fd, &status) < 0)
		return -1;
	if (status.f_type != (mount->v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC)) {
		errno = ENOENT;
		return -1;
	}
	return berth_fd_steal(&fd);
}

int berth_cgroup_open_mount(const struct berth_cgroup_mounts *mounts, const struct berth_cgroup_mount *mount)
{
	return open_group(mounts, mount, mount->point);
}

char *berth_cgroup_read_text(int folder, const char *file, GError **error)
{
	char *text = berth_read_file_at(folder, file, FILE_MAX, NULL, error);
	size_t length = text ? strlen(text) : 0;
	if (length > 0 && text[length - 1] == '\n')
		text[length - 1] = '\0';
	return text;
}

int berth_cgroup_write_text(int folder, const char *file, const char *value)
{
	berth_fd fd = openat(folder, file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return errno;
	size_t length = strlen(value);
	ssize_t written;
	do {
		written = write(fd, value, length);
	} while (written < 0 && errno == EINTR);
	if (written < 0)
		return errno;
	return (size_t) written == length ? 0 : EIO;
}

void berth_cgroup_enable_controllers(int folder)
{
	g_autofree char *offered = berth_cgroup_read_text(folder, "cgroup.controllers", NULL);
	g_autofree char *enabled = berth_cgroup_read_text(folder, "cgroup.subtree_control", NULL);
	if (!offered || !enabled)
		return;
	g_auto(GStrv) wanted = g_strsplit(offered, " ", -1);
	g_auto(GStrv) present = g_strsplit(enabled, " ", -1);
	g_autoptr(GString) all = g_string_new(NULL);

	for (char **word = wanted; *word; word++)
		if (**word && !g_strv_contains((const char *const *) present, *word))
			g_string_append_printf(all, "%s+%s", all->len ? " " : "", *word);
	if (all->len == 0)
		return;
	// With processes in it, a group that is not the root becomes the root of a threaded tree (or the kernel
	// refuses), and no process could join groups below it.
	g_autofree char *processes = berth_cgroup_read_text(folder, "cgroup.procs", NULL);
	if (processes && *processes && faccessat(folder, "cgroup.type", F_OK, 0) == 0)
		return;
	if (berth_cgroup_write_text(folder, "cgroup.subtree_control", all->str) == 0)
		return;
	// One that cannot be enabled (cpu with real-time processes, a threaded parent) must not keep out the others.
	g_auto(GStrv) single = g_strsplit(all->str, " ", -1);
	for (char **word = single; *word; word++)
		berth_cgroup_write_text(folder, "cgroup.subtree_control", *word);
}

// v1: a new cpuset has no processors and no memory nodes, and nothing can join it; it begins with its parent's. One
// that we made for others to be below tells the kernel to do so: when it is written, each of its siblings is looked at.
static bool inherit_cpuset(int parent, int child, bool made_above, GError **error)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *own = berth_cgroup_read_text(child, files[i], error);
		if (!own)
			return false;
		if (*own)
			continue;
		g_autofree char *above = berth_cgroup_read_text(parent, files[i], error);
		if (!above)
			return false;
		int errnum = berth_cgroup_write_text(child, files[i], above);
		if (errnum)
			return berth_error_set_errno(error, errnum, "write \"%s\" to %s", above, files[i]);
	}
	if (made_above)
		berth_cgroup_write_text(child, "cgroup.clone_children", "1");
	return true;
}

static bool is_empty(int folder, GError **error)
{
	g_autofree char *processes = berth_cgroup_read_text(folder, "cgroup.procs", NULL);
	if (processes && *processes)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "there are processes in it already");
	return true;
}

static int open_folder(int parent, const char *name)
{
	return openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Makes the group in one hierarchy and opens it; -1 with *error. A leaf that was made and cannot be used is removed.
static int make_folders(const struct berth_cgroup_mount *mount, int root, char **components, bool adopted,
			bool *ret_made, GError **error)
{
	bool cpuset = !mount->v2 && g_strv_contains((const char *const *) mount->controllers, "cpuset");
	int parent = root;
	berth_fd opened = -1;

	*ret_made = false;
	for (char **component = components; *component; component++) {
		bool leaf = !component[1];
		if (mount->v2 && !mount->optional)
			berth_cgroup_enable_controllers(parent);
		bool made = false;
		// Groups above are mostly there.
		berth_fd child = leaf ? -1 : open_folder(parent, *component);
		if (child < 0) {
			made = mkdirat(parent, *component, 0755) == 0;
			if (!made && errno != EEXIST) {
				berth_error_set_errno(error, errno, "make folder %s", *component);
				return -1;
			}
			child = open_folder(parent, *component);
		}
		bool good = child >= 0 || berth_error_set_errno(error, errno, "open folder %s", *component);
		good = good && (!cpuset || inherit_cpuset(parent, child, made && !leaf, error));
		good = good && (!leaf || made || adopted || is_empty(child, error));
		if (!good) {
			if (leaf && made)
				unlinkat(parent, *component, AT_REMOVEDIR);
			return -1;
		}
		*ret_made = leaf && made;
		berth_fd_clear(&opened);
		parent = opened = berth_fd_steal(&child);
	}
	return berth_fd_steal(&opened);
}

static void add_folder(struct berth_cgroup *cgroup, const struct berth_cgroup_mount *mount, int fd, bool made)
{
	struct berth_cgroup_folder folder = {.fd = fd, .v2 = mount->v2, .optional = mount->optional, .made = made};

	if (mount->v2 && !mount->optional) {
		g_autofree char *text = berth_cgroup_read_text(fd, "cgroup.controllers", NULL);
		folder.controllers = g_strsplit(text ? text : "", " ", -1);
	} else {
		folder.controllers = g_strdupv(mount->controllers); // none for a v2 that v1 has left nothing
	}
	g_array_append_val(cgroup->folders, folder);
}

static bool make_in(struct berth_cgroup *cgroup, const struct berth_cgroup_mounts *mounts,
		    const struct berth_cgroup_mount *mount, char **components, GError **error)
{
	g_autoptr(GError) problem = NULL;
	bool made = false;
	int fd = -1;

	berth_fd root = berth_cgroup_open_mount(mounts, mount);
	if (root < 0)
		berth_error_set_errno(&problem, errno, "open folder");
	else
		fd = make_folders(mount, root, components, cgroup->adopted, &made, &problem);
	if (fd >= 0)
		add_folder(cgroup, mount, fd, made);
	if (fd >= 0 || mount->optional)
		return true;
	g_propagate_prefixed_error(error, g_steal_pointer(&problem), "make cgroup %s in %s: ", cgroup->path,
				   mount->point);
	return false;
}

// Makes the group in the v2 hierarchies or in those of v1.
static bool make(struct berth_cgroup *cgroup, const struct berth_cgroup_mounts *mounts, bool v2, GError **error)
{
	g_auto(GStrv) components = split_path(cgroup->path, false, error);

	for (unsigned i = 0; components && i < mounts->list->len; i++) {
		const struct berth_cgroup_mount *mount = g_ptr_array_index(mounts->list, i);
		if (mount->v2 == v2 && !make_in(cgroup, mounts, mount, components, error))
			return false;
	}
	return components != NULL;
}

static bool begin(const struct berth_cgroup_mounts *mounts, const char *path, bool adopted, struct berth_cgroup **ret,
		  GError **error)
{
	g_auto(GStrv) components = split_path(path, false, error);
	g_autoptr(berth_cgroup) cgroup = components ? cgroup_new(mounts, components) : NULL;

	if (!cgroup)
		return false;
	cgroup->adopted = adopted;
	if (!make(cgroup, mounts, true, error))
		return false;
	*ret = g_steal_pointer(&cgroup);
	return true;
}

static bool begin_in(const struct berth_cgroup_mounts *mounts, const char *path, struct berth_cgroup **ret,
		     GError **error)
{
	return begin(mounts, path, false, ret, error);
}

static bool complete_in(const struct berth_cgroup_mounts *mounts, struct berth_cgroup *cgroup, GError **error)
{
	return make(cgroup, mounts, false, error);
}

static void remove_made(struct berth_cgroup *cgroup)
{
	for (unsigned i = 0; i < cgroup->folders->len; i++) {
		const struct berth_cgroup_folder *folder =
			&g_array_index(cgroup->folders, struct berth_cgroup_folder, i);
		if (folder->made)
			berth_cgroup_remove_folder(folder->fd, strrchr(cgroup->path, '/') + 1);
	}
}

bool berth_cgroup_create_in(const struct berth_cgroup_mounts *mounts, const char *path, struct berth_cgroup **ret,
			    GError **error)
{
	g_autoptr(berth_cgroup) cgroup = NULL;

	if (!begin_in(mounts, path, &cgroup, error))
		return false;
	if (!complete_in(mounts, cgroup, error)) {
		remove_made(cgroup);
		return false;
	}
	*ret = g_steal_pointer(&cgroup);
	return true;
}

bool berth_cgroup_open_in(const struct berth_cgroup_mounts *mounts, const char *path, struct berth_cgroup **ret,
			  GError **error)
{
	g_auto(GStrv) components = split_path(path, true, error);
	if (!components)
		return false;
	g_autoptr(berth_cgroup) cgroup = cgroup_new(mounts, components);

	for (unsigned i = 0; i < mounts->list->len; i++) {
		const struct berth_cgroup_mount *mount = g_ptr_array_index(mounts->list, i);
		g_autofree char *group = g_strconcat(mount->point, cgroup->path, NULL);
		int fd = open_group(mounts, mount, group);
		if (fd >= 0)
			add_folder(cgroup, mount, fd, false);
		else if (errno != ENOENT)
			return berth_error_set_errno(error, errno, "open cgroup %s in %s", cgroup->path, mount->point);
	}
	if (cgroup->folders->len == 0)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "cgroup %s does not exist", cgroup->path);
	*ret = g_steal_pointer(&cgroup);
	return true;
}

bool berth_cgroup_create(const char *path, struct berth_cgroup **ret, GError **error)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();
	return berth_cgroup_create_in(mounts, path, ret, error);
}

// What is mounted is read once for the whole of it: the kernel holds its lock of all mounts meanwhile.
static bool begin_here(const char *path, bool adopted, struct berth_cgroup **ret, GError **error)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();

	if (!begin(mounts, path, adopted, ret, error))
		return false;
	(*ret)->mounts = g_steal_pointer(&mounts);
	return true;
}

bool berth_cgroup_begin(const char *path, struct berth_cgroup **ret, GError **error)
{
	return begin_here(path, false, ret, error);
}

bool berth_cgroup_adopt(const char *path, struct berth_cgroup **ret, GError **error)
{
	return begin_here(path, true, ret, error);
}

bool berth_cgroup_complete(struct berth_cgroup *cgroup, GError **error)
{
	// One that was not begun lies on v2 (berth_cgroup_create_below()), where nothing is left to be made.
	return !cgroup->mounts || complete_in(cgroup->mounts, cgroup, error);
}

const struct berth_cgroup_mounts *berth_cgroup_mounts_of(const struct berth_cgroup *cgroup)
{
	return cgroup->mounts;
}

bool berth_cgroup_open(const char *path, struct berth_cgroup **ret, GError **error)
{
	g_autoptr(berth_cgroup_mounts) mounts = berth_cgroup_mounts_load();
	return berth_cgroup_open_in(mounts, path, ret, error);
}

void berth_cgroup_free(struct berth_cgroup *cgroup)
{
	if (!cgroup)
		return;
	g_array_unref(cgroup->folders);
	berth_cgroup_mounts_free(cgroup->mounts);
	g_free(cgroup->path);
	g_free(cgroup);
}

const char *berth_cgroup_path(const struct berth_cgroup *cgroup)
{
	return cgroup->path;
}

enum berth_cgroup_layout berth_cgroup_kind(const struct berth_cgroup *cgroup)
{
	return cgroup->kind;
}

static bool folder_has(const struct berth_cgroup_folder *folder, const char *controller)
{
	return g_strv_contains((const char *const *) folder->controllers, controller);
}

const struct berth_cgroup_folder *berth_cgroup_find(const struct berth_cgroup *cgroup, const char *controller)
{
	if (g_str_equal(controller, "io"))
		controller = "blkio";
	for (unsigned i = 0; i < cgroup->folders->len; i++) {
		const struct berth_cgroup_folder *folder =
			&g_array_index(cgroup->folders, struct berth_cgroup_folder, i);
		if (cgroup->kind == BERTH_CGROUP_V2 || (!folder->v2 && folder_has(folder, controller)))
			return folder;
	}
	return NULL;
}

bool berth_cgroup_has(const struct berth_cgroup *cgroup, const char *controller)
{
	const struct berth_cgroup_folder *folder = berth_cgroup_find(cgroup, controller);

	if (!folder || cgroup->kind != BERTH_CGROUP_V2)
		return folder != NULL;
	return g_str_equal(controller, "devices") || g_str_equal(controller, "freezer") ||
	       folder_has(folder, v2_name(controller));
}

int berth_cgroup_fd(const struct berth_cgroup *cgroup)
{
	if (cgroup->kind != BERTH_CGROUP_V2 || cgroup->folders->len == 0)
		return -1;
	return g_array_index(cgroup->folders, struct berth_cgroup_folder, 0).fd;
}

int berth_cgroup_birth_fd(const struct berth_cgroup *cgroup)
{
	for (unsigned i = 0; i < cgroup->folders->len; i++) {
		const struct berth_cgroup_folder *folder =
			&g_array_index(cgroup->folders, struct berth_cgroup_folder, i);
		if (folder->v2)
			return folder->fd;
	}
	return -1;
}

GArray *berth_cgroup_open_entrance(const struct berth_cgroup *cgroup, GError **error)
{
	g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(int));

	g_array_set_clear_func(files, (GDestroyNotify) berth_fd_clear);
	for (unsigned i = 0; i < cgroup->folders->len; i++) {
		const struct berth_cgroup_folder *folder =
			&g_array_index(cgroup->folders, struct berth_cgroup_folder, i);
		if (folder->v2)
			continue;
		int fd = openat(folder->fd, "tasks", O_WRONLY | O_CLOEXEC);
		if (fd >= 0) {
			g_array_append_val(files, fd);
		} else if (!folder->optional) {
			berth_error_set_errno(error, errno, "cgroup %s: open tasks", cgroup->path);
			return NULL;
		}
	}
	return g_steal_pointer(&files);
}

bool berth_cgroup_enter(const GArray *entrance, GError **error)
{
	for (unsigned i = 0; i < entrance->len; i++) {
		int fd = g_array_index(entrance, int, i);
		if (write(fd, "0", 1) != 1)
			return berth_error_set_errno(error, errno, "enter the cgroup: write to tasks");
	}
	return true;
}

bool berth_cgroup_join(const struct berth_cgroup *cgroup, pid_t pid, GError **error)
{
	unsigned count = cgroup->folders->len;
	g_autofree int *files = g_new(int, count + 1);
	g_autofree char *text = g_strdup_printf("%d", (int) pid);
	const char *step = "open";
	int errnum = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct berth_cgroup_folder *folder =
			&g_array_index(cgroup->folders, struct berth_cgroup_folder, i);
		files[i] = openat(folder->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (files[i] < 0 && !folder->optional)
			errnum = errno;
	}
	unsigned at = 0;
	for (; at < count && !errnum; at++) {
		step = "write to";
		if (files[at] >= 0 && write(files[at], text, strlen(text)) < 0 &&
		    !g_array_index(cgroup->folders, struct berth_cgroup_folder, at).optional)
			errnum = errno;
	}
	for (unsigned i = 0; i < count; i++)
		berth_fd_clear(&files[i]);
	if (!errnum)
		return true;
	if (errnum == ESRCH)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "join cgroup %s: process %d has ended",
				       cgroup->path, (int) pid);
	g_autofree char *where =
		at == 0 ? g_strdup("")
			: g_strjoinv(",",
				     g_array_index(cgroup->folders, struct berth_cgroup_folder, at - 1).controllers);
	return berth_error_set_errno(error, errnum, "move process %d to cgroup %s: %s cgroup.procs%s%s", (int) pid,
				     cgroup->path, step, *where ? " of " : "", where);
}

static bool is_plain(const char *file)
{
	return *file && !strchr(file, '/') && !g_str_equal(file, ".") && !g_str_equal(file, "..");
}

// The folder with the controller, or an error that names it.
static const struct berth_cgroup_folder *require(const struct berth_cgroup *cgroup, const char *controller,
						 const char *file, GError **error)
{
	const struct berth_cgroup_folder *folder = berth_cgroup_find(cgroup, controller);

	if (!is_plain(file))
		berth_error_set(error, BERTH_ERROR_INVALID, "cgroup file '%s': is not a plain file name", file);
	else if (!folder)
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "cgroup %s: %s: the controller %s is not available",
				cgroup->path, file, controller);
	else
		return folder;
	return NULL;
}

bool berth_cgroup_write(const struct berth_cgroup *cgroup, const char *controller, const char *file, const char *value,
			GError **error)
{
	const struct berth_cgroup_folder *folder = require(cgroup, controller, file, error);
	if (!folder)
		return false;
	int errnum = berth_cgroup_write_text(folder->fd, file, value);
	if (errnum == ENOENT && !berth_cgroup_has(cgroup, controller))
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "cgroup %s: %s: the controller %s is not available", cgroup->path, file,
				       controller);
	if (errnum)
		return berth_error_set_errno(error, errnum, "cgroup %s: write \"%s\" to %s", cgroup->path, value, file);
	return true;
}

char *berth_cgroup_read(const struct berth_cgroup *cgroup, const char *controller, const char *file, GError **error)
{
	const struct berth_cgroup_folder *folder = require(cgroup, controller, file, error);
	char *text = folder ? berth_cgroup_read_text(folder->fd, file, error) : NULL;
	if (folder && !text)
		g_prefix_error(error, "cgroup %s: ", cgroup->path);
	return text;
}

char *berth_cgroup_peek(const struct berth_cgroup *cgroup, const char *controller, const char *file)
{
	return berth_cgroup_read(cgroup, controller, file, NULL);
}
