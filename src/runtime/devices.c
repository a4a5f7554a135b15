// SPDX-License-Identifier: Apache-2.0
// /dev: the default devices and links of the specification, and linux.devices. Nodes are made beneath a descriptor of
// their folder in the root; in a user namespace, where mknod is not allowed, nodes are bound: the host's, cloned by the
// creator, or such that it makes (device-nodes.c). What is there already is used only if it is the device wanted.
#include "runtime/setup.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct oci_device default_devices[] = {
	{(char *) "c", (char *) "/dev/null", 1, 3, 0666, 0, 0},
	{(char *) "c", (char *) "/dev/zero", 1, 5, 0666, 0, 0},
	{(char *) "c", (char *) "/dev/full", 1, 7, 0666, 0, 0},
	{(char *) "c", (char *) "/dev/random", 1, 8, 0666, 0, 0},
	{(char *) "c", (char *) "/dev/urandom", 1, 9, 0666, 0, 0},
	{(char *) "c", (char *) "/dev/tty", 5, 0, 0666, 0, 0},
};

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
};

// A bind mount on /dev brings its own devices.
static bool wanted(const struct berth_setup *setup)
{
	if (setup->joined_namespaces & CLONE_NEWNS)
		return false;
	for (guint i = 0; i < setup->mounts->len; i++) {
		const struct berth_mount_step *step = &g_array_index(setup->mounts, struct berth_mount_step, i);
		g_autofree char *path = g_canonicalize_filename(step->mount->destination, "/");
		if (step->options.bind && g_str_equal(path, "/dev"))
			return false;
	}
	return true;
}

// A device of the configuration takes the place of a default one.
static bool configured(const GPtrArray *devices, const char *path)
{
	for (guint i = 0; devices && i < devices->len; i++) {
		const struct oci_device *device = devices->pdata[i];
		if (g_str_equal(device->path, path))
			return true;
	}
	return false;
}

static GPtrArray *list(const struct berth_setup *setup)
{
	const GPtrArray *devices = setup->section->devices;
	GPtrArray *all = g_ptr_array_new();

	for (size_t i = 0; wanted(setup) && i < G_N_ELEMENTS(default_devices); i++)
		if (!configured(devices, default_devices[i].path))
			g_ptr_array_add(all, (void *) &default_devices[i]);
	for (guint i = 0; !(setup->joined_namespaces & CLONE_NEWNS) && devices && i < devices->len; i++)
		g_ptr_array_add(all, devices->pdata[i]);
	return all;
}

static mode_t node_type(const struct oci_device *device)
{
	switch (*device->type) {
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default:
		return S_IFCHR;
	}
}

static bool is_device(int fd, const struct oci_device *device)
{
	struct stat st;
	mode_t type = node_type(device);

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type &&
	       (type == S_IFIFO || st.st_rdev == makedev((unsigned) device->major, (unsigned) device->minor));
}

// The host's node does for everybody's devices. Others have owners, whose ids mean something else in the container.
static int open_tree_for(const struct berth_setup *setup, const struct oci_device *device, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct stat status;
	berth_fd host = berth_mount_clone(AT_FDCWD, device->path, false, &problem);
	bool right = host >= 0 && is_device(host, device);

	if (right && fstat(host, &status) == 0 && (status.st_mode & 0666) == 0666)
		return berth_fd_steal(&host);
	g_clear_error(&problem);
	int tree = berth_device_node_new(setup, device, node_type(device), &problem);
	if (tree >= 0 || right)
		return tree >= 0 ? tree : berth_fd_steal(&host);
	berth_error_set(error, BERTH_ERROR_INVALID,
			"device %s: the host's is not %s %d:%d, and in a user namespace none can be made: %s",
			device->path, device->type, (int) device->major, (int) device->minor, problem->message);
	return -1;
}

bool berth_devices_prepare(struct berth_setup *setup, GError **error)
{
	if (!((setup->new_namespaces | setup->joined_namespaces) & CLONE_NEWUSER))
		return true;
	g_autoptr(GPtrArray) devices = list(setup);
	for (guint i = 0; i < devices->len; i++) {
		const struct oci_device *device = devices->pdata[i];
		int tree = -1;
		if (node_type(device) != S_IFIFO && (tree = open_tree_for(setup, device, error)) < 0)
			return false;
		g_array_append_val(setup->device_trees, tree);
	}
	return true;
}

const char *berth_devices_path(const struct berth_setup *setup, guint index)
{
	g_autoptr(GPtrArray) devices = list(setup);

	return ((const struct oci_device *) devices->pdata[index])->path;
}

// The umask is 0, so mknod has set the mode.
static bool set_owner(int folder, const char *name, const struct oci_device *device, GError **error)
{
	berth_fd node = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (node < 0 || !is_device(node, device))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "something else took its place");
	if ((device->uid > 0 || device->gid > 0) &&
	    fchownat(node, "", (uid_t) MAX(device->uid, 0), (gid_t) MAX(device->gid, 0), AT_EMPTY_PATH) < 0)
		return berth_error_set_errno(error, errno, "set its owner");
	return true;
}

static bool make_node(int folder, const char *name, const struct oci_device *device, GError **error)
{
	mode_t mode = device->file_mode == BERTH_UNSET ? 0666 : (mode_t) device->file_mode & 07777;
	dev_t number = node_type(device) == S_IFIFO ? 0 : makedev((unsigned) device->major, (unsigned) device->minor);

	if (mknodat(folder, name, node_type(device) | mode, number) == 0)
		return set_owner(folder, name, device, error);
	if (errno != EEXIST)
		return berth_error_set_errno(error, errno, "make it");
	berth_fd there = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (there >= 0 && is_device(there, device))
		return true;
	return berth_error_set(error, BERTH_ERROR_CONFLICT, "the root has something else of that name");
}

static bool bind_node(int folder, const char *name, int tree, GError **error)
{
	berth_fd made = openat(folder, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (made < 0 && errno != EEXIST)
		return berth_error_set_errno(error, errno, "make a file for it");
	berth_fd target = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return berth_error_set_errno(error, errno, "open its file");
	return berth_mount_attach(tree, target, name, error);
}

// Most devices lie in one folder, which is opened once.
struct place {
	char *path;
	int folder;
};

static void place_clear(struct place *place)
{
	g_free(place->path);
	berth_fd_clear(&place->folder);
}

static bool find_place(struct berth_setup *setup, char *path, struct place *place, GError **error)
{
	g_autofree char *parent = path;

	if (place->folder >= 0 && g_str_equal(place->path, parent))
		return true;
	place_clear(place);
	place->path = g_steal_pointer(&parent);
	place->folder = berth_root_make_folder(setup->root, place->path, 0755, error);
	return place->folder >= 0 && berth_mounts_check_place(setup, place->folder, place->path, error);
}

static bool make_device(struct berth_setup *setup, const struct oci_device *device, guint index, struct place *place,
			GError **error)
{
	g_autofree char *path = g_canonicalize_filename(device->path, "/");
	g_autofree char *name = g_path_get_basename(path);
	int tree = index < setup->device_trees->len ? g_array_index(setup->device_trees, int, index) : -1;

	if (!find_place(setup, g_path_get_dirname(path), place, error))
		return false;
	int folder = place->folder;
	if (tree >= 0)
		return bind_node(folder, name, tree, error);
	g_autoptr(GError) problem = NULL;
	if (make_node(folder, name, device, &problem))
		return true;
	// Root of a user namespace that is no new one may make none either.
	if (node_type(device) != S_IFIFO && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_FORBIDDEN)) {
		berth_fd host = berth_mount_clone(AT_FDCWD, device->path, false, NULL);
		if (host >= 0 && is_device(host, device))
			return bind_node(folder, name, host, error);
	}
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

static bool make_link(int dev, const char *name, const char *target, GError **error)
{
	char there[64];

	if (symlinkat(target, dev, name) == 0)
		return true;
	if (errno != EEXIST)
		return berth_error_set_errno(error, errno, "link /dev/%s", name);
	ssize_t n = readlinkat(dev, name, there, sizeof there);
	if (n == (ssize_t) strlen(target) && memcmp(there, target, (size_t) n) == 0)
		return true;
	// Only the terminals' multiplexer must be the container's own; it is beneath our descriptor of its /dev.
	if (!g_str_equal(name, "ptmx"))
		return true;
	if (unlinkat(dev, name, 0) < 0 || symlinkat(target, dev, name) < 0)
		return berth_error_set_errno(error, errno, "link /dev/%s", name);
	return true;
}

static bool make_links(struct berth_setup *setup, GError **error)
{
	berth_fd dev = berth_root_make_folder(setup->root, "/dev", 0755, error);

	if (dev < 0 || !berth_mounts_check_place(setup, dev, "/dev", error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(links); i++)
		if (!make_link(dev, links[i].name, links[i].target, error))
			return false;
	return true;
}

bool berth_devices_make(struct berth_setup *setup, GError **error)
{
	g_autoptr(GPtrArray) devices = list(setup);
	__attribute__((cleanup(place_clear))) struct place place = {NULL, -1};

	for (guint i = 0; i < devices->len; i++) {
		const struct oci_device *device = devices->pdata[i];
		if (!make_device(setup, device, i, &place, error))
			return g_prefix_error(error, "device %s: ", device->path), false;
	}
	return !wanted(setup) || make_links(setup, error);
}

int berth_devices_open_null(const struct berth_setup *setup, int flags, GError **error)
{
	// First without opening the device, since opening what a link leads to can have effects.
	berth_fd found = berth_rootfs_open(setup, "/dev/null", true, error);
	if (found < 0)
		return -1;
	if (!is_device(found, &default_devices[0])) {
		berth_error_set(error, BERTH_ERROR_INVALID, "/dev/null in the root is not the null device");
		return -1;
	}
	if (flags & O_PATH)
		return berth_fd_steal(&found);
	berth_fd null = berth_root_open(setup->root, "/dev/null", flags | O_NOFOLLOW | O_NONBLOCK, 0, error);
	if (null >= 0 && !is_device(null, &default_devices[0])) {
		berth_error_set(error, BERTH_ERROR_INVALID, "/dev/null in the root is not the null device");
		return -1;
	}
	return berth_fd_steal(&null);
}
