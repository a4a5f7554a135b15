// SPDX-License-Identifier: Apache-2.0
// A tree's life, and what is asked of it. The nodes of a snapshot are read folder by folder, when something of them is
// wanted; a snapshot that is mounted here is immutable.
#include "build/context/tree-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/resolve.h"
#include "base/root.h"
#include "store/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#define LINKS_MAX 40 // that one path goes through
#define NAME_BYTES 16 // random ones of a private folder's name
#define CHUNK ((size_t) 128 << 10)

static struct berth_build_tree *make_tree(int folder)
{
	struct berth_build_tree *this = g_new0(struct berth_build_tree, 1);

	g_atomic_ref_count_init(&this->references);
	g_rec_mutex_init(&this->lock);
	this->folder = folder;
	this->work = -1;
	this->top = berth_build_node_new("", S_IFDIR | 0755);
	return this;
}

// As the store does for snapshots: ext4 then puts each context into a block group of its own. Beside one that was
// deleted lately it would look at each inode that went with it, for every new file.
static void mark_as_top(int folder)
{
	int flags;
	berth_fd fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
		flags |= FS_TOPDIR_FL;
		ioctl(fd, FS_IOC_SETFLAGS, &flags); // other file systems have no such flag
	}
}

struct berth_build_tree *berth_build_tree_new(const struct berth_build_tree_options *options, GError **error)
{
	uint8_t bytes[NAME_BYTES];
	g_autoptr(GString) name = g_string_new("context-");

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes) {
		berth_error_set_errno(error, errno, "make a name for the context's folder");
		return NULL;
	}
	for (size_t i = 0; i < sizeof bytes; i++)
		g_string_append_printf(name, "%02x", bytes[i]);
	mark_as_top(options->work);
	if (mkdirat(options->work, name->str, 0700) < 0) {
		berth_error_set_errno(error, errno, "make a folder for the context");
		return NULL;
	}
	berth_fd work = fcntl(options->work, F_DUPFD_CLOEXEC, 3);
	int folder = openat(options->work, name->str, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (work < 0 || folder < 0) {
		berth_error_set_errno(error, errno, "open the context's folder");
		unlinkat(options->work, name->str, AT_REMOVEDIR);
		return NULL;
	}
	struct berth_build_tree *this = make_tree(folder);
	this->work = berth_fd_steal(&work);
	this->name = g_string_free(g_steal_pointer(&name), false);
	this->top->children = NULL;
	this->context = true;
	return this;
}

struct berth_build_tree *berth_build_tree_of(int folder)
{
	struct berth_build_tree *this = make_tree(folder);

	this->inodes =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) berth_build_content_unref);
	return this;
}

struct berth_build_tree *berth_build_tree_empty(void)
{
	struct berth_build_tree *this = make_tree(-1);

	this->context = true;
	return this;
}

struct berth_build_tree *berth_build_tree_of_text(const char *name, GBytes *text)
{
	struct berth_build_tree *this = berth_build_tree_empty();
	struct berth_build_node *node = berth_build_node_new(name, S_IFREG | 0644);
	struct berth_hash *hash = berth_hash_new();
	gsize size;
	const void *data = g_bytes_get_data(text, &size);

	this->text = g_bytes_ref(text);
	node->content = berth_build_content_new();
	node->content->size = (int64_t) size;
	berth_hash_update(hash, data, size);
	berth_hash_digest(hash, node->content->digest);
	clock_gettime(CLOCK_REALTIME, &node->mtime);
	berth_build_node_add(this->top, node);
	return this;
}

struct berth_build_tree *berth_build_tree_ref(struct berth_build_tree *this)
{
	g_atomic_ref_count_inc(&this->references);
	return this;
}

void berth_build_tree_unref(struct berth_build_tree *this)
{
	if (!this || !g_atomic_ref_count_dec(&this->references))
		return;
	berth_fd_clear(&this->folder);
	if (this->name)
		berth_remove_tree_at(this->work, this->name, NULL); // what is left goes when the next builder starts
	berth_fd_clear(&this->work);
	berth_build_node_free(this->top);
	g_clear_pointer(&this->inodes, g_hash_table_unref);
	g_clear_pointer(&this->kept, g_hash_table_unref);
	g_clear_pointer(&this->text, g_bytes_unref);
	g_rec_mutex_clear(&this->lock);
	g_free(this->commit);
	g_free(this->name);
	g_free(this);
}

int berth_build_tree_folder(const struct berth_build_tree *this)
{
	return this->folder;
}

const char *berth_build_tree_commit(const struct berth_build_tree *this)
{
	return this->commit;
}

int berth_build_tree_open_node(const struct berth_build_tree *this, const struct berth_build_node *node, int flags,
			       GError **error)
{
	g_autofree char *path = berth_build_node_path(node);
	const struct open_how how = {
		.flags = (unsigned) (flags | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = berth_resolve(this->folder, *path ? path : ".", &how);

	if (fd < 0)
		berth_error_set_errno(error, errno, "open /%s", path);
	return fd;
}

static struct berth_build_content *content_of(struct berth_build_tree *this, const struct stat *status)
{
	struct berth_build_content *content;
	g_autofree char *key = NULL;

	if (status->st_nlink > 1) {
		key = g_strdup_printf("%ju:%ju", (uintmax_t) status->st_dev, (uintmax_t) status->st_ino);
		if ((content = g_hash_table_lookup(this->inodes, key)))
			return berth_build_content_ref(content);
	}
	content = berth_build_content_new();
	content->size = status->st_size;
	content->shared = key != NULL;
	if (key)
		g_hash_table_insert(this->inodes, g_steal_pointer(&key), berth_build_content_ref(content));
	return content;
}

// A new node of what `name` is in the open folder; NULL without *error for what nobody copies: a socket.
static struct berth_build_node *read_node(struct berth_build_tree *this, int folder, const char *name, GError **error)
{
	struct stat status;
	char target[PATH_MAX];

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		berth_error_set_errno(error, errno, "look at %s", name);
		return NULL;
	}
	if (S_ISSOCK(status.st_mode))
		return NULL;
	if (this->context && ++this->entries > BERTH_LIMIT_CONTEXT_ENTRIES) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the context has more than %d entries",
				BERTH_LIMIT_CONTEXT_ENTRIES);
		return NULL;
	}
	if (this->context && status.st_uid != geteuid() && // who made it lets it go
	    fchownat(folder, name, geteuid(), getegid(), AT_SYMLINK_NOFOLLOW) < 0) {
		berth_error_set_errno(error, errno, "take %s over", name);
		return NULL;
	}
	g_autoptr(berth_build_node) node = berth_build_node_new(name, status.st_mode);
	node->uid = this->context ? 0 : status.st_uid;
	node->gid = this->context ? 0 : status.st_gid;
	node->mtime = status.st_mtim;
	if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
		node->device = status.st_rdev;
	if (S_ISREG(status.st_mode))
		node->content = content_of(this, &status);
	if (S_ISLNK(status.st_mode)) {
		ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
		if (length < 0) {
			berth_error_set_errno(error, errno, "read the link %s", name);
			return NULL;
		}
		node->target = g_strndup(target, (gsize) length);
	}
	g_autoptr(GHashTable) xattrs = berth_tree_xattrs(folder, name, error);
	if (!xattrs)
		return NULL;
	g_hash_table_remove(xattrs, "security.selinux"); // the system's, not the file's
	if (g_hash_table_size(xattrs) > 0)
		node->xattrs = g_steal_pointer(&xattrs);
	return g_steal_pointer(&node);
}

static bool read_children(struct berth_build_tree *this, DIR *folder, GHashTable *children, GError **error)
{
	struct dirent *entry;

	while ((errno = 0, entry = readdir(folder))) {
		GError *failure = NULL;
		if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
			continue;
		struct berth_build_node *child = read_node(this, dirfd(folder), entry->d_name, &failure);
		if (failure) {
			g_propagate_error(error, failure);
			return false;
		}
		if (child)
			g_hash_table_replace(children, child->name, child);
	}
	return errno == 0 || berth_error_set_errno(error, errno, "read a folder");
}

static void free_node(gpointer node)
{
	berth_build_node_free(node);
}

bool berth_build_tree_load(struct berth_build_tree *this, struct berth_build_node *folder, GError **error)
{
	GHashTableIter iterator;
	gpointer child;

	if (folder->children || !this->inodes)
		return true;
	int fd = berth_build_tree_open_node(this, folder, O_RDONLY | O_DIRECTORY, error);
	if (fd < 0)
		return false;
	DIR *stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return berth_error_set_errno(error, errno, "read a folder");
	}
	g_autoptr(GHashTable) children = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_node);
	bool done = read_children(this, stream, children, error);
	closedir(stream);
	if (!done)
		return false;
	g_hash_table_iter_init(&iterator, children);
	while (g_hash_table_iter_next(&iterator, NULL, &child))
		((struct berth_build_node *) child)->parent = folder;
	folder->children = g_steal_pointer(&children);
	return true;
}

bool berth_build_tree_load_all(struct berth_build_tree *this, struct berth_build_node *folder, GError **error)
{
	if (!berth_build_tree_load(this, folder, error))
		return false;
	g_autoptr(GPtrArray) children = berth_build_node_sorted(folder);
	for (guint i = 0; i < children->len; i++) {
		struct berth_build_node *child = children->pdata[i];
		if (S_ISDIR(child->mode) && !berth_build_tree_load_all(this, child, error))
			return false;
	}
	return true;
}

static struct berth_build_node *walk(struct berth_build_tree *this, struct berth_build_node *node, const char *path,
				     bool follow, unsigned *links, GError **error)
{
	g_auto(GStrv) names = g_strsplit(path, "/", -1);

	if (*path == '/')
		node = this->top;
	for (char **name = names; *name; name++) {
		bool last = true;
		if (!**name || g_str_equal(*name, "."))
			continue;
		for (char **next = name + 1; *next && last; next++)
			last = !**next;
		if (g_str_equal(*name, "..")) {
			node = node->parent ? node->parent : node;
			continue;
		}
		if (!S_ISDIR(node->mode) || !berth_build_tree_load(this, node, error))
			return NULL;
		struct berth_build_node *child = berth_build_node_child(node, *name);
		if (child && child->target && (!last || follow)) {
			if (++*links > LINKS_MAX) {
				berth_error_set(error, BERTH_ERROR_INVALID, "%s: too many levels of symbolic links",
						path);
				return NULL;
			}
			child = walk(this, node, child->target, true, links, error);
		}
		if (!child)
			return NULL;
		node = child;
	}
	return node;
}

struct berth_build_node *berth_build_tree_find(struct berth_build_tree *this, const char *path, bool follow,
					       GError **error)
{
	unsigned links = 0;

	return walk(this, this->top, path, follow, &links, error);
}

static GBytes *read_node_bytes(struct berth_build_tree *this, const struct berth_build_node *node, const char *path,
			       size_t limit, GError **error)
{
	size_t length;
	berth_fd fd = berth_build_tree_open_node(this, node, O_RDONLY, error);

	if (fd < 0)
		return NULL;
	char *text = berth_read_fd(fd, limit, &length, path, error);
	return text ? g_bytes_new_take(text, length) : NULL;
}

GBytes *berth_build_tree_read(struct berth_build_tree *this, const char *path, size_t limit, GError **error)
{
	GError *failure = NULL;
	GBytes *bytes = this->kept ? g_hash_table_lookup(this->kept, path) : NULL;

	if (bytes)
		return g_bytes_ref(bytes);
	g_rec_mutex_lock(&this->lock);
	struct berth_build_node *node = berth_build_tree_find(this, path, true, &failure);
	if (node && S_ISREG(node->mode))
		bytes = read_node_bytes(this, node, path, limit, &failure);
	else if (node)
		berth_error_set(&failure, BERTH_ERROR_INVALID, "%s is no regular file", path);
	else if (!failure)
		berth_error_set(&failure, BERTH_ERROR_NOT_FOUND, "%s: no such file or directory", path);
	g_rec_mutex_unlock(&this->lock);
	if (failure)
		g_propagate_error(error, failure);
	return bytes;
}

int berth_build_tree_open_path(struct berth_build_tree *this, const char *path, GError **error)
{
	return berth_root_open(this->folder, *path ? path : ".", O_PATH, 0, error);
}

static bool hash_content(struct berth_build_tree *this, struct berth_build_node *node, GError **error)
{
	struct berth_build_content *content = node->content;
	g_autofree char *buffer = NULL;
	ssize_t length;

	if (*content->digest)
		return true;
	berth_fd fd = berth_build_tree_open_node(this, node, O_RDONLY, error);
	if (fd < 0)
		return false;
	g_autoptr(berth_hash) hash = berth_hash_new();
	buffer = g_malloc(CHUNK);
	while ((length = read(fd, buffer, CHUNK)) > 0)
		berth_hash_update(hash, buffer, (size_t) length);
	if (length < 0)
		return berth_error_set_errno(error, errno, "read %s", node->name);
	berth_hash_digest(g_steal_pointer(&hash), content->digest);
	return true;
}

static void hash_text(struct berth_hash *hash, const char *text)
{
	berth_hash_update(hash, text, strlen(text) + 1);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(a, b);
}

static void hash_xattrs(struct berth_hash *hash, GHashTable *xattrs)
{
	GList *names = xattrs ? g_list_sort(g_hash_table_get_keys(xattrs), by_text) : NULL;

	for (GList *name = names; name; name = name->next) {
		gsize size;
		const void *value = g_bytes_get_data(g_hash_table_lookup(xattrs, name->data), &size);
		g_autofree char *head = g_strdup_printf("xattr %s %zu", (const char *) name->data, size);
		hash_text(hash, head);
		berth_hash_update(hash, value, size);
	}
	g_list_free(names);
}

bool berth_build_tree_node_hash(struct berth_build_tree *this, struct berth_build_node *node, struct berth_hash *hash,
				GError **error)
{
	char head[128];

	if (node->content && !hash_content(this, node, error))
		return false;
	g_snprintf(head, sizeof head, "%o %u:%u %ju", node->mode, node->uid, node->gid, (uintmax_t) node->device);
	hash_text(hash, head);
	hash_text(hash, node->content ? node->content->digest : node->target ? node->target : "");
	hash_xattrs(hash, node->xattrs);
	return true;
}

bool berth_build_tree_node_digest(struct berth_build_tree *this, struct berth_build_node *node,
				  char digest[BERTH_DIGEST_SIZE], GError **error)
{
	g_autoptr(berth_hash) hash = NULL;

	if (S_ISDIR(node->mode) && *node->digest) {
		memcpy(digest, node->digest, BERTH_DIGEST_SIZE);
		return true;
	}
	hash = berth_hash_new();
	if (!berth_build_tree_node_hash(this, node, hash, error))
		return false;
	if (S_ISDIR(node->mode)) {
		if (!berth_build_tree_load(this, node, error))
			return false;
		g_autoptr(GPtrArray) children = berth_build_node_sorted(node);
		for (guint i = 0; i < children->len; i++) {
			struct berth_build_node *child = children->pdata[i];
			char one[BERTH_DIGEST_SIZE];
			if (!berth_build_tree_node_digest(this, child, one, error))
				return false;
			hash_text(hash, child->name);
			hash_text(hash, one);
		}
	}
	berth_hash_digest(g_steal_pointer(&hash), digest);
	if (S_ISDIR(node->mode))
		memcpy(node->digest, digest, BERTH_DIGEST_SIZE);
	return true;
}

char *berth_build_tree_digest(struct berth_build_tree *this, const char *path, GError **error)
{
	char digest[BERTH_DIGEST_SIZE];
	GError *failure = NULL;
	bool done = false;

	g_rec_mutex_lock(&this->lock);
	struct berth_build_node *node = berth_build_tree_find(this, path, true, &failure);
	if (node)
		done = berth_build_tree_node_digest(this, node, digest, &failure);
	else if (!failure)
		berth_error_set(&failure, BERTH_ERROR_NOT_FOUND, "\"%s\": not found", path);
	g_rec_mutex_unlock(&this->lock);
	if (failure)
		g_propagate_error(error, failure);
	return done ? g_strdup(digest) : NULL;
}
