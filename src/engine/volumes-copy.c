// SPDX-License-Identifier: Apache-2.0
// Volumes come and go as tar archives, and are cloned, while containers may be using them. Everything is opened beneath
// a descriptor of the volume's folder, and no link is followed: what is exchanged for a link in the middle is found to
// be one, and is copied as such or left out, and what an archive says of a file is what was open when it was read.
#include "engine/volumes-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "base/json.h"
#include "image/tar-header.h"
#include "image/unpack.h"
#include "store/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK (256 << 10)
#define BLOCK 512
#define EXPORT_ID "export" // stand for containers where volumes are counted
#define IMPORT_ID "import"
#define CLONE_ID "clone"
#define RESERVED ".berth-" // names in a volume that is a file system of its own: fill.c

struct export
{
	berth_volume_write_fn *write;
	void *data;
	GHashTable *links; // inode of a file with several names -> the first of them in the archive
	GString *path; // of what is being written, without the slash in front
	uint8_t *chunk;
	dev_t device;
};

static bool put(struct export *this, const void *bytes, size_t length, GError **error)
{
	return length == 0 || this->write(this->data, bytes, length) ||
	       berth_error_set(error, BERTH_ERROR_CANCELED, "the client went away");
}

static bool put_zeros(struct export *this, int64_t length, GError **error)
{
	bool done = true;

	memset(this->chunk, 0, CHUNK);
	for (; done && length > 0; length -= CHUNK)
		done = put(this, this->chunk, (size_t) MIN(length, CHUNK), error);
	return done;
}

static gboolean is_foreign(gpointer name, G_GNUC_UNUSED gpointer value, G_GNUC_UNUSED gpointer data)
{
	return g_str_has_prefix(name, "security.") && !g_str_equal(name, "security.capability");
}

static bool put_header(struct export *this, int folder, const char *name, struct berth_tar_header *header,
		       const struct stat *status, GError **error)
{
	g_autoptr(GByteArray) blocks = g_byte_array_new();
	g_autoptr(GHashTable) xattrs = header->type == '1' ? NULL : berth_tree_xattrs(folder, name, NULL);

	if (xattrs)
		g_hash_table_foreach_remove(xattrs, is_foreign, NULL);
	header->mode = status->st_mode;
	header->uid = status->st_uid;
	header->gid = status->st_gid;
	header->mtime = status->st_mtim;
	header->xattrs = xattrs;
	return berth_tar_header_append(blocks, header, error) && put(this, blocks->data, blocks->len, error);
}

// As many bytes as the header says: a file that becomes shorter meanwhile is filled up with zeros.
static bool put_content(struct export *this, int fd, int64_t size, GError **error)
{
	int64_t left = size;

	while (left > 0) {
		ssize_t length = read(fd, this->chunk, (size_t) MIN(left, CHUNK));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return berth_error_set_errno(error, errno, "read %s", this->path->str);
		if (length == 0)
			break;
		if (!put(this, this->chunk, (size_t) length, error))
			return false;
		left -= length;
	}
	return put_zeros(this, left + (-size & (BLOCK - 1)), error);
}

static const char *earlier_name(struct export *this, const struct stat *status)
{
	gint64 inode = (gint64) status->st_ino;

	if (status->st_nlink < 2)
		return NULL;
	const char *first = g_hash_table_lookup(this->links, &inode);
	if (!first)
		g_hash_table_insert(this->links, g_memdup2(&inode, sizeof inode), g_strdup(this->path->str));
	return first;
}

static bool put_folder(struct export *this, int folder, GError **error);

// Kinds of files that are opened. What is something else by now, or gone, is left out.
static bool put_opened(struct export *this, int folder, const char *name, bool is_folder, GError **error)
{
	struct berth_tar_header header = {.type = is_folder ? '5' : '0'};
	struct stat status;
	berth_fd fd =
		openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (is_folder ? O_DIRECTORY : 0));

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ENXIO ||
		       berth_error_set_errno(error, errno, "open %s", this->path->str);
	if (fstat(fd, &status) < 0)
		return berth_error_set_errno(error, errno, "stat %s", this->path->str);
	if (is_folder) {
		g_autofree char *shown = g_strconcat(this->path->str, "/", NULL);
		header.name = shown;
		return put_header(this, folder, name, &header, &status, error) &&
		       (status.st_dev != this->device || put_folder(this, fd, error));
	}
	if (!S_ISREG(status.st_mode))
		return true;
	header.name = this->path->str;
	header.link = earlier_name(this, &status);
	if (header.link) {
		header.type = '1';
		return put_header(this, folder, name, &header, &status, error);
	}
	header.size = status.st_size;
	return put_header(this, folder, name, &header, &status, error) && put_content(this, fd, header.size, error);
}

static bool put_special(struct export *this, int folder, const char *name, const struct stat *status, GError **error)
{
	struct berth_tar_header header = {.name = this->path->str, .device = status->st_rdev};
	char target[PATH_MAX + 1];

	header.link = earlier_name(this, status);
	if (header.link) {
		header.type = '1';
	} else if (S_ISLNK(status->st_mode)) {
		ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
		if (length < 0)
			return errno == ENOENT || errno == EINVAL ||
			       berth_error_set_errno(error, errno, "read the link %s", this->path->str);
		target[length] = '\0';
		header.link = target;
		header.type = '2';
	} else {
		header.type = S_ISCHR(status->st_mode) ? '3' : S_ISBLK(status->st_mode) ? '4' : '6';
	}
	if (!S_ISCHR(status->st_mode) && !S_ISBLK(status->st_mode))
		header.device = 0;
	return put_header(this, folder, name, &header, status, error);
}

static bool put_entry(struct export *this, int folder, const char *name, GError **error)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || berth_error_set_errno(error, errno, "stat %s", this->path->str);
	if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode))
		return put_opened(this, folder, name, S_ISDIR(status.st_mode), error);
	return S_ISSOCK(status.st_mode) || put_special(this, folder, name, &status, error);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static char **list(int folder, bool top, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream) {
		berth_fd_clear(&fd);
		berth_error_set_errno(error, errno, "list a folder");
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(stream));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !(top && g_str_has_prefix(entry->d_name, RESERVED)))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(stream);
	g_ptr_array_sort(names, by_name);
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static bool put_folder(struct export *this, int folder, GError **error)
{
	g_auto(GStrv) names = list(folder, this->path->len == 0, error);
	bool done = names != NULL;

	for (char **name = names; done && *name; name++) {
		gsize length = this->path->len;
		g_string_append_printf(this->path, "%s%s", length ? "/" : "", *name);
		done = put_entry(this, folder, *name, error);
		g_string_truncate(this->path, length);
	}
	return done;
}

static bool export_folder(int data, berth_volume_write_fn *write, void *user, GError **error)
{
	struct export this = {.write = write, .data = user, .path = g_string_new(NULL), .chunk = g_malloc(CHUNK)};
	struct berth_tar_header header = {.name = "./", .type = '5'};
	struct stat status;

	this.links = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	bool done = fstat(data, &status) == 0 || berth_error_set_errno(error, errno, "stat its folder");
	this.device = done ? status.st_dev : 0;
	done = done && put_header(&this, data, ".", &header, &status, error) && put_folder(&this, data, error) &&
	       put_zeros(&this, (int64_t) 2 * BLOCK, error);
	g_hash_table_unref(this.links);
	g_string_free(this.path, TRUE);
	g_free(this.chunk);
	return done;
}

// Opens a volume for as long as a copy takes; `id` stands for a container. It is held, so it cannot be removed.
static bool open_held(struct berth_engine *engine, const char *name, const char *id, struct berth_volume **ret,
		      struct berth_volume_place *place, GError **error)
{
	berth_volume_lock(engine->volumes, name);
	*ret = berth_engine__volume_get(engine, name, error);
	bool opened = *ret && berth_engine__volume_open(engine, *ret, id, place, error) &&
		      berth_volume_fill_recover(place->work, place->data, error);
	if (opened)
		berth_engine__volume_hold(engine, name);
	berth_volume_unlock(engine->volumes, name);
	if (!opened) {
		berth_volume_place_clear(place);
		berth_volumes_release(engine->volumes, id, NULL);
	}
	return opened;
}

static void close_held(struct berth_engine *engine, const char *name, const char *id, struct berth_volume_place *place)
{
	g_autoptr(GError) error = NULL;

	berth_volume_place_clear(place);
	berth_engine__volume_let_go(engine, name);
	if (!berth_volumes_release(engine->volumes, id, &error))
		g_warning("volume %s: %s", name, error->message);
}

// Of one copy among several at once.
static char *new_id(const char *kind)
{
	g_autofree char *number = g_uuid_string_random();

	return g_strdup_printf("%s-%s", kind, number);
}

bool berth_engine_volume_export(struct berth_engine *engine, const char *name, berth_volume_write_fn *write, void *data,
				GError **error)
{
	struct berth_volume_place place = {-1, -1};
	g_autofree char *id = new_id(EXPORT_ID);
	g_autoptr(berth_volume) volume = NULL;

	if (!open_held(engine, name, id, &volume, &place, error))
		return false;
	bool done = export_folder(place.data, write, data, error);
	close_held(engine, name, id, &place);
	if (!done)
		g_prefix_error(error, "export volume %s: ", name);
	return done;
}

static bool import_into(const struct berth_volume_place *place, int fd, GError **error)
{
	bool empty;

	if (!berth_volume_is_empty(place->data, &empty, error))
		return false;
	if (!empty)
		return berth_tree_unpack(berth_source_of_fd(fd), place->data, error);
	berth_fd new = berth_volume_fill_begin(place->work, error);
	if (new < 0)
		return false;
	// What the archive does not say is as it is.
	bool done = berth_tree_copy_attributes(place->data, new, error) &&
		    berth_tree_unpack(berth_source_of_fd(fd), new, error);
	if (!done)
		berth_volume_fill_cancel(place->work);
	return done && berth_volume_fill_finish(place->work, place->data, error);
}

bool berth_engine_volume_import(struct berth_engine *engine, const char *name, int fd, GError **error)
{
	struct berth_volume_place place = {-1, -1};
	g_autofree char *id = new_id(IMPORT_ID);
	g_autoptr(berth_volume) volume = NULL;

	if (!open_held(engine, name, id, &volume, &place, error))
		return false;
	berth_volume_lock(engine->volumes, name);
	bool done = import_into(&place, fd, error);
	berth_volume_unlock(engine->volumes, name);
	close_held(engine, name, id, &place);
	if (!done)
		g_prefix_error(error, "import into volume %s: ", name);
	return done;
}

// The new volume is there when the copy is whole.
static bool tell_clone(struct berth_engine *engine, struct berth_volume *volume, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);

	g_clear_pointer(&volume->pending, g_free);
	berth_engine__volume_event(events, volume->name, volume->driver, "create", NULL);
	if (!transaction || !berth_engine__volume_put(transaction, volume, error) ||
	    !berth_engine__events_put(transaction, events, error) || !berth_transaction_commit(transaction, error))
		return false;
	berth_engine__events_told(engine);
	return true;
}

// The caller has locked the new one.
static bool copy_to(struct berth_engine *engine, const struct berth_volume *source, int from, const char *to,
		    const char *id, GError **error)
{
	struct berth_volume_place place = {-1, -1};
	const struct berth_volume_wish wish = {
		.name = to,
		.driver = source->driver,
		.options = source->options,
		.labels = source->anonymous ? NULL : source->labels,
		.pending = id,
		.source = source->name,
		.must_be_new = true,
	};
	g_autoptr(berth_volume) volume = berth_engine__volume_ensure(engine, &wish, error);
	if (!volume)
		return false;
	bool done = berth_engine__volume_open(engine, volume, id, &place, error);
	berth_fd new = done ? berth_volume_fill_begin(place.work, error) : -1;
	BERTH_FAILPOINT("volume.clone.begun");
	done = new >= 0 && berth_tree_copy_live(from, new, error) &&
	       berth_volume_fill_finish(place.work, place.data, error) && tell_clone(engine, volume, error);
	BERTH_FAILPOINT("volume.clone.recorded");
	berth_volume_place_clear(&place);
	if (!done)
		berth_engine__volume_remove_locked(engine, to, NULL);
	return done;
}

static bool can_clone(const struct berth_volume *volume, GError **error)
{
	const char *type = volume->options ? g_hash_table_lookup(volume->options, "type") : NULL;

	if (strcmp(volume->driver, berth_volume_local.name) != 0 || !type)
		return true;
	return berth_error_set(error, BERTH_ERROR_CONFLICT,
			       "it is a file system of its own (type %s), and a volume with the same options would be "
			       "the same: make one with other options, and export and import",
			       type);
}

struct api_volume *berth_engine_volume_clone(struct berth_engine *engine, const char *name, const char *to,
					     GError **error)
{
	struct berth_volume_place place = {-1, -1};
	g_autofree char *id = new_id(CLONE_ID), *target_id = new_id(CLONE_ID);
	g_autoptr(berth_volume) volume = NULL;

	if (strcmp(name, to) == 0) {
		berth_error_set(error, BERTH_ERROR_CONFLICT, "clone volume %s: it cannot be its own clone", name);
		return NULL;
	}
	if (!open_held(engine, name, id, &volume, &place, error))
		return NULL;
	bool done = can_clone(volume, error);
	if (done) {
		berth_volume_lock(engine->volumes, to);
		done = copy_to(engine, volume, place.data, to, target_id, error);
		berth_volume_unlock(engine->volumes, to);
	}
	close_held(engine, name, id, &place);
	berth_volumes_release(engine->volumes, target_id, NULL);
	if (done)
		return berth_engine_volume_inspect(engine, to, error);
	g_prefix_error(error, "clone volume %s: ", name);
	return NULL;
}
