// SPDX-License-Identifier: Apache-2.0
#include "base/resolve.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

// The kernel answers EAGAIN when something in the tree was renamed while it looked; a hostile container can keep that
// up.
#define RACE_ATTEMPTS 128
#define LINKS_MAX 40 // as the kernel has it
#define GO_ON (-2) // no descriptor yet

struct walk {
	const struct open_how *how;
	GArray *folders; // of int: the start, and the folders that lead to where the walk is
	dev_t device; // of the start
	char *path; // malloced
	const char *rest; // what of it is still to be walked
	unsigned links; // followed, and attempts lost to a race
};

static int top(const struct walk *walk)
{
	return g_array_index(walk->folders, int, walk->folders->len - 1);
}

static int fail(int errnum)
{
	errno = errnum;
	return -1;
}

// Links whose text is no path: those of descriptors, programs and namespaces.
static bool is_magic(int link, const char *text)
{
	struct statfs fs;

	return fstatfs(link, &fs) < 0 ||
	       (fs.f_type == PROC_SUPER_MAGIC && (*text == '/' || *text == '(' || strchr(text, ':')));
}

// To the start, as "/" does. 0 or -1 with errno.
static int restart(struct walk *walk)
{
	if (!(walk->how->resolve & RESOLVE_IN_ROOT))
		return fail(EXDEV);
	g_array_set_size(walk->folders, 1);
	return 0;
}

static int step_up(struct walk *walk)
{
	if (walk->folders->len > 1)
		g_array_set_size(walk->folders, walk->folders->len - 1);
	else if (!(walk->how->resolve & RESOLVE_IN_ROOT))
		return fail(EXDEV);
	return 0;
}

// Puts the link's text before what is left. 0 or -1 with errno.
static int follow(struct walk *walk, int link)
{
	char text[PATH_MAX];

	if (walk->how->resolve & RESOLVE_NO_SYMLINKS || ++walk->links > LINKS_MAX)
		return fail(ELOOP);
	ssize_t n = readlinkat(link, "", text, sizeof text - 1);
	if (n <= 0)
		return n < 0 ? -1 : fail(ENOENT);
	text[n] = 0;
	if (is_magic(link, text))
		return fail(ELOOP);
	if (*text == '/' && restart(walk) < 0)
		return -1;
	char *whole = g_strconcat(text, walk->rest, NULL); // the rest is empty or begins with a slash
	g_free(walk->path);
	walk->rest = walk->path = whole;
	return strlen(whole) < PATH_MAX ? 0 : fail(ENAMETOOLONG);
}

// Opens the last component, of which `found` (-1: nothing is there) has shown that no link is to be followed.
static int open_last(struct walk *walk, const char *name, int *found, const struct stat *st)
{
	int flags = (int) walk->how->flags | O_CLOEXEC;

	if (flags & O_PATH && *found >= 0)
		return flags & O_DIRECTORY && !S_ISDIR(st->st_mode) ? fail(ENOTDIR) : berth_fd_steal(found);
	return openat(top(walk), name, flags | O_NOFOLLOW, (mode_t) walk->how->mode);
}

// One name that is neither "." nor "..". Returns the descriptor if it was the last one, GO_ON, or -1 with errno.
static int step_down(struct walk *walk, const char *name, bool last)
{
	bool slash = *walk->rest;
	bool link_wanted = last && !slash && walk->how->flags & O_NOFOLLOW;
	berth_fd found = openat(top(walk), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st = {0};

	if (found < 0 && !(errno == ENOENT && last && walk->how->flags & O_CREAT))
		return -1;
	if (found < 0 && slash)
		return fail(EISDIR);
	if (found >= 0 && fstat(found, &st) < 0)
		return -1;
	if (S_ISLNK(st.st_mode) && !link_wanted)
		return follow(walk, found) < 0 ? -1 : GO_ON;
	if (found >= 0 && walk->how->resolve & RESOLVE_NO_XDEV && st.st_dev != walk->device)
		return fail(EXDEV);
	if (found >= 0 && (!last || slash) && !S_ISDIR(st.st_mode))
		return fail(ENOTDIR);
	if (last)
		return open_last(walk, name, &found, &st);
	int folder = berth_fd_steal(&found);
	g_array_append_val(walk->folders, folder);
	return GO_ON;
}

// Takes the first name off what is left. Returns as step_down() does.
static int step(struct walk *walk)
{
	const char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");
	g_autofree char *name = g_strndup(start, length);
	bool last = start[length + strspn(start + length, "/")] == 0;

	walk->rest = start + length;
	if (*name && !g_str_equal(name, ".") && !g_str_equal(name, "..")) {
		int fd = step_down(walk, name, last);
		if (fd >= 0 || !last || errno != ELOOP || walk->how->flags & O_NOFOLLOW || ++walk->links > LINKS_MAX)
			return fd;
		walk->rest = start; // someone has put a link there just now: look again
		return GO_ON;
	}
	if (g_str_equal(name, "..") && step_up(walk) < 0)
		return -1;
	return last ? openat(top(walk), ".", (int) walk->how->flags | O_CLOEXEC, (mode_t) walk->how->mode) : GO_ON;
}

static int walk_from(int dir_fd, const char *path, const struct open_how *how)
{
	g_autoptr(GArray) folders = g_array_new(FALSE, FALSE, sizeof(int));
	struct walk walk = {.how = how, .folders = folders, .path = g_strdup(path)};
	int start = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = GO_ON;
	struct stat st;

	walk.rest = walk.path;
	g_array_set_clear_func(folders, (GDestroyNotify) berth_fd_clear);
	if (start < 0 || fstat(start, &st) < 0 || !*path || strlen(path) >= PATH_MAX)
		fd = start < 0 ? -1 : fail(*path ? ENAMETOOLONG : ENOENT);
	if (start >= 0)
		g_array_append_val(folders, start);
	walk.device = start < 0 ? 0 : st.st_dev;
	if (fd == GO_ON && *path == '/' && restart(&walk) < 0)
		fd = -1;
	while (fd == GO_ON)
		fd = step(&walk);
	int saved = errno;
	g_free(walk.path);
	errno = saved;
	return fd;
}

int berth_resolve(int dir_fd, const char *path, const struct open_how *how)
{
	struct open_how wanted = *how;

	wanted.flags |= O_CLOEXEC;
	for (int i = 0; i < RACE_ATTEMPTS; i++) {
		int fd = (int) syscall(SYS_openat2, dir_fd, path, &wanted, sizeof wanted);
		if (fd < 0 && errno == ENOSYS)
			return walk_from(dir_fd, path, how);
		if (fd >= 0 || errno != EAGAIN)
			return fd;
	}
	return -1;
}
