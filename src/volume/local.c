// SPDX-License-Identifier: Apache-2.0
// The local driver. A volume's folder is made under another name and renamed, so that what has its name is whole; a
// removed one is renamed first, too.
#include "volume/internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/flags.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DATA "_data"
#define NEW ".new-" // before the name
#define GONE ".gone-"

static const char *option(const struct berth_volume *volume, const char *name)
{
	return volume->options ? g_hash_table_lookup(volume->options, name) : NULL;
}

static bool is_mounted(const struct berth_volume *volume)
{
	return option(volume, "type") != NULL;
}

// Each needs the others that stand behind it.
static const struct {
	const char *name;
	const char *needs[2];
} known[] = {
	{"type", {"device"}}, {"device", {"type"}}, {"o", {"device", "type"}},
	{"size", {NULL}},     {"uid", {NULL}}, // of the volume's own folder
	{"gid", {NULL}},      {"mode", {NULL}},
};

static bool check_names(const struct berth_volume *volume, GError **error)
{
	GHashTableIter iter;
	void *name;

	g_hash_table_iter_init(&iter, volume->options);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		size_t i = 0;
		while (i < G_N_ELEMENTS(known) && strcmp(known[i].name, name) != 0)
			i++;
		if (i == G_N_ELEMENTS(known))
			return berth_error_set(error, BERTH_ERROR_INVALID, "invalid option: \"%s\"", (char *) name);
		for (size_t j = 0; j < G_N_ELEMENTS(known[i].needs) && known[i].needs[j]; j++)
			if (!option(volume, known[i].needs[j]))
				return berth_error_set(error, BERTH_ERROR_INVALID, "missing required option: \"%s\"",
						       known[i].needs[j]);
	}
	return true;
}

static bool read_size(const struct berth_volume *volume, int64_t *ret, GError **error)
{
	const char *size = option(volume, "size");

	*ret = 0;
	if (!size)
		return true;
	if (!berth_bytes_parse(size, ret, NULL) || *ret <= 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "option size: invalid size: '%s'", size);
	return true;
}

// A number in that base; *ret is `fallback` if the option is not given.
static bool read_number(const struct berth_volume *volume, const char *name, unsigned base, uint64_t most,
			uint64_t fallback, uint64_t *ret, GError **error)
{
	const char *text = option(volume, name);

	*ret = fallback;
	return !text || (g_ascii_isdigit(text[0]) && g_ascii_string_to_unsigned(text, base, 0, most, ret, NULL)) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "option %s: invalid number: '%s'", name, text);
}

struct owner {
	uint64_t uid, gid, mode;
};
#define AS_IT_IS UINT64_MAX

static bool read_owner(const struct berth_volume *volume, struct owner *ret, GError **error)
{
	return read_number(volume, "uid", 10, UINT32_MAX - 1, AS_IT_IS, &ret->uid, error) &&
	       read_number(volume, "gid", 10, UINT32_MAX - 1, AS_IT_IS, &ret->gid, error) &&
	       read_number(volume, "mode", 8, 07777, AS_IT_IS, &ret->mode, error);
}

bool berth_volume_local_own(const struct berth_volume *volume, int data, GError **error)
{
	struct owner owner;

	if (strcmp(volume->driver, berth_volume_local.name) != 0 || !volume->options || option(volume, "type"))
		return true;
	if (!read_owner(volume, &owner, error))
		return false;
	if ((owner.uid != AS_IT_IS || owner.gid != AS_IT_IS) && fchown(data, (uid_t) owner.uid, (gid_t) owner.gid) < 0)
		return berth_error_set_errno(error, errno, "set the owner of volume %s", volume->name);
	return owner.mode == AS_IT_IS || fchmod(data, (mode_t) owner.mode) == 0 ||
	       berth_error_set_errno(error, errno, "set the mode of volume %s", volume->name);
}

static bool check(G_GNUC_UNUSED struct berth_volumes *volumes, const struct berth_volume *volume, GError **error)
{
	struct owner owner;
	int64_t size;

	if (!volume->options || g_hash_table_size(volume->options) == 0)
		return true;
	if (!check_names(volume, error) || !read_size(volume, &size, error) || !read_owner(volume, &owner, error))
		return false;
	if (!is_mounted(volume))
		return true;
	if (size > 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "option size limits a folder of this host; with type give the file system's own "
				       "option, as o=size=%s of tmpfs",
				       option(volume, "size"));
	if (owner.uid != AS_IT_IS || owner.gid != AS_IT_IS || owner.mode != AS_IT_IS)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"options uid, gid and mode are of a folder of this host; with type give the file "
			"system's own, as o=uid=1000 of tmpfs");
	return berth_local__check_mount(volume, error);
}

static bool make_parts(const struct berth_volume *volume, int folder, int64_t size, GError **error)
{
	// Before anything is in it, for it is handed down.
	if (size > 0 && !berth_quota_set(folder, size, "the volume", error))
		return false;
	if (mkdirat(folder, DATA, 0755) < 0 || fchmodat(folder, DATA, 0755, 0) < 0)
		return berth_error_set_errno(error, errno, "make its folder " DATA);
	berth_fd data = openat(folder, DATA, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data < 0)
		return berth_error_set_errno(error, errno, "open its folder " DATA);
	return berth_volume_local_own(volume, data, error);
}

static bool create(struct berth_volumes *volumes, struct berth_volume *volume, GError **error)
{
	g_autofree char *new = g_strconcat(NEW, volume->name, NULL);
	struct stat status;
	int64_t size;

	if (fstatat(volumes->root_fd, volume->name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (!read_size(volume, &size, error) || !berth_remove_tree_at(volumes->root_fd, new, error))
		return false;
	if (mkdirat(volumes->root_fd, new, 0700) < 0)
		return berth_error_set_errno(error, errno, "make its folder");
	BERTH_FAILPOINT("volume.create.folder");
	berth_fd folder = openat(volumes->root_fd, new, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool made = folder >= 0 ? make_parts(volume, folder, size, error)
				: berth_error_set_errno(error, errno, "open its new folder");
	BERTH_FAILPOINT("volume.create.made");
	made = made && (renameat(volumes->root_fd, new, volumes->root_fd, volume->name) == 0 ||
			berth_error_set_errno(error, errno, "rename its folder"));
	if (!made)
		berth_remove_tree_at(volumes->root_fd, new, NULL);
	return made;
}

static bool remove_volume(struct berth_volumes *volumes, const struct berth_volume *volume, GError **error)
{
	g_autofree char *gone = g_strconcat(GONE, volume->name, NULL), *new = g_strconcat(NEW, volume->name, NULL);
	berth_fd folder = openat(volumes->root_fd, volume->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	// The limit first: afterwards nothing tells any more which it was.
	if (folder >= 0 && option(volume, "size") && !berth_quota_set(folder, 0, "the volume", error))
		return false;
	if (!berth_remove_tree_at(volumes->root_fd, gone, error) || !berth_remove_tree_at(volumes->root_fd, new, error))
		return false;
	if (renameat(volumes->root_fd, volume->name, volumes->root_fd, gone) < 0 && errno != ENOENT)
		return berth_error_set_errno(error, errno, "rename its folder");
	BERTH_FAILPOINT("volume.remove.renamed");
	return berth_remove_tree_at(volumes->root_fd, gone, error);
}

static char *path_of(struct berth_volumes *volumes, const struct berth_volume *volume, G_GNUC_UNUSED GError **error)
{
	return is_mounted(volume) ? g_build_filename(volumes->run_folder, volume->name, "fs", NULL)
				  : g_build_filename(volumes->root, volume->name, DATA, NULL);
}

static bool mount_it(struct berth_volumes *volumes, const struct berth_volume *volume, G_GNUC_UNUSED const char *id,
		     char **ret_path, GError **error)
{
	g_autofree char *path = path_of(volumes, volume, error);
	struct statx status;

	bool there = is_mounted(volume) && statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) == 0 &&
		     status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	if (is_mounted(volume) && !there) {
		berth_fd tree = berth_local__mount(volume, path, error);
		if (tree < 0 || !berth_volumes__attach(volumes, tree, path, error))
			return false;
	}
	*ret_path = g_steal_pointer(&path);
	return true;
}

static bool unmount_it(struct berth_volumes *volumes, const struct berth_volume *volume, G_GNUC_UNUSED const char *id,
		       bool last, GError **error)
{
	g_autofree char *path = path_of(volumes, volume, error);

	return !last || !is_mounted(volume) || berth_volumes__detach(volumes, path, error);
}

static json_t *status_of(G_GNUC_UNUSED struct berth_volumes *volumes, G_GNUC_UNUSED const struct berth_volume *volume,
			 G_GNUC_UNUSED GError **error)
{
	return NULL;
}

int berth_volume_local_folder(struct berth_volumes *volumes, const char *name, GError **error)
{
	int folder = openat(volumes->root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		berth_error_set_errno(error, errno, "open the folder of volume %s", name);
	return folder;
}

const struct berth_volume_driver berth_volume_local = {
	.name = "local",
	.check = check,
	.create = create,
	.remove = remove_volume,
	.counted = is_mounted,
	.mount = mount_it,
	.unmount = unmount_it,
	.path = path_of,
	.status = status_of,
};
