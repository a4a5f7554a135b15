// SPDX-License-Identifier: Apache-2.0
// Volumes that are file systems of their own: the options type, device and o of the local driver. Each type has the
// list of the options that it may be given; what the kernel says against one of them is passed on.
#include "volume/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/mount.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define NFS                                                                                                            \
	"addr", "vers", "nfsvers", "minorversion", "proto", "port", "mountport", "mountproto", "mountvers",            \
		"mountaddr", "rsize", "wsize", "bsize", "timeo", "retrans", "acregmin", "acregmax", "acdirmin",        \
		"acdirmax", "actimeo", "namlen", "sec", "clientaddr", "lookupcache", "local_lock", "nconnect",         \
		"max_connect", "trunkdiscovery", "notrunkdiscovery", "soft", "hard", "softerr", "softreval",           \
		"nosoftreval", "intr", "nointr", "ac", "noac", "lock", "nolock", "cto", "nocto", "fsc", "nofsc",       \
		"resvport", "noresvport", "posix", "noposix", "rdirplus", "nordirplus", "sharecache", "nosharecache",  \
		"acl", "noacl", "migration", "nomigration", "sloppy", "tcp", "udp", "rdma", "xprtsec", "write", NULL
#define EXT                                                                                                            \
	"data", "commit", "barrier", "nobarrier", "journal_checksum", "acl", "noacl", "user_xattr", "nouser_xattr",    \
		"errors", "discard", "nodiscard", "resuid", "resgid", "grpid", "nogrpid", "delalloc", "nodelalloc",    \
		"usrquota", "grpquota", "prjquota", "noquota", "stripe", "noload", "lazytime", NULL

static const struct {
	const char *type;
	bool device; // a block device, or what stands for one
	const char *options[64];
} types[] = {
	{"tmpfs", false, {"size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "mpol", "huge", NULL}},
	{"nfs", false, {NFS}},
	{"nfs4", false, {NFS}},
	{"cifs", false, {"addr",        "username", "user",     "password",      "pass",       "domain",
			 "vers",        "uid",      "gid",      "file_mode",     "dir_mode",   "iocharset",
			 "sec",         "port",     "noperm",   "nobrl",         "mfsymlinks", "serverino",
			 "noserverino", "cache",    "forceuid", "forcegid",      "seal",       "rsize",
			 "wsize",       "nounix",   "actimeo",  "guest",         "unc",        "cruid",
			 "nosharesock", "hard",     "soft",     "echo_interval", "credits",    NULL}},
	{"ext2", true, {EXT}},
	{"ext3", true, {EXT}},
	{"ext4", true, {EXT}},
	{"xfs", true, {"discard",  "nodiscard", "inode32",   "inode64",     "largeio",    "nolargeio",
		       "logbufs",  "logbsize",  "allocsize", "noalign",     "norecovery", "nouuid",
		       "prjquota", "pquota",    "usrquota",  "uquota",      "grpquota",   "gquota",
		       "swalloc",  "sunit",     "swidth",    "filestreams", "lazytime",   NULL}},
	{"btrfs", true, {"subvol",     "subvolid",
			 "compress",   "compress-force",
			 "ssd",        "nossd",
			 "discard",    "nodiscard",
			 "autodefrag", "noautodefrag",
			 "commit",     "space_cache",
			 "degraded",   "user_subvol_rm_allowed",
			 "datacow",    "nodatacow",
			 "datasum",    "nodatasum",
			 "acl",        "noacl",
			 NULL}},
	{"f2fs", true, {"discard", "nodiscard", "compress_algorithm", "background_gc", NULL}},
	{"vfat",
	 true,
	 {"uid", "gid", "umask", "dmask", "fmask", "codepage", "iocharset", "shortname", "utf8", "quiet", "flush",
	  "discard", NULL}},
	{"iso9660", true, {"norock", "nojoliet", "uid", "gid", "mode", "dmode", "iocharset", NULL}},
	{"squashfs", true, {"errors", NULL}},
	{"erofs", true, {"user_xattr", "acl", "cache_strategy", NULL}},
	{"none", false, {"bind", "rbind", NULL}}, // a folder of the host
};

// What the mount is told, not the file system.
static const struct {
	const char *name;
	uint64_t set, clear;
} attributes[] = {
	{"ro", MOUNT_ATTR_RDONLY, 0},
	{"rw", 0, MOUNT_ATTR_RDONLY},
	{"nosuid", MOUNT_ATTR_NOSUID, 0},
	{"suid", 0, MOUNT_ATTR_NOSUID},
	{"nodev", MOUNT_ATTR_NODEV, 0},
	{"noexec", MOUNT_ATTR_NOEXEC, 0},
	{"exec", 0, MOUNT_ATTR_NOEXEC},
	{"noatime", MOUNT_ATTR_NOATIME, 0},
	{"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
	{"diratime", 0, MOUNT_ATTR_NODIRATIME},
	{"relatime", MOUNT_ATTR_RELATIME, 0},
	{"strictatime", MOUNT_ATTR_STRICTATIME, 0},
	{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
	{"defaults", 0, 0},
	{"async", 0, 0},
	{"auto", 0, 0},
	{"noauto", 0, 0},
	{"_netdev", 0, 0},
};
// The file system's, of any type.
static const char *const of_all[] = {"sync", "dirsync", "lazytime", NULL};

struct wanted {
	size_t type; // in types
	bool bind, recursive;
	uint64_t attributes;
	GPtrArray *options; // NULL-terminated
};

static const char *option(const struct berth_volume *volume, const char *name)
{
	return g_hash_table_lookup(volume->options, name);
}

static bool find_type(const char *type, size_t *ret, GError **error)
{
	for (*ret = 0; *ret < G_N_ELEMENTS(types); ++*ret)
		if (strcmp(types[*ret].type, type) == 0)
			return true;
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "option type: file system \"%s\" is not one that volumes may be of (tmpfs, nfs, nfs4, "
			       "cifs, ext2, ext3, ext4, xfs, btrfs, f2fs, vfat, iso9660, squashfs, erofs, or none with "
			       "o=bind)",
			       type);
}

static bool add_word(struct wanted *wanted, const char *word, GError **error)
{
	g_autofree char *name = g_strndup(word, strcspn(word, "="));

	if (!*word)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
		if (strcmp(attributes[i].name, word) == 0) {
			wanted->attributes = (wanted->attributes | attributes[i].set) & ~attributes[i].clear;
			return true;
		}
	if (strcmp(types[wanted->type].type, "none") == 0 && g_strv_contains(types[wanted->type].options, word)) {
		wanted->bind = true;
		wanted->recursive = word[0] == 'r';
		return true;
	}
	if (!g_strv_contains(of_all, name) && !g_strv_contains(types[wanted->type].options, name))
		return berth_error_set(error, BERTH_ERROR_INVALID, "option o: \"%s\" is not an option of %s volumes",
				       name, types[wanted->type].type);
	g_ptr_array_add(wanted->options, g_strdup(word));
	return true;
}

static bool read_wanted(const struct berth_volume *volume, struct wanted *wanted, GError **error)
{
	const char *device = option(volume, "device"), *text = option(volume, "o");

	*wanted = (struct wanted){.attributes = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID};
	if (!find_type(option(volume, "type"), &wanted->type, error))
		return false;
	wanted->options = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) words = g_strsplit(text ? text : "", ",", 0);
	for (char **word = words; *word; word++)
		if (!add_word(wanted, *word, error))
			return false;
	bool none = strcmp(types[wanted->type].type, "none") == 0;
	if (none && !wanted->bind)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "option o: type none is for binds: give o=bind (or rbind)");
	if ((none || types[wanted->type].device) && device[0] != '/')
		return berth_error_set(error, BERTH_ERROR_INVALID, "option device: \"%s\" is not an absolute path",
				       device);
	return true;
}

static void wanted_clear(struct wanted *wanted)
{
	if (wanted->options)
		g_ptr_array_unref(wanted->options);
}

bool berth_local__check_mount(const struct berth_volume *volume, GError **error)
{
	__attribute__((cleanup(wanted_clear))) struct wanted wanted = {0};

	return read_wanted(volume, &wanted, error);
}

static const char *find_value(const GPtrArray *options, const char *name)
{
	size_t length = strlen(name);

	for (guint i = 0; i < options->len; i++) {
		const char *text = options->pdata[i];
		if (strncmp(text, name, length) == 0 && text[length] == '=')
			return text + length + 1;
	}
	return NULL;
}

static bool resolve(const char *host, char **ret, GError **error)
{
	struct addrinfo *found = NULL;
	char text[INET6_ADDRSTRLEN];
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	int failure = getaddrinfo(host, NULL, &hints, &found);
	if (failure != 0)
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "option addr: host %s: %s", host,
				       gai_strerror(failure));
	const void *address = found->ai_family == AF_INET6
				      ? (const void *) &((const struct sockaddr_in6 *) found->ai_addr)->sin6_addr
				      : (const void *) &((const struct sockaddr_in *) found->ai_addr)->sin_addr;
	*ret = g_strdup(inet_ntop(found->ai_family, address, text, sizeof text));
	freeaddrinfo(found);
	return true;
}

// The kernel takes an address where mount.nfs(8) takes a name: addr=, or else the device's host.
static bool set_address(struct wanted *wanted, const char *device, GError **error)
{
	const char *type = types[wanted->type].type, *given = find_value(wanted->options, "addr");
	bool nfs = g_str_has_prefix(type, "nfs");
	g_autofree char *address = NULL, *host = g_strdup(given);

	if (!nfs && !(given && strcmp(type, "cifs") == 0))
		return true;
	const char *colon = nfs ? strstr(device, ":/") : NULL;
	if (!host && colon && colon > device)
		host = g_strndup(device, (gsize) (colon - device));
	if (!host)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "option o: addr= is missing, and device names no host (HOST:/PATH)");
	if (host[0] == '[' && g_str_has_suffix(host, "]")) {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	if (!resolve(host, &address, error))
		return false;
	for (guint i = 0; i < wanted->options->len; i++)
		if (g_str_has_prefix(wanted->options->pdata[i], "addr="))
			g_ptr_array_remove_index(wanted->options, i--);
	g_ptr_array_add(wanted->options, g_strconcat("addr=", address, NULL));
	return true;
}

static int bind_folder(const struct wanted *wanted, const char *device, GError **error)
{
	const struct berth_mount_change change = {.set = wanted->attributes, .recursive = wanted->recursive};
	struct stat status;

	if (stat(device, &status) < 0 || !S_ISDIR(status.st_mode)) {
		berth_error_set_errno(error, S_ISDIR(status.st_mode) || errno ? errno : ENOTDIR, "look at %s", device);
		return -1;
	}
	berth_fd tree = berth_mount_clone(AT_FDCWD, device, wanted->recursive, error);
	return tree >= 0 && berth_mount_change(tree, &change, error) ? berth_fd_steal(&tree) : -1;
}

static bool check_device(const char *type, const char *device, GError **error)
{
	struct stat status;

	if (stat(device, &status) < 0)
		return berth_error_set_errno(error, errno, "device %s", device);
	return S_ISBLK(status.st_mode) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "device %s: is no block device, which a file system %s is on (of an image in a file "
			       "losetup(8) makes one)",
			       device, type);
}

static int mount_wanted(struct wanted *wanted, const char *device, GError **error)
{
	const char *type = types[wanted->type].type;

	if (wanted->bind)
		return bind_folder(wanted, device, error);
	if ((types[wanted->type].device && !check_device(type, device, error)) || !set_address(wanted, device, error))
		return -1;
	if (wanted->attributes & MOUNT_ATTR_RDONLY) // the file system, too: it may be on what cannot be written
		g_ptr_array_add(wanted->options, g_strdup("ro"));
	g_ptr_array_add(wanted->options, NULL);
	return berth_mount_new(type, device, (char *const *) wanted->options->pdata, wanted->attributes, error);
}

int berth_local__mount(const struct berth_volume *volume, const char *shown, GError **error)
{
	const char *device = option(volume, "device");
	__attribute__((cleanup(wanted_clear))) struct wanted wanted = {0};

	int tree = read_wanted(volume, &wanted, error) ? mount_wanted(&wanted, device, error) : -1;
	if (tree < 0)
		g_prefix_error(
			error,
			"error while mounting volume '%s': failed to mount local volume: mount %s:%s, type: %s: ",
			volume->name, device, shown, option(volume, "type"));
	return tree;
}
