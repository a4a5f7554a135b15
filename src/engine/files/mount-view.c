// SPDX-License-Identifier: Apache-2.0
// A mount namespace belongs to a thread: each of these works in one of its own, which ends behind it.
#include "engine/files/mount-view.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define OWN_NAMESPACE "/proc/thread-self/ns/mnt"
#define PLACE_MODE 0755

static bool run_thread(void *(*work)(void *data), void *data, GError **error)
{
	pthread_t thread;
	int failure = pthread_create(&thread, NULL, work, data);

	if (failure)
		return berth_error_set_errno(error, failure, "start a thread for mounts");
	pthread_join(thread, NULL);
	return true;
}

static bool restrict_view(int root, bool writable, GError **error)
{
	const struct berth_mount_change change = {
		.set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | (writable ? 0 : MOUNT_ATTR_RDONLY),
		.propagation = MS_PRIVATE,
		.recursive = true,
	};

	return berth_mount_change(root, &change, error);
}

struct visit {
	int namespace, own, root, fd;
	bool recursive;
	int failure; // errno
};

// From setns() to setns() the files that this thread sees are the container's: nothing here but system calls.
static void *visit(void *data)
{
	struct visit *this = data;

	this->own = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
	if (this->own < 0 || unshare(CLONE_FS) < 0 || setns(this->namespace, CLONE_NEWNS) < 0) {
		this->failure = errno;
		return NULL;
	}
	this->fd = open_tree(this->root, "",
			     AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				     (this->recursive ? (unsigned) AT_RECURSIVE : 0));
	this->failure = errno;
	setns(this->own, CLONE_NEWNS);
	return NULL;
}

int berth_view_clone(int namespace, int root, bool recursive, bool writable, GError **error)
{
	struct visit this = {namespace, -1, root, -1, recursive, 0};

	if (!run_thread(visit, &this, error))
		return -1;
	berth_fd_clear(&this.own);
	berth_fd view = this.fd;
	if (view < 0)
		berth_error_set_errno(error, this.failure, "clone the container's mounts");
	return view >= 0 && restrict_view(view, writable, error) ? berth_fd_steal(&view) : -1;
}

struct gathering {
	int root;
	const struct berth_view_mount *mounts;
	size_t count;
	bool root_read_only, writable;
	int namespace;
	bool done;
	GError **error;
};

static bool is_folder(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

// What is mounted on must be there, and a folder for a folder.
static int make_place(int root, const char *path, bool folder, GError **error)
{
	int place = berth_root_open(root, path, O_PATH, 0, NULL);

	if (place >= 0)
		return place;
	if (folder)
		return berth_root_make_folder(root, path, PLACE_MODE, error);
	g_autofree char *above = g_path_get_dirname(path), *name = g_path_get_basename(path);
	berth_fd parent = berth_root_make_folder(root, above, PLACE_MODE, error);
	if (parent < 0)
		return -1;
	berth_fd file = openat(parent, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (file < 0 && errno != EEXIST) {
		berth_error_set_errno(error, errno, "make %s in the container", path);
		return -1;
	}
	return berth_root_open(root, path, O_PATH, 0, error);
}

static bool attach(struct gathering *this, const struct berth_view_mount *mount)
{
	static const struct berth_mount_change read_only = {.set = MOUNT_ATTR_RDONLY, .recursive = true};
	berth_fd place = make_place(this->root, mount->path, is_folder(mount->fd), this->error);

	return place >= 0 && (!mount->read_only || berth_mount_change(mount->fd, &read_only, this->error)) &&
	       berth_mount_attach(mount->fd, place, mount->path, this->error);
}

// Leaves nothing in the namespace but the container's mounts, so that it does not hold the host's. A host whose root is
// the first file system of all cannot be left; then they stay for as long as the view is needed.
static void leave_host(int root)
{
	if (fchdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0)
		umount2(".", MNT_DETACH);
}

static bool gather(struct gathering *this)
{
	static const struct berth_mount_change root_read_only = {.set = MOUNT_ATTR_RDONLY};

	if (unshare(CLONE_FS | CLONE_NEWNS) < 0)
		return berth_error_set_errno(this->error, errno, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return berth_error_set_errno(this->error, errno, "make its mounts private");
	berth_fd place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	this->namespace = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
	if (place < 0 || this->namespace < 0)
		return berth_error_set_errno(this->error, errno, "open the mount namespace");
	if (!berth_mount_attach(this->root, place, "/", this->error))
		return false;
	for (size_t i = 0; i < this->count; i++)
		if (this->mounts[i].fd >= 0 && !attach(this, &this->mounts[i]))
			return false;
	if ((this->root_read_only && !berth_mount_change(this->root, &root_read_only, this->error)) ||
	    !restrict_view(this->root, this->writable, this->error))
		return false;
	leave_host(this->root);
	return true;
}

static void *gather_alone(void *data)
{
	struct gathering *this = data;
	berth_fd own = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);

	this->done = gather(this);
	if (own >= 0)
		setns(own, CLONE_NEWNS);
	return NULL;
}

bool berth_view_gather(int root, const struct berth_view_mount *mounts, size_t count, bool root_read_only,
		       bool writable, int *ret_namespace, GError **error)
{
	struct gathering this = {root, mounts, count, root_read_only, writable, -1, false, error};

	if (!run_thread(gather_alone, &this, error))
		return false;
	*ret_namespace = this.namespace;
	if (!this.done)
		berth_fd_clear(ret_namespace);
	return this.done;
}
