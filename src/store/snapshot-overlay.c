// SPDX-License-Identifier: Apache-2.0
// The driver over overlayfs: a snapshot's `fs` is a layer of its own, the tree is a mount of all of them. Layers are
// named to the kernel by descriptors (/proc/self/fd/N): no path of any length, no colon to escape.
#include "store/snapshot-internal.h"
#include "store/tree.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

// Deviations from the plain format of layers (links to inodes, data elsewhere, moved folders) stay off, whatever the
// kernel's defaults are: a layer must mean the same to everybody who reads its folder.
static const char *const options[] = {"index=off", "metacopy=off", "redirect_dir=off"};

struct layers {
	int *lower; // descriptors, nearest first
	size_t count;
	int upper, work; // -1: read-only
	int mapped; // the detached mount that all of them lie in, borrowed; -1: they lie in the host's mounts
};

static void layers_clear(struct layers *layers)
{
	for (size_t i = 0; i < layers->count; i++)
		close(layers->lower[i]);
	g_free(layers->lower);
	berth_fd_clear(&layers->upper);
	berth_fd_clear(&layers->work);
}

#define AUTO_LAYERS __attribute__((cleanup(layers_clear))) struct layers

static char *path_of(const char *option, int fd)
{
	return g_strdup_printf("%s/proc/self/fd/%d", option, fd);
}

static int mount_new(const struct layers *layers, GError **error)
{
	uint64_t attributes = layers->upper >= 0 ? 0 : MOUNT_ATTR_RDONLY;
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
		g_ptr_array_add(list, g_strdup(options[i]));
	for (size_t i = 0; i < layers->count; i++)
		g_ptr_array_add(list, path_of("lowerdir+=", layers->lower[i]));
	if (layers->upper >= 0) {
		g_ptr_array_add(list, path_of("upperdir=", layers->upper));
		g_ptr_array_add(list, path_of("workdir=", layers->work));
	}
	g_ptr_array_add(list, NULL);
	return berth_mount_new("overlay", "overlay", (char *const *) list->pdata, attributes, error);
}

// The way of kernels before 6.5, which know no "lowerdir+" and take no more than 255 bytes in "lowerdir": mount(2)
// takes a page. It needs a place to mount on, so this happens on a thread that has a mount namespace to itself; what is
// kept is a detached clone. There a detached mount is attached, too, that layers lie in: before 6.15 overlay takes none
// from such a mount.
struct old_mount {
	const struct layers *layers;
	int fd;
	GError **error;
};

// Overlay takes only layers that lie in the mount namespace of who mounts: opens the descriptor's folder there. (Those
// that lie in a mount which was attached there do so already.)
static bool open_here(int fd, int *ret, GError **error)
{
	g_autofree char *link = path_of("", fd), *path = NULL;

	if (!(path = g_file_read_link(link, error)))
		return false;
	*ret = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret >= 0 || berth_error_set_errno(error, errno, "open the layer %s", path);
}

static bool open_layers_here(const struct layers *from, struct layers *to, GError **error)
{
	for (; to->count < from->count; to->count++)
		if (!open_here(from->lower[to->count], &to->lower[to->count], error))
			return false;
	return from->upper < 0 ||
	       (open_here(from->upper, &to->upper, error) && open_here(from->work, &to->work, error));
}

static char *old_options(const struct layers *layers)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
		g_string_append_printf(text, "%s,", options[i]);
	for (size_t i = 0; i < layers->count; i++)
		g_string_append_printf(text, "%s/proc/self/fd/%d", i ? ":" : "lowerdir=", layers->lower[i]);
	if (layers->upper >= 0)
		g_string_append_printf(text, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d", layers->upper,
				       layers->work);
	return g_string_free(text, FALSE);
}

static bool mount_alone(struct old_mount *call)
{
	AUTO_LAYERS here = {g_new(int, call->layers->count), 0, -1, -1, -1};
	const struct layers *layers = call->layers;

	if (unshare(CLONE_FS | CLONE_NEWNS) < 0)
		return berth_error_set_errno(call->error, errno, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return berth_error_set_errno(call->error, errno, "make the mounts private");
	if (layers->mapped >= 0) {
		berth_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (!berth_mount_attach(layers->mapped, root, "the root", call->error))
			return false;
	} else if (!open_layers_here(layers, &here, call->error)) {
		return false;
	} else {
		layers = &here;
	}
	g_autofree char *text = old_options(layers);
	if (mount("overlay", "/", "overlay", layers->upper >= 0 ? 0 : MS_RDONLY, text) < 0)
		return berth_error_set_errno(call->error, errno, "mount overlay with %s", text);
	berth_fd top = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC); // "/" alone is still what lies beneath
	if (top < 0)
		return berth_error_set_errno(call->error, errno, "open the overlay");
	call->fd = berth_mount_clone(top, "", false, call->error);
	return call->fd >= 0;
}

static void *run_old_mount(void *data)
{
	mount_alone(data);
	return NULL;
}

static int mount_old(const struct layers *layers, GError **error)
{
	struct old_mount call = {layers, -1, error};
	pthread_t thread;
	int failure = pthread_create(&thread, NULL, run_old_mount, &call);

	if (failure) {
		berth_error_set_errno(error, failure, "start a thread that mounts");
		return -1;
	}
	pthread_join(thread, NULL);
	return call.fd;
}

int berth_overlay_old_kernel, berth_overlay_attached_only;

// Whether this failure of mount_new() is the kernel's age: then mount_old() may do, and `*ret` is what to remember.
static bool is_old_kernel(const struct layers *layers, const GError *error, int **ret)
{
	*ret = strstr(error->message, "option lowerdir+") ? &berth_overlay_old_kernel : &berth_overlay_attached_only;
	return *ret == &berth_overlay_old_kernel || layers->mapped >= 0;
}

static int mount_layers(const struct layers *layers, GError **error)
{
	g_autoptr(GError) local = NULL;
	int *old = NULL;

	if (g_atomic_int_get(&berth_overlay_old_kernel) ||
	    (layers->mapped >= 0 && g_atomic_int_get(&berth_overlay_attached_only)))
		return mount_old(layers, error);
	int fd = mount_new(layers, &local);
	if (fd >= 0)
		return fd;
	if (is_old_kernel(layers, local, &old) && (fd = mount_old(layers, error)) >= 0) {
		g_atomic_int_set(old, 1);
		return fd;
	}
	if (error && !*error)
		g_propagate_error(error, g_steal_pointer(&local));
	if (layers->mapped >= 0)
		g_prefix_error(error, "overlay over layers whose ids are mapped (a user namespace of its own needs "
				      "Linux 5.19 for that; --userns host needs none): ");
	return -1;
}

static bool open_layer(int folder, const char *name, int *ret, GError **error)
{
	*ret = openat(folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret >= 0 || berth_error_set_errno(error, errno, "open a layer's folder %s", name);
}

static bool open_layers(const int *folders, size_t count, bool writable, struct layers *layers, GError **error)
{
	size_t i = 0;

	if (writable && (!open_layer(folders[i], "fs", &layers->upper, error) ||
			 !open_layer(folders[i++], "work", &layers->work, error)))
		return false;
	for (; i < count; i++) {
		if (!open_layer(folders[i], "fs", &layers->lower[layers->count], error))
			return false;
		layers->count++;
	}
	// The kernel wants something beneath the topmost folder: the last one's empty `base`.
	if (layers->count < (writable ? 1 : 2)) {
		if (!open_layer(folders[count - 1], "base", &layers->lower[layers->count], error))
			return false;
		layers->count++;
	}
	return true;
}

// The overlay makes files in its upper layer (deletions among them) as who mounts it: that has to be somebody whom the
// map knows. The rights over files, which go with the change, are kept. All of this is the calling thread's alone.
static int mount_as(const struct layers *layers, const struct berth_snapshot_owner *owner, GError **error)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct before[2], raised[2];
	int fd = -1;

	if (syscall(SYS_capget, &header, before) < 0) {
		berth_error_set_errno(error, errno, "ask for the own capabilities");
		return -1;
	}
	memcpy(raised, before, sizeof raised);
	uid_t uid = (uid_t) setfsuid(owner->uid);
	gid_t gid = (gid_t) setfsgid(owner->gid);
	if (syscall(SYS_capset, &header, raised) == 0)
		fd = mount_layers(layers, error);
	else
		berth_error_set_errno(error, errno, "keep the own capabilities");
	setfsuid(uid);
	setfsgid(gid);
	syscall(SYS_capset, &header, before);
	return fd;
}

static int overlay_mount(const int *folders, size_t count, bool writable, const struct berth_snapshot_owner *owner,
			 GError **error)
{
	AUTO_LAYERS layers = {g_new(int, count + 1), 0, -1, -1, owner ? owner->folders : -1};

	if (!open_layers(folders, count, writable, &layers, error))
		return -1;
	return owner ? mount_as(&layers, owner, error) : mount_layers(&layers, error);
}

static bool make_inner(int folder, const char *name, mode_t mode, GError **error)
{
	if (mkdirat(folder, name, mode) < 0)
		return berth_error_set_errno(error, errno, "make a layer's folder %s", name);
	return true;
}

static bool overlay_prepare(int folder, int parent, GError **error)
{
	if (!make_inner(folder, "fs", 0755, error) || !make_inner(folder, "work", 0700, error))
		return false;
	berth_fd fs = openat(folder, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fs < 0)
		return berth_error_set_errno(error, errno, "open a layer's folder");
	// The top folder of the tree is this one.
	if (parent >= 0)
		return berth_tree_copy_attributes(parent, fs, error);
	if (fchmod(fs, 0755) < 0) // whatever the umask is
		return berth_error_set_errno(error, errno, "set the mode of a layer's folder");
	return make_inner(folder, "base", 0755, error);
}

static bool check_whiteouts(int tree, int upper, GError **error)
{
	struct stat status;
	char opaque = 0;

	if (unlinkat(tree, "file", 0) < 0 || unlinkat(tree, "folder", AT_REMOVEDIR) < 0 ||
	    mkdirat(tree, "folder", 0755) < 0)
		return berth_error_set_errno(error, errno, "change files of an overlay");
	if (fstatat(upper, "file", &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != 0)
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "no whiteouts on this file system");
	berth_fd folder = openat(upper, "folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || fgetxattr(folder, "trusted.overlay.opaque", &opaque, 1) != 1 || opaque != 'y')
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED, "no trusted attributes on this file system");
	return true;
}

// Tries it: a mount of two layers, in which deletions must come out as layers keep them.
static bool try_it(int folder, GError **error)
{
	berth_fd lower = -1, upper = -1, file = -1, tree = -1;

	if (!make_inner(folder, "lower", 0700, error) || !make_inner(folder, "upper", 0700, error))
		return false;
	lower = openat(folder, "lower", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	upper = openat(folder, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lower < 0 || upper < 0 || !overlay_prepare(lower, -1, error) || !overlay_prepare(upper, lower, error))
		return false;
	berth_fd content = openat(lower, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (content < 0 || (file = openat(content, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0 ||
	    mkdirat(content, "folder", 0700) < 0)
		return berth_error_set_errno(error, errno, "make files");
	int folders[] = {upper, lower};
	if ((tree = overlay_mount(folders, G_N_ELEMENTS(folders), true, NULL, error)) < 0)
		return false;
	berth_fd top = openat(upper, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return check_whiteouts(tree, top, error);
}

static bool overlay_probe(int folder, GError **error)
{
	if (try_it(folder, error))
		return true;
	g_prefix_error(error, "the overlay driver does not work here (the copy driver does): ");
	return false;
}

const struct berth_snapshot_driver berth_snapshot_overlay = {
	.name = "overlay",
	.whiteouts = BERTH_WHITEOUTS_OVERLAY,
	.probe = overlay_probe,
	.prepare = overlay_prepare,
	.mount = overlay_mount,
	.in_mapped = true,
};
