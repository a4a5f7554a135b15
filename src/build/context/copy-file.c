// SPDX-License-Identifier: Apache-2.0
// The order of attributes matters: a change of owner takes set-user-id bits and capabilities away, and everything
// changes times.
#include "build/context/copy-file.h"
#include "build/context/owner.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define CHUNK ((size_t) 128 << 10)
#define SMALL ((int64_t) 64 << 10) // up to which a file is copied through memory at once
#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define PERMISSIONS 07777

static mode_t mode_of(const struct berth_build_making *this, const struct berth_build_node *node)
{
	return this->copied->chmod ? berth_build_mode_apply(this->copied->chmod, node->mode) : node->mode & PERMISSIONS;
}

// Whether what was made as root's, in `place`, has to be given to someone.
static bool owner_of(const struct berth_build_making *this, const struct berth_build_place *place,
		     const struct berth_build_node *node, uid_t *ret_uid, gid_t *ret_gid)
{
	*ret_uid = this->copied->owned ? this->copied->uid : node->uid;
	*ret_gid = this->copied->owned ? this->copied->gid : node->gid;
	return *ret_uid || *ret_gid || place->group;
}

static struct timespec time_of(const struct berth_build_making *this, const struct berth_build_node *node)
{
	if (this->copied->epoch >= 0 && node->mtime.tv_sec >= this->copied->epoch)
		return (struct timespec){this->copied->epoch, 0};
	return node->mtime;
}

bool berth_build_node_fits(const struct berth_build_making *this, const struct berth_build_node *node)
{
	struct timespec time = time_of(this, node);

	return this->linking && this->piece->tree->context && this->copied->uid == 0 && this->copied->gid == 0 &&
	       mode_of(this, node) == (node->mode & PERMISSIONS) && time.tv_sec == node->mtime.tv_sec &&
	       time.tv_nsec == node->mtime.tv_nsec;
}

// True: it is done. False without *error: it has to be copied.
static bool link_source(struct berth_build_making *this, struct berth_build_place *place, const char *name, int source,
			struct berth_build_node *node, GError **error)
{
	if (source < 0 || !node->content || !berth_build_node_fits(this, node) ||
	    !g_atomic_int_compare_and_exchange(&node->content->linked, 0, 1))
		return false;
	// A second name would have to be removed again.
	if (this->moving && !node->content->shared &&
	    renameat2(source, node->name, place->write, name, RENAME_NOREPLACE) == 0)
		return true;
	if (linkat(source, node->name, place->write, name, 0) == 0)
		return true;
	if (errno != EXDEV && errno != EMLINK && errno != EPERM)
		berth_error_set_errno(error, errno, "link %s into the layer", name);
	return false;
}

// A further name of a file that this piece has brought already.
static bool link_again(struct berth_build_making *this, struct berth_build_place *top, struct berth_build_place *place,
		       const char *name, struct berth_build_node *node, bool *ret_done, GError **error)
{
	const char *first =
		node->content && node->content->shared ? g_hash_table_lookup(this->links, node->content) : NULL;

	*ret_done = false;
	if (!first)
		return true;
	*ret_done = linkat(top->write, first, place->write, name, 0) == 0;
	return *ret_done || errno == EMLINK || berth_error_set_errno(error, errno, "link %s to /%s", name, first);
}

static void remember(struct berth_build_making *this, const struct berth_build_place *place, const char *name,
		     struct berth_build_node *node)
{
	g_autofree char *folder = NULL;

	if (!node->content || !node->content->shared)
		return;
	folder = berth_build_place_path(place);
	g_hash_table_replace(this->links, node->content,
			     g_strdup_printf("%s%s%s", *folder ? folder + 1 : "", *folder ? "/" : "", name));
}

static bool write_all(struct berth_build_making *this, int from, int to, int64_t size, GError **error)
{
	if (!this->buffer)
		this->buffer = g_malloc(CHUNK);
	while (size > 0) {
		ssize_t length = read(from, this->buffer, (size_t) MIN(size, (int64_t) CHUNK));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return berth_error_set_errno(error, errno, "read");
		if (length == 0)
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "it is shorter than it was");
		if (!berth_write_all(to, this->buffer, (size_t) length, "the file", error))
			return false;
		size -= length;
	}
	return true;
}

// From where both stand. *ret_left of it could not be copied inside the kernel.
static bool copy_range(int from, int to, int64_t size, int64_t *ret_left, GError **error)
{
	while (size > 0) {
		ssize_t length = copy_file_range(from, NULL, to, NULL, (size_t) MIN(size, (int64_t) 1 << 30), 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0 &&
		    (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS || length == 0))
			break;
		if (length < 0)
			return berth_error_set_errno(error, errno, "copy");
		size -= length;
	}
	*ret_left = size;
	return true;
}

// Parts that hold data, so that holes stay holes.
static bool copy_large(struct berth_build_making *this, int from, int to, int64_t size, GError **error)
{
	off_t data = 0, end;

	while (data < size && (data = lseek(from, data, SEEK_DATA)) >= 0) {
		int64_t left = 0;
		end = lseek(from, data, SEEK_HOLE);
		if (end < 0 || lseek(from, data, SEEK_SET) < 0 || lseek(to, data, SEEK_SET) < 0)
			return berth_error_set_errno(error, errno, "look for holes");
		if (!copy_range(from, to, end - data, &left, error) || !write_all(this, from, to, left, error))
			return false;
		data = end;
	}
	if (data < 0 && errno != ENXIO)
		return berth_error_set_errno(error, errno, "look for holes");
	return ftruncate(to, size) == 0 || berth_error_set_errno(error, errno, "set its size");
}

static bool copy_content(struct berth_build_making *this, int source, const struct berth_build_node *node, int to,
			 GError **error)
{
	int64_t size = node->content->size;

	if (this->piece->tree->text) {
		gsize length;
		const void *data = g_bytes_get_data(this->piece->tree->text, &length);
		return berth_write_all(to, data, length, "the file", error);
	}
	berth_fd from = openat(source, node->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return berth_error_set_errno(error, errno, "open %s", node->name);
	return size <= SMALL ? write_all(this, from, to, size, error) : copy_large(this, from, to, size, error);
}

static bool make_regular(struct berth_build_making *this, struct berth_build_place *place, const char *name, int source,
			 const struct berth_build_node *node, GError **error)
{
	struct timespec time = time_of(this, node);
	const struct timespec times[2] = {time, time};
	uid_t uid;
	gid_t gid;
	berth_fd fd = openat(place->write, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "make %s", name);
	if (!copy_content(this, source, node, fd, error)) {
		g_prefix_error(error, "copy %s: ", name);
		return false;
	}
	if (owner_of(this, place, node, &uid, &gid) && fchown(fd, uid, gid) < 0)
		return berth_error_set_errno(error, errno, "set the owner of %s", name);
	if (place->acl)
		fremovexattr(fd, ACL_ACCESS);
	if (!berth_build_node_set_xattrs(node, fd, NULL, error))
		return false;
	if (fchmod(fd, mode_of(this, node)) < 0)
		return berth_error_set_errno(error, errno, "set the mode of %s", name);
	return futimens(fd, times) == 0 || berth_error_set_errno(error, errno, "set the times of %s", name);
}

static bool make_special(struct berth_build_making *this, struct berth_build_place *place, const char *name,
			 const struct berth_build_node *node, GError **error)
{
	struct timespec time = time_of(this, node);
	const struct timespec times[2] = {time, time};
	uid_t uid;
	gid_t gid;
	int result = node->target ? symlinkat(node->target, place->write, name)
				  : mknodat(place->write, name, (node->mode & S_IFMT) | 0600, node->device);

	if (result < 0)
		return berth_error_set_errno(error, errno, "make %s", name);
	if (owner_of(this, place, node, &uid, &gid) && fchownat(place->write, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return berth_error_set_errno(error, errno, "set the owner of %s", name);
	// Nobody else is in the snapshot: what was made is still what `name` is.
	if (!node->target && fchmodat(place->write, name, mode_of(this, node), 0) < 0)
		return berth_error_set_errno(error, errno, "set the mode of %s", name);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", place->write, name);
	if (!berth_build_node_set_xattrs(node, -1, path, error))
		return false;
	return utimensat(place->write, name, times, AT_SYMLINK_NOFOLLOW) == 0 ||
	       berth_error_set_errno(error, errno, "set the times of %s", name);
}

static struct berth_build_place *top_of(struct berth_build_place *place)
{
	while (place->up)
		place = place->up;
	return place;
}

bool berth_build_make_file(struct berth_build_making *this, struct berth_build_place *place, const char *name,
			   int source, struct berth_build_node *node, GError **error)
{
	GError *failure = NULL;
	bool done;

	if (!link_again(this, top_of(place), place, name, node, &done, error))
		return false;
	if (!done)
		done = link_source(this, place, name, source, node, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!done && !(node->content ? make_regular(this, place, name, source, node, error)
				     : make_special(this, place, name, node, error)))
		return false;
	remember(this, place, name, node);
	return true;
}

bool berth_build_make_attributes(struct berth_build_making *this, struct berth_build_place *place,
				 const struct berth_build_node *node, GError **error)
{
	int fd = place->write;
	uid_t uid;
	gid_t gid;

	if (place->made && place->acl) {
		fremovexattr(fd, ACL_ACCESS);
		fremovexattr(fd, ACL_DEFAULT);
	}
	if ((owner_of(this, place, node, &uid, &gid) || !place->made) && fchown(fd, uid, gid) < 0)
		return berth_error_set_errno(error, errno, "set the owner of the folder %s", node->name);
	if (!berth_build_node_set_xattrs(node, fd, NULL, error))
		return false;
	if (fchmod(fd, mode_of(this, node)) < 0)
		return berth_error_set_errno(error, errno, "set the mode of the folder %s", node->name);
	place->times[0] = place->times[1] = time_of(this, node); // when it is left
	place->made = false;
	return true;
}
