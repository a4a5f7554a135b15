// SPDX-License-Identifier: Apache-2.0
// Attributes of files, for copying and comparing.
#include "store/tree.h"

#include "base/error.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

// xattr calls know no "at": the folder's descriptor becomes a path. The last component is never followed.
static char *path_of(int folder, const char *name)
{
	return g_strdup_printf("/proc/self/fd/%d/%s", folder, name);
}

// Of an open file (`fd`), or where that is -1 by path.
static ssize_t list_names(int fd, const char *path, char *names, size_t size)
{
	return fd >= 0 ? flistxattr(fd, names, size) : llistxattr(path, names, size);
}

static GBytes *read_value(int fd, const char *path, const char *name)
{
	g_autofree char *value = g_malloc(BERTH_LIMIT_XATTR_BYTES);
	ssize_t size = fd >= 0 ? fgetxattr(fd, name, value, BERTH_LIMIT_XATTR_BYTES)
			       : lgetxattr(path, name, value, BERTH_LIMIT_XATTR_BYTES);

	return size < 0 ? NULL : g_bytes_new(value, (gsize) size);
}

static GHashTable *read_all(int fd, const char *path, const char *name, GError **error)
{
	g_autoptr(GHashTable) table =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
	g_autofree char *names = NULL;
	ssize_t size = list_names(fd, path, NULL, 0);

	if (size > 0) {
		names = g_malloc(BERTH_LIMIT_XATTR_BYTES);
		size = list_names(fd, path, names, BERTH_LIMIT_XATTR_BYTES);
	}
	if (size < 0 && errno != EOPNOTSUPP) {
		berth_error_set_errno(error, errno, "list the extended attributes of %s", name);
		return NULL;
	}
	for (const char *at = names; size > 0 && at < names + size; at += strlen(at) + 1) {
		if (g_str_has_prefix(at, "trusted.overlay."))
			continue;
		GBytes *value = read_value(fd, path, at);
		if (!value && errno == ENODATA) // removed meanwhile
			continue;
		if (!value) {
			berth_error_set_errno(error, errno, "read the extended attribute %s of %s", at, name);
			return NULL;
		}
		g_hash_table_insert(table, g_strdup(at), value);
	}
	return g_steal_pointer(&table);
}

GHashTable *berth_tree_xattrs(int folder, const char *name, GError **error)
{
	g_autofree char *path = path_of(folder, name);

	return read_all(-1, path, name, error);
}

GHashTable *berth_tree_file_xattrs(int fd, const char *name, GError **error)
{
	return read_all(fd, NULL, name, error);
}
