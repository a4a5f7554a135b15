// SPDX-License-Identifier: Apache-2.0
// An overlay copies a folder up when its attributes are set, even to what they are: so the folder comes into the
// content, where files are then put without the overlay's help.
#include "build/context/place.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#define LINKS_MAX 40
#define ACL_DEFAULT "system.posix_acl_default"
#define MADE_MODE 0755 // of folders on the way
#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static struct berth_build_place *new_place(struct berth_build_place *up, const char *name, int look, int write)
{
	struct berth_build_place *this = g_new0(struct berth_build_place, 1);

	g_atomic_ref_count_init(&this->references);
	this->up = up ? berth_build_place_ref(up) : NULL;
	this->name = g_strdup(name);
	this->look = look;
	this->write = write;
	this->one = up && up->one;
	return this;
}

struct berth_build_place *berth_build_place_ref(struct berth_build_place *this)
{
	g_atomic_ref_count_inc(&this->references);
	return this;
}

void berth_build_place_unref(struct berth_build_place *this)
{
	while (this && g_atomic_ref_count_dec(&this->references)) {
		struct berth_build_place *up = this->up;
		if (this->touched && !this->made)
			(void) !futimens(this->one ? this->look : this->write, this->times);
		if (!this->one)
			berth_fd_clear(&this->write);
		berth_fd_clear(&this->look);
		g_free(this->name);
		g_free(this);
		this = up;
	}
}

char *berth_build_place_path(const struct berth_build_place *this)
{
	GString *path = g_string_new(NULL);

	for (; this->up; this = this->up) {
		g_string_prepend(path, this->name);
		g_string_prepend_c(path, '/');
	}
	return g_string_free(path, false);
}

static bool read_heritage(struct berth_build_place *this, GError **error)
{
	struct stat status;
	int fd = this->look >= 0 ? this->look : this->write;

	if (fstat(fd, &status) < 0)
		return berth_error_set_errno(error, errno, "look at a folder");
	this->group = (status.st_mode & S_ISGID) != 0;
	this->acl = fgetxattr(fd, ACL_DEFAULT, NULL, 0) > 0;
	return true;
}

struct berth_build_place *berth_build_place_new(int root, int content, GError **error)
{
	berth_fd look = root >= 0 ? openat(root, ".", FOLDER) : -1;
	berth_fd write = content >= 0 ? openat(content, ".", FOLDER) : -1;

	if ((root >= 0 && look < 0) || (content >= 0 && write < 0)) {
		berth_error_set_errno(error, errno, "open the root");
		return NULL;
	}
	g_autoptr(berth_build_place) this = new_place(NULL, "", berth_fd_steal(&look), berth_fd_steal(&write));
	this->one = content < 0;
	if (this->one)
		this->write = this->look;
	return read_heritage(this, error) ? g_steal_pointer(&this) : NULL;
}

static bool is_whiteout(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == 0;
}

bool berth_build_place_look(const struct berth_build_place *this, const char *name, struct stat *ret, GError **error)
{
	if (this->write >= 0) {
		if (fstatat(this->write, name, ret, AT_SYMLINK_NOFOLLOW) == 0)
			return !is_whiteout(ret);
		if (errno != ENOENT)
			return berth_error_set_errno(error, errno, "look at %s", name);
	}
	if (this->one || this->look < 0)
		return false;
	if (fstatat(this->look, name, ret, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	return errno != ENOENT && berth_error_set_errno(error, errno, "look at %s", name);
}

bool berth_build_place_touch(struct berth_build_place *this, GError **error)
{
	struct stat status;

	if (this->touched)
		return true;
	if (fstat(this->look >= 0 ? this->look : this->write, &status) < 0)
		return berth_error_set_errno(error, errno, "look at a folder");
	this->times[0] = status.st_atim;
	this->times[1] = status.st_mtim;
	if (this->write < 0 && !berth_build_place_touch(this->up, error))
		return false;
	if (this->write < 0) {
		if (fchmod(this->look, status.st_mode & 07777) < 0)
			return berth_error_set_errno(error, errno, "bring the folder %s into the layer", this->name);
		this->write = openat(this->up->write, this->name, FOLDER);
		if (this->write < 0)
			return berth_error_set_errno(error, errno, "open the folder %s in the layer", this->name);
	}
	this->touched = true;
	return true;
}

struct berth_build_place *berth_build_place_enter(struct berth_build_place *this, const char *name, GError **error)
{
	berth_fd look = this->look >= 0 ? openat(this->look, name, FOLDER) : -1;
	berth_fd write = -1;

	if (!this->one && this->write >= 0)
		write = openat(this->write, name, FOLDER);
	if (look < 0 && write < 0) {
		berth_error_set_errno(error, errno, "open the folder %s", name);
		return NULL;
	}
	g_autoptr(berth_build_place) child = new_place(this, name, berth_fd_steal(&look), berth_fd_steal(&write));
	if (this->one)
		child->write = child->look;
	return read_heritage(child, error) ? g_steal_pointer(&child) : NULL;
}

struct berth_build_place *berth_build_place_make(struct berth_build_place *this, const char *name, GError **error)
{
	if (!berth_build_place_touch(this, error))
		return NULL;
	if (mkdirat(this->write, name, MADE_MODE) < 0) {
		berth_error_set_errno(error, errno, "mkdir %s", name);
		return NULL;
	}
	berth_fd fd = openat(this->write, name, FOLDER);
	if (fd < 0) {
		berth_error_set_errno(error, errno, "open the folder %s", name);
		return NULL;
	}
	struct berth_build_place *child = this->one ? new_place(this, name, berth_fd_steal(&fd), -1)
						    : new_place(this, name, -1, berth_fd_steal(&fd));
	if (this->one)
		child->write = child->look;
	child->made = child->touched = true;
	child->group = this->group;
	child->acl = this->acl;
	return child;
}

bool berth_build_place_clear(const struct berth_build_place *this, const char *name, GError **error)
{
	return unlinkat(this->write, name, 0) == 0 || errno == ENOENT ||
	       berth_error_set_errno(error, errno, "remove %s", name);
}

static struct berth_build_place *make_on_the_way(struct berth_build_place *place, const char *name,
						 const struct berth_build_place_maker *maker, GError **error)
{
	g_autoptr(berth_build_place) made = berth_build_place_make(place, name, error);

	if (!made)
		return NULL;
	if (made->acl) {
		fremovexattr(made->write, ACL_DEFAULT);
		fremovexattr(made->write, "system.posix_acl_access");
		made->acl = false;
	}
	made->group = false;
	if (fchown(made->write, maker->uid, maker->gid) < 0 || fchmod(made->write, MADE_MODE) < 0) {
		berth_error_set_errno(error, errno, "set owner and mode of the folder %s", name);
		return NULL;
	}
	if (maker->epoch >= 0) { // set again when the place is left, for what comes into it changes it
		made->times[0] = made->times[1] = (struct timespec){maker->epoch, 0};
		made->made = false;
	}
	return g_steal_pointer(&made);
}

static char *read_link(const struct berth_build_place *place, const char *name, GError **error)
{
	char text[PATH_MAX];
	ssize_t length = place->write >= 0 ? readlinkat(place->write, name, text, sizeof text - 1) : -1;

	if (length < 0 && place->look >= 0)
		length = readlinkat(place->look, name, text, sizeof text - 1);
	if (length < 0) {
		berth_error_set_errno(error, errno, "read the link %s", name);
		return NULL;
	}
	return g_strndup(text, (gsize) length);
}

// One component, which is neither "." nor "..". Moves *place, or sets *ret_rest to what is to be walked in its stead
// (a link's text, which is the caller's).
static bool step(struct berth_build_place **place, const char *name, const struct berth_build_place_maker *maker,
		 char **ret_rest, GError **error)
{
	struct stat status;
	GError *failure = NULL;
	struct berth_build_place *next;
	bool there = berth_build_place_look(*place, name, &status, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (there && S_ISLNK(status.st_mode)) {
		*ret_rest = read_link(*place, name, error);
		return *ret_rest != NULL;
	}
	if (there && !S_ISDIR(status.st_mode))
		return berth_error_set(error, BERTH_ERROR_INVALID, "mkdir %s: not a directory", name);
	next = there ? berth_build_place_enter(*place, name, error) : make_on_the_way(*place, name, maker, error);
	if (!next)
		return false;
	berth_build_place_unref(*place);
	*place = next;
	return true;
}

// Takes the first component of *path off; NULL: there is none left.
static char *next_name(char **path)
{
	char *text = *path;

	text += strspn(text, "/");
	if (!*text)
		return NULL;
	size_t length = strcspn(text, "/");
	char *name = g_strndup(text, length), *rest = g_strdup(text + length);
	g_free(*path);
	*path = rest;
	return name;
}

static void go_up(struct berth_build_place **place)
{
	struct berth_build_place *up = (*place)->up;

	if (!up)
		return;
	berth_build_place_ref(up);
	berth_build_place_unref(*place);
	*place = up;
}

// A link in place of the component that was walked. The place goes back to the top for an absolute one.
static bool follow(struct berth_build_place **place, struct berth_build_place *top, char **rest, const char *link,
		   unsigned *links, GError **error)
{
	if (++*links > LINKS_MAX)
		return berth_error_set(error, BERTH_ERROR_INVALID, "too many levels of symbolic links");
	if (*link == '/') {
		berth_build_place_ref(top);
		berth_build_place_unref(*place);
		*place = top;
	}
	char *whole = g_strconcat(link, "/", *rest, NULL);
	g_free(*rest);
	*rest = whole;
	return strlen(whole) <= PATH_MAX || berth_error_set(error, BERTH_ERROR_INVALID, "the path is too long");
}

static bool is_last(const char *rest)
{
	return rest[strspn(rest, "/")] == '\0';
}

// Where the last component is a link, goes on with what it says. *ret_done: it is none, so this is the end.
static bool end_at(struct berth_build_place **place, struct berth_build_place *top, const char *name, char **rest,
		   unsigned *links, bool *ret_done, GError **error)
{
	struct stat status;
	GError *failure = NULL;
	bool there = berth_build_place_look(*place, name, &status, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	*ret_done = !there || !S_ISLNK(status.st_mode);
	if (*ret_done)
		return true;
	g_autofree char *link = read_link(*place, name, error);
	return link && follow(place, top, rest, link, links, error);
}

struct berth_build_place *berth_build_place_reach(struct berth_build_place *top, const char *path, bool whole,
						  const struct berth_build_place_maker *maker, char **ret_name,
						  GError **error)
{
	g_autoptr(berth_build_place) place = berth_build_place_ref(top);
	g_autofree char *rest = g_strdup(path);
	unsigned links = 0;
	char *next;

	if (ret_name)
		*ret_name = NULL;
	while ((next = next_name(&rest))) {
		g_autofree char *name = next, *link = NULL;
		bool done = false;
		if (g_str_equal(name, ".."))
			go_up(&place);
		if (g_str_equal(name, ".") || g_str_equal(name, ".."))
			continue;
		if (!whole && is_last(rest)) {
			if (!end_at(&place, top, name, &rest, &links, &done, error))
				return NULL;
			if (done) {
				*ret_name = g_steal_pointer(&name);
				return g_steal_pointer(&place);
			}
			continue;
		}
		if (!step(&place, name, maker, &link, error) ||
		    (link && !follow(&place, top, &rest, link, &links, error)))
			return NULL;
	}
	return g_steal_pointer(&place);
}
