// SPDX-License-Identifier: Apache-2.0
// Copying from and to containers, and exporting them.
#include "engine/files/container-tree.h"
#include "engine/files/files.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"
#include "base/root.h"
#include "engine/plan/user.h"
#include "image/unpack.h"
#include "sys/mount.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534 // what the kernel shows for owners that a user namespace does not have
#define LINKS_MAX 40 // that are followed, as the kernel does

typedef struct berth_container_tree TREE;

// What a path of a request says.
struct place {
	char *path; // absolute and clean
	char *folder, *base; // what it lies in, and its name there; "." if it has to be a folder
	char *name; // as Docker tells it: "etc", "." of "/etc/.", "/"
	bool must_be_folder;
};

static void place_clear(struct place *place)
{
	g_free(place->path);
	g_free(place->folder);
	g_free(place->base);
	g_free(place->name);
}

#define AUTO_PLACE __attribute__((cleanup(place_clear))) struct place

// As Go's filepath.Clean() does it: ".." takes away what stands before it, whatever that is.
static char *clean(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();

	for (char **part = parts; *part; part++) {
		if (!**part || strcmp(*part, ".") == 0)
			continue;
		if (strcmp(*part, "..") != 0)
			g_ptr_array_add(kept, *part);
		else if (kept->len > 0)
			g_ptr_array_set_size(kept, (gint) kept->len - 1);
	}
	g_autoptr(GString) text = g_string_new(NULL);
	for (guint i = 0; i < kept->len; i++)
		g_string_append_printf(text, "/%s", (const char *) kept->pdata[i]);
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : g_strdup("/");
}

static bool read_place(const char *path, struct place *ret, GError **error)
{
	bool dot = g_str_has_suffix(path, "/.") || strcmp(path, ".") == 0;

	if (strlen(path) > BERTH_LIMIT_ARCHIVE_PATH)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the path is longer than %d bytes",
				       BERTH_LIMIT_ARCHIVE_PATH);
	ret->path = clean(path);
	bool root = strcmp(ret->path, "/") == 0;
	ret->must_be_folder = root || dot || g_str_has_suffix(path, "/");
	ret->folder = ret->must_be_folder ? g_strdup(ret->path) : g_path_get_dirname(ret->path);
	ret->base = ret->must_be_folder ? g_strdup(".") : g_path_get_basename(ret->path);
	ret->name = dot && !root ? g_strdup(".") : g_path_get_basename(ret->path);
	return true;
}

static bool not_found(const char *path, const char *container, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "Could not find the file %s in container %s", path,
			       container);
}

// What the kernel said of the path.
static bool refuse(GError *problem, const char *path, const char *container, GError **error)
{
	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_error_free(problem);
		return not_found(path, container, error);
	}
	g_propagate_prefixed_error(error, problem, "path %s in container %s: ", path, container);
	return false;
}

// Opens the folder that the place lies in, and looks at the place; a link itself is looked at.
static bool look(const TREE *tree, const char *text, const struct place *place, const char *container, int *ret_folder,
		 struct stat *ret, GError **error)
{
	GError *problem = NULL;
	berth_fd folder = berth_root_open(tree->root, place->folder, O_PATH | O_DIRECTORY, 0, &problem);

	if (folder < 0 && place->must_be_folder && !g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_clear_error(&problem);
		return berth_error_set(error, BERTH_ERROR_INVALID, "path %s in container %s: not a directory", text,
				       container);
	}
	if (folder < 0)
		return refuse(problem, text, container, error);
	if (fstatat(folder, place->base, ret, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		berth_error_set_errno(&problem, errno, "stat");
		return refuse(problem, text, container, error);
	}
	*ret_folder = berth_fd_steal(&folder);
	return true;
}

// One step of a link that leads to nothing: the path of what `path` names. *ret_link: it is a link, and leads there.
static char *step(const TREE *tree, const char *path, bool *ret_link)
{
	g_autofree char *above = g_path_get_dirname(path), *base = g_path_get_basename(path);
	g_autofree char *target = g_malloc(BERTH_LIMIT_ARCHIVE_PATH + 1);
	berth_fd folder = berth_root_open(tree->root, above, O_PATH | O_DIRECTORY, 0, NULL);
	g_autofree char *real = folder < 0 ? NULL : berth_engine__tree_path(folder, NULL);
	g_autofree char *joined = NULL;
	ssize_t length = real ? readlinkat(folder, base, target, BERTH_LIMIT_ARCHIVE_PATH) : -1;

	*ret_link = length > 0;
	if (length > 0) {
		target[length] = '\0';
		joined = target[0] == '/' ? g_strdup(target) : g_build_filename(real, target, NULL);
	} else {
		joined = real ? g_build_filename(real, base, NULL) : g_strdup(path);
	}
	return clean(joined);
}

// Where a link leads, as far as there is anything.
static char *follow(const TREE *tree, const char *path)
{
	g_autofree char *at = g_strdup(path);
	bool link = true;

	for (int i = 0; link && i < LINKS_MAX; i++) {
		berth_fd fd = berth_root_open(tree->root, at, O_PATH, 0, NULL);
		char *found = fd < 0 ? NULL : berth_engine__tree_path(fd, NULL);
		if (found)
			return found;
		char *next = step(tree, at, &link);
		g_free(at);
		at = next;
	}
	return g_steal_pointer(&at);
}

static struct api_path_stat *describe(const TREE *tree, const struct place *place, const struct stat *status)
{
	struct api_path_stat *stat = berth_document_new(&api_path_stat_document);

	stat->name = g_strdup(place->name);
	stat->size = status->st_size;
	stat->mode = api_file_mode(status->st_mode);
	stat->mtime =
		berth_moment_string((int64_t) status->st_mtim.tv_sec * 1000000000 + (int64_t) status->st_mtim.tv_nsec);
	stat->link_target = S_ISLNK(status->st_mode) ? follow(tree, place->path) : g_strdup("");
	return stat;
}

struct api_path_stat *berth_engine_container_stat(struct berth_engine *engine, const char *container, const char *path,
						  GError **error)
{
	__attribute__((cleanup(berth_engine__tree_close))) TREE tree = {0};
	AUTO_PLACE place = {0};
	berth_fd folder = -1;
	struct stat status;

	if (!read_place(path, &place, error) || !berth_engine__tree_open(engine, container, 0, &tree, error) ||
	    !look(&tree, path, &place, container, &folder, &status, error))
		return NULL;
	return describe(&tree, &place, &status);
}

static bool tell(const TREE *tree, const char *action, GError **error)
{
	return berth_engine__tell_container(tree->engine, tree->container, error, action, NULL);
}

// Getting

struct getting {
	const TREE *tree;
	berth_tar_write_fn *write;
	void *data;
	dev_t devices; // the file system on the container's /dev
};

static bool write_piece(void *data, const void *bytes, size_t length)
{
	const struct getting *this = data;

	return this->write(this->data, bytes, length);
}

// Who is nobody in the container is so in the archive.
static bool owner_inside(void *data, uint32_t *uid, uint32_t *gid, G_GNUC_UNUSED GError **error)
{
	const struct getting *this = data;

	if (!berth_id_maps_to_image(this->tree->maps, uid, gid, NULL))
		*uid = *gid = NOBODY;
	return true;
}

// What the kernel shows of itself, and the devices, are no files of the container; they are copied only where they were
// asked for by name.
static bool enters(void *data, int folder)
{
	static const long kernel[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
				      DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,      SECURITYFS_MAGIC,
				      BPF_FS_MAGIC,       0x19800202 /* mqueue */};
	const struct getting *this = data;
	struct stat status;

	for (size_t i = 0; i < G_N_ELEMENTS(kernel); i++)
		if (berth_mount_is(folder, kernel[i]))
			return false;
	return fstat(folder, &status) == 0 && status.st_dev != this->devices;
}

static dev_t devices_of(const TREE *tree)
{
	berth_fd fd = berth_root_open(tree->root, "dev", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, NULL);
	struct stat top, status;

	return fd >= 0 && fstat(tree->root, &top) == 0 && fstat(fd, &status) == 0 && status.st_dev != top.st_dev
		       ? status.st_dev
		       : 0;
}

static bool put(TREE *tree, int folder, const struct place *place, berth_tar_write_fn *write, void *data,
		GError **error)
{
	struct getting getting = {tree, write, data, devices_of(tree)};
	const struct berth_tree_tar options = {
		.write = write_piece,
		.data = &getting,
		.name = strcmp(place->name, "/") == 0 ? "" : place->name,
		.owner = tree->maps ? owner_inside : NULL,
		.enters = enters,
	};

	return berth_tree_tar_write(&options, folder, place->base, error);
}

bool berth_engine_container_archive(struct berth_engine *engine, const char *container, const char *path,
				    const struct berth_engine_archive *archive, GError **error)
{
	__attribute__((cleanup(berth_engine__tree_close))) TREE tree = {0};
	AUTO_PLACE place = {0};
	berth_fd folder = -1;
	struct stat status;

	if (!read_place(path, &place, error) || !berth_engine__tree_open(engine, container, 0, &tree, error) ||
	    !look(&tree, path, &place, container, &folder, &status, error))
		return false;
	g_autoptr(api_path_stat) stat = describe(&tree, &place, &status);
	if (!archive->begin(archive->data, stat, error) || !tell(&tree, "archive-path", error))
		return false;
	if (put(&tree, folder, &place, archive->write, archive->data, error))
		return true;
	g_prefix_error(error, "copy %s from container %s: ", path, container);
	return false;
}

bool berth_engine_container_export(struct berth_engine *engine, const char *container, berth_tar_write_fn *write,
				   void *data, GError **error)
{
	__attribute__((cleanup(berth_engine__tree_close))) TREE tree = {0};

	if (!berth_engine__tree_open(engine, container, BERTH_TREE_ROOT_ONLY, &tree, error))
		return false;
	struct getting getting = {&tree, write, data, 0};
	const struct berth_tree_tar options = {
		.write = write_piece, .data = &getting, .owner = tree.maps ? owner_inside : NULL};
	if (tell(&tree, "export", error) && berth_tree_tar_write(&options, tree.root, ".", error))
		return true;
	g_prefix_error(error, "export container %s: ", container);
	return false;
}

// Putting

// The archive's bytes, for as long as the container is what it was.
struct upload {
	const TREE *tree;
	int fd;
};

static gssize read_upload(void *data, void *buffer, size_t size, GError **error)
{
	const struct upload *this = data;
	ssize_t length;

	do
		length = read(this->fd, buffer, size);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		berth_error_set_errno(error, errno, "read the archive");
	else if (berth_engine__tree_is_over(this->tree)) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "the container ended while files were copied into it");
		return -1;
	}
	return length;
}

static bool check_writable(const TREE *tree, int folder, GError **error)
{
	struct statvfs fs;
	struct stat top, status;

	if (fstatvfs(folder, &fs) < 0 || fstat(tree->root, &top) < 0 || fstat(folder, &status) < 0)
		return berth_error_set_errno(error, errno, "stat its file system");
	if (!(fs.f_flag & ST_RDONLY))
		return true;
	return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
			       top.st_dev == status.st_dev ? "container rootfs is marked read-only"
							   : "mounted volume is marked read-only");
}

static bool find_owner(const TREE *tree, const char *text, uint32_t owner[2], GError **error)
{
	struct berth_user user = {0};

	if (!berth_user_resolve(tree->root, text, NULL, &user, error))
		return false;
	owner[0] = user.uid;
	owner[1] = user.gid;
	berth_user_clear(&user);
	return true;
}

static bool open_target(const TREE *tree, const char *path, const char *container, int *ret, GError **error)
{
	GError *problem = NULL;

	*ret = berth_root_open(tree->root, path, O_PATH | O_DIRECTORY, 0, &problem);
	if (*ret >= 0)
		return true;
	berth_fd other = berth_root_open(tree->root, path, O_PATH, 0, NULL);
	if (other < 0)
		return refuse(problem, path, container, error);
	g_error_free(problem);
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "extraction point is not a directory: %s in container %s: not a directory", path,
			       container);
}

// On a mapped mount a file is made by an id that the map has: this thread becomes the container's root for file
// systems. That takes its rights over files away, and they are taken again.
static bool become(const TREE *tree, GError **error)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t uid = 0, gid = 0;

	if (!tree->maps)
		return true;
	if (!berth_id_maps_to_host(tree->maps, &uid, &gid, error))
		return false;
	setfsgid(gid);
	setfsuid(uid);
	if (syscall(SYS_capget, &header, data) < 0)
		return berth_error_set_errno(error, errno, "read the thread's capabilities");
	for (size_t i = 0; i < G_N_ELEMENTS(data); i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &header, data) == 0 ||
	       berth_error_set_errno(error, errno, "raise the thread's capabilities");
}

static void return_to_host(void)
{
	setfsuid(geteuid());
	setfsgid(getegid());
}

bool berth_engine_container_extract(struct berth_engine *engine, const char *container, const char *path, int fd,
				    const struct berth_engine_extract *extract, GError **error)
{
	__attribute__((cleanup(berth_engine__tree_close))) TREE tree = {0};
	AUTO_PLACE place = {0};
	berth_fd folder = -1;
	uint32_t owner[2];

	if (!read_place(path, &place, error) ||
	    !berth_engine__tree_open(engine, container, BERTH_TREE_WRITABLE, &tree, error) ||
	    !open_target(&tree, place.path, container, &folder, error) || !check_writable(&tree, folder, error) ||
	    (extract->owner && !find_owner(&tree, extract->owner, owner, error)))
		return false;
	g_autofree char *real = berth_engine__tree_path(folder, error);
	if (!real)
		return false;
	struct upload upload = {&tree, fd};
	const struct berth_unpack_place target = {
		.root = tree.root,
		.path = real + 1,
		.ids = tree.maps,
		.owner = extract->owner ? owner : NULL,
		.keep_kinds = extract->keep_kinds,
	};
	bool done = become(&tree, error) &&
		    berth_tree_unpack_at((struct berth_source){read_upload, &upload}, &target, error);
	return_to_host();
	if (done)
		return tell(&tree, "extract-to-dir", error);
	g_prefix_error(error, "copy to %s in container %s: ", path, container);
	return false;
}
