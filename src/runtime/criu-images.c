// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu-images.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MAGIC_COMMON 0x54564319 // a second magic, of the kind of image, follows
#define MAGIC_SERVICE 0x55105940 // likewise

// The folder

static bool check_entry(int folder, const struct dirent *entry, GError **error)
{
	struct stat st;

	if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "look at %s", entry->d_name);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISSOCK(st.st_mode))
		return true;
	if (S_ISLNK(st.st_mode) && g_str_equal(entry->d_name, "parent"))
		return true;
	return berth_error_set(
		error, BERTH_ERROR_INVALID,
		"the folder of the images has %s, which is no plain file: nothing is read or written there",
		entry->d_name);
}

bool berth_images_check_folder(int folder, GError **error)
{
	berth_fd copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = copy < 0 ? NULL : fdopendir(copy);
	bool good = true;
	guint count = 0;

	if (!listing)
		return berth_error_set_errno(error, errno, "list the folder of the images");
	copy = -1;
	for (struct dirent *entry; good && (entry = readdir(listing));) {
		good = check_entry(folder, entry, error);
		if (good && ++count > BERTH_LIMIT_CRIU_FILES)
			good = berth_error_set(error, BERTH_ERROR_INVALID,
					       "the folder of the images has more than %d files",
					       BERTH_LIMIT_CRIU_FILES);
	}
	closedir(listing);
	return good;
}

int berth_images_open_parent(int folder, const char *path, GError **error)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS};
	berth_fd above = openat(folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (!g_str_has_prefix(path, "../") || above < 0) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"must name a folder beside that of the images, as in ../NAME");
		return -1;
	}
	int fd = (int) syscall(SYS_openat2, above, path + 3, &how, sizeof how);
	if (fd < 0 && (errno == EXDEV || errno == ELOOP))
		berth_error_set(error, BERTH_ERROR_INVALID,
				"must name a folder beside that of the images, without links");
	else if (fd < 0)
		berth_error_set_errno(error, errno, "open it");
	return fd;
}

bool berth_images_check_parents(int folder, GError **error)
{
	berth_fd at = -1;
	char target[PATH_MAX];

	if (!berth_images_check_folder(folder, error))
		return false;
	for (int depth = 0;; depth++) {
		ssize_t n = readlinkat(at < 0 ? folder : at, "parent", target, sizeof target - 1);
		if (n < 0)
			return errno == ENOENT || errno == EINVAL ||
			       berth_error_set_errno(error, errno, "read the link parent");
		target[n] = 0;
		if (depth == BERTH_LIMIT_CRIU_PARENTS)
			return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d earlier images",
					       BERTH_LIMIT_CRIU_PARENTS);
		int next = berth_images_open_parent(at < 0 ? folder : at, target, error);
		if (next < 0)
			return g_prefix_error(error, "the images' parent %s: ", target), false;
		berth_fd_clear(&at);
		at = next;
		if (!berth_images_check_folder(at, error))
			return g_prefix_error(error, "the images' parent %s: ", target), false;
	}
}

// Files

static bool take_number(struct berth_wire *rest, uint32_t *ret)
{
	if (rest->length < sizeof *ret)
		return false;
	memcpy(ret, rest->data, sizeof *ret);
	rest->data += sizeof *ret;
	rest->length -= sizeof *ret;
	return true;
}

bool berth_image_parse(struct berth_wire image, const char *name,
		       bool (*take)(struct berth_wire entry, void *data, GError **error), void *data, GError **error)
{
	uint32_t magic, length;

	if (!take_number(&image, &magic) ||
	    ((magic == MAGIC_COMMON || magic == MAGIC_SERVICE) && !take_number(&image, &magic)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: is no image of CRIU", name);
	while (image.length) {
		if (!take_number(&image, &length) || length > image.length)
			return berth_error_set(error, BERTH_ERROR_INVALID, "%s: is cut off", name);
		struct berth_wire entry = {image.data, length};
		if (!take(entry, data, error))
			return g_prefix_error(error, "%s: ", name), false;
		image.data += length;
		image.length -= length;
	}
	return true;
}

static bool parse_file(int folder, const char *name, bool (*take)(struct berth_wire entry, void *data, GError **error),
		       void *data, GError **error)
{
	size_t length;
	g_autofree char *text = berth_read_file_at(folder, name, BERTH_LIMIT_CRIU_IMAGE, &length, error);

	return text && berth_image_parse((struct berth_wire){(const uint8_t *) text, length}, name, take, data, error);
}

// Mounts

static void mount_free(void *data)
{
	struct berth_image_mount *mount = data;

	g_free(mount->root);
	g_free(mount->point);
	g_free(mount->external);
	g_free(mount);
}

static bool take_mount(struct berth_wire entry, void *data, GError **error)
{
	struct berth_image_mount *mount = g_new0(struct berth_image_mount, 1);
	GPtrArray *list = data;

	g_ptr_array_add(list, mount);
	mount->type = berth_wire_integer(entry, 1);
	mount->id = berth_wire_integer(entry, 2);
	mount->device = berth_wire_integer(entry, 3);
	mount->parent = berth_wire_integer(entry, 4);
	mount->flags = berth_wire_integer(entry, 5);
	mount->root = berth_wire_text(entry, 6);
	mount->point = berth_wire_text(entry, 7);
	mount->plugin = berth_wire_integer(entry, 12) != 0;
	mount->external = berth_wire_text(entry, 18);
	if (berth_wire_integer(entry, 13) && !*mount->external) {
		g_free(mount->external);
		mount->external = g_strdup(mount->point);
	}
	if (*mount->point != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID, "mount \"%s\": is no absolute path", mount->point);
	return true;
}

static char **list_files(int folder, const char *prefix, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = copy < 0 ? NULL : fdopendir(copy);

	if (!listing) {
		berth_error_set_errno(error, errno, "list the folder of the images");
		berth_fd_clear(&copy);
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(listing));)
		if (g_str_has_prefix(entry->d_name, prefix) && g_str_has_suffix(entry->d_name, ".img"))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(listing);
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

GPtrArray *berth_images_mounts(int folder, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(mount_free);
	g_auto(GStrv) names = list_files(folder, "mountpoints-", error);

	if (!names)
		return NULL;
	for (char **name = names; *name; name++)
		if (!parse_file(folder, *name, take_mount, list, error))
			return NULL;
	return g_steal_pointer(&list);
}

// Namespaces

// Fields of CRIU's task_kobj_ids_entry.
static const struct {
	unsigned field, flag;
} namespaces[] = {
	{5, CLONE_NEWPID}, {6, CLONE_NEWNET},   {7, CLONE_NEWIPC},     {8, CLONE_NEWUTS},
	{9, CLONE_NEWNS},  {10, CLONE_NEWUSER}, {11, CLONE_NEWCGROUP}, {12, CLONE_NEWTIME},
};

struct ids {
	guint count; // of entries
	uint64_t pid; // of the first process, in its namespace
	uint64_t ids[G_N_ELEMENTS(namespaces)];
};

static void read_ids(struct berth_wire entry, struct ids *ids)
{
	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++)
		ids->ids[i] = berth_wire_integer(entry, namespaces[i].field);
}

static bool take_ids(struct berth_wire entry, void *data, G_GNUC_UNUSED GError **error)
{
	struct ids *ids = data;

	if (!ids->count++)
		read_ids(entry, ids);
	return true;
}

static bool take_inventory(struct berth_wire entry, void *data, GError **error)
{
	struct berth_wire_field found;

	if (!berth_wire_find(entry, 3, &found) || !found.block)
		return berth_error_set(error, BERTH_ERROR_INVALID, "does not tell the namespaces of who made it");
	return take_ids(found.content, data, error);
}

static bool take_process(struct berth_wire entry, void *data, G_GNUC_UNUSED GError **error)
{
	struct ids *ids = data;

	if (!ids->count++)
		ids->pid = berth_wire_integer(entry, 1);
	return true;
}

bool berth_images_namespaces(int folder, unsigned *ret, GError **error)
{
	struct ids first = {0}, own = {0}, maker = {0};

	*ret = 0;
	if (!parse_file(folder, "pstree.img", take_process, &first, error))
		return false;
	g_autofree char *name = g_strdup_printf("ids-%ju.img", (uintmax_t) first.pid);
	if (!parse_file(folder, name, take_ids, &own, error) ||
	    !parse_file(folder, "inventory.img", take_inventory, &maker, error))
		return false;
	if (!first.count || !own.count || !maker.count)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the images have no process");
	for (size_t i = 0; i < G_N_ELEMENTS(namespaces); i++)
		if (own.ids[i] && own.ids[i] != maker.ids[i])
			*ret |= namespaces[i].flag;
	return true;
}

// Groups

static bool take_groups(struct berth_wire entry, G_GNUC_UNUSED void *data, GError **error)
{
	if (memmem(entry.data, entry.length, "..", 2))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "a control group or its file has \"..\" in its name");
	return true;
}

bool berth_images_check_groups(int folder, GError **error)
{
	if (faccessat(folder, "cgroup.img", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "cgroup.img");
	return parse_file(folder, "cgroup.img", take_groups, NULL, error);
}
