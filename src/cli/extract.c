// SPDX-License-Identifier: Apache-2.0
#include "cli/extract.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/resolve.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define CHUNK (256 << 10)
#define PARENT_MODE 0777
#define SET_IDS (S_ISUID | S_ISGID)

struct extracting {
	const struct berth_extract *options;
	struct berth_tar_reader *reader;
	GPtrArray *folders; // names, and behind each a struct timespec
	char *parent; // name of the folder that parent_fd is
	int parent_fd;
	char *chunk;
};

struct folder_time {
	char *name;
	struct timespec time;
};

static void folder_time_free(gpointer data)
{
	struct folder_time *folder = data;

	g_free(folder->name);
	g_free(folder);
}

static bool clean(const char *name, char **ret, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(name, "/", -1);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();

	for (char **part = parts; *part; part++) {
		if (strcmp(*part, "..") == 0)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "the archive's entry %s would lead out of the folder", name);
		if (**part && strcmp(*part, ".") != 0)
			g_ptr_array_add(kept, *part);
	}
	if (kept->len > BERTH_LIMIT_ARCHIVE_DEPTH)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the archive's entry %.100s… has more than %d parts",
				       name, BERTH_LIMIT_ARCHIVE_DEPTH);
	g_ptr_array_add(kept, NULL);
	*ret = g_strjoinv("/", (char **) kept->pdata);
	return true;
}

static int open_beneath(int folder, const char *name)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return berth_resolve(folder, *name ? name : ".", &how);
}

static bool make_folders(int top, const char *name, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(name, "/", -1);
	berth_fd at = open_beneath(top, "");

	for (char **part = parts; at >= 0 && *part; part++) {
		if (mkdirat(at, *part, PARENT_MODE) < 0 && errno != EEXIST)
			break;
		int next = openat(at, *part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(at);
		at = next;
	}
	return at >= 0 || berth_error_set_errno(error, errno, "make folder %s", name);
}

// Opens the folder of an entry, which stays open for the next one.
static int enter(struct extracting *this, const char *name, GError **error)
{
	const char *slash = strrchr(name, '/');
	g_autofree char *parent = g_strndup(name, slash ? (gsize) (slash - name) : 0);

	if (this->parent && strcmp(this->parent, parent) == 0)
		return this->parent_fd;
	g_clear_pointer(&this->parent, g_free);
	berth_fd_clear(&this->parent_fd);
	this->parent_fd = open_beneath(this->options->folder, parent);
	if (this->parent_fd < 0 && errno == ENOENT && make_folders(this->options->folder, parent, error))
		this->parent_fd = open_beneath(this->options->folder, parent);
	if (this->parent_fd < 0) {
		if (error && !*error)
			berth_error_set_errno(error, errno, "open folder %s", parent);
		return -1;
	}
	this->parent = g_steal_pointer(&parent);
	return this->parent_fd;
}

static const char *base_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

// What is there of the same name goes; a folder stays for a folder, and nothing else takes a folder's place.
static bool clear_way(int folder, const char *path, bool is_folder, bool *ret_there, GError **error)
{
	const char *name = base_of(path);
	struct stat status;

	*ret_there = false;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "lstat %s", path);
	if (S_ISDIR(status.st_mode) != is_folder)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       is_folder ? "cannot overwrite non-directory \"%s\" with directory"
						 : "cannot overwrite directory \"%s\" with non-directory",
				       path);
	*ret_there = is_folder;
	return is_folder || unlinkat(folder, name, 0) == 0 || berth_error_set_errno(error, errno, "remove %s", path);
}

static bool set_owner(const struct extracting *this, int folder, const char *name, const struct berth_tar_entry *entry,
		      GError **error)
{
	const struct berth_extract *options = this->options;
	uint32_t uid = options->owner ? options->owner[0] : entry->uid,
		 gid = options->owner ? options->owner[1] : entry->gid;

	if (!options->owner && !options->owners)
		return true;
	return fchownat(folder, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 ||
	       berth_error_set_errno(error, errno, "set the owner %u:%u of %s", uid, gid, name);
}

// File systems and users that cannot have them do without.
static void set_xattrs(const struct extracting *this, int fd, const struct berth_tar_entry *entry)
{
	GHashTableIter iter;
	void *name, *value;

	if (!entry->xattrs)
		return;
	g_hash_table_iter_init(&iter, entry->xattrs);
	while (g_hash_table_iter_next(&iter, &name, &value)) {
		gsize size;
		const void *data = g_bytes_get_data(value, &size);
		if (g_str_has_prefix(name, "user.") || this->options->owners)
			fsetxattr(fd, name, data, size, 0);
	}
}

static mode_t mode_of(const struct extracting *this, const struct berth_tar_entry *entry)
{
	return this->options->owners ? entry->mode : entry->mode & (mode_t) ~SET_IDS;
}

static bool write_content(const struct extracting *this, int fd, const char *path, GError **error)
{
	gssize length;

	while ((length = berth_tar_reader_content(this->reader, this->chunk, CHUNK, error)) > 0)
		if (!berth_write_all(fd, this->chunk, (size_t) length, path, error))
			return false;
	return length == 0;
}

static bool add_file(struct extracting *this, int folder, const char *path, const struct berth_tar_entry *entry,
		     GError **error)
{
	const struct timespec times[] = {entry->mtime, entry->mtime};
	berth_fd fd = openat(folder, base_of(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "make %s", path);
	if (!write_content(this, fd, path, error) || !set_owner(this, folder, base_of(path), entry, error))
		return false;
	set_xattrs(this, fd, entry);
	if (fchmod(fd, mode_of(this, entry)) < 0 || futimens(fd, times) < 0)
		return berth_error_set_errno(error, errno, "set the mode and times of %s", path);
	return true;
}

static bool add_folder(struct extracting *this, int folder, const char *path, bool there,
		       const struct berth_tar_entry *entry, GError **error)
{
	if (!there && mkdirat(folder, base_of(path), 0700) < 0)
		return berth_error_set_errno(error, errno, "make folder %s", path);
	berth_fd fd = openat(folder, base_of(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open folder %s", path);
	if (!set_owner(this, folder, base_of(path), entry, error))
		return false;
	set_xattrs(this, fd, entry);
	if (fchmod(fd, mode_of(this, entry)) < 0)
		return berth_error_set_errno(error, errno, "set the mode of folder %s", path);
	struct folder_time *made = g_new(struct folder_time, 1);
	*made = (struct folder_time){g_strdup(path), entry->mtime};
	g_ptr_array_add(this->folders, made);
	return true;
}

static bool add_link(struct extracting *this, int folder, const char *path, const struct berth_tar_entry *entry,
		     GError **error)
{
	g_autofree char *named = berth_copy_name(this->options->plan, entry->link), *target = NULL;

	if (!clean(named, &target, error))
		return false;
	const char *slash = strrchr(target, '/');
	g_autofree char *above = g_strndup(target, slash ? (gsize) (slash - target) : 0);
	berth_fd from = open_beneath(this->options->folder, above);
	return (from >= 0 && linkat(from, base_of(target), folder, base_of(path), 0) == 0) ||
	       berth_error_set_errno(error, errno, "link %s to %s", path, target);
}

static bool add_special(struct extracting *this, int folder, const char *path, const struct berth_tar_entry *entry,
			GError **error)
{
	const struct timespec times[] = {entry->mtime, entry->mtime};
	const char *name = base_of(path);
	mode_t kind = entry->type == '3' ? S_IFCHR : entry->type == '4' ? S_IFBLK : S_IFIFO;
	int result = entry->type == '2' ? symlinkat(entry->link, folder, name)
					: mknodat(folder, name, kind | (mode_of(this, entry) & 0777),
						  kind == S_IFIFO ? 0 : makedev(entry->major, entry->minor));

	if (result < 0)
		return berth_error_set_errno(error, errno, "make %s", path);
	return set_owner(this, folder, name, entry, error) &&
	       (utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) == 0 ||
		berth_error_set_errno(error, errno, "set the times of %s", path));
}

static bool add(struct extracting *this, const struct berth_tar_entry *entry, GError **error)
{
	g_autofree char *named = berth_copy_name(this->options->plan, entry->name), *path = NULL;
	bool there;

	if (!clean(named, &path, error))
		return false;
	if (!*path) // the folder itself, which is as it is
		return true;
	int folder = enter(this, path, error);
	if (folder < 0 || !clear_way(folder, path, entry->type == '5', &there, error))
		return false;
	switch (entry->type) {
	case '0':
		return add_file(this, folder, path, entry, error);
	case '1':
		return add_link(this, folder, path, entry, error);
	case '5':
		return add_folder(this, folder, path, there, entry, error);
	default:
		return add_special(this, folder, path, entry, error);
	}
}

// When nothing more is put into them.
static void set_folder_times(struct extracting *this)
{
	for (guint i = this->folders->len; i > 0; i--) {
		const struct folder_time *folder = this->folders->pdata[i - 1];
		const struct timespec times[] = {folder->time, folder->time};
		berth_fd fd = open_beneath(this->options->folder, folder->name);
		if (fd >= 0)
			futimens(fd, times);
	}
}

bool berth_extract(struct berth_tar_reader *reader, const struct berth_extract *options, GError **error)
{
	struct extracting this = {.options = options, .reader = reader, .parent_fd = -1, .chunk = g_malloc(CHUNK)};
	const struct berth_tar_entry *entry;
	int more = 0;
	bool done = true;

	this.folders = g_ptr_array_new_with_free_func(folder_time_free);
	while (done && (more = berth_tar_reader_next(reader, &entry, error)) > 0)
		done = add(&this, entry, error);
	done = done && more == 0 && berth_tar_reader_drain(reader, error);
	if (done)
		set_folder_times(&this);
	g_ptr_array_unref(this.folders);
	g_free(this.parent);
	berth_fd_clear(&this.parent_fd);
	g_free(this.chunk);
	return done;
}
