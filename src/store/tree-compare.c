// SPDX-License-Identifier: Apache-2.0
// What a tree changes against another. Times of folders do not count, as in Docker's diff; a folder is reported as
// modified when its other attributes changed or anything beneath it did.
#include "store/tree.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#define CHUNK (1 << 16)

struct compare {
	const struct berth_snapshot_trees *trees;
	berth_tree_change_fn *each;
	void *data;
};

typedef struct folder folder_t;
struct folder {
	struct folder *above; // NULL: the top
	char *path; // "" is the top's
	unsigned depth;
	struct stat status, base; // in the two trees
	bool reported;
};

static void folder_free(struct folder *folder)
{
	g_free(folder->path);
	g_free(folder);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(folder_t, folder_free)

// A folder is reported before what is beneath it, but only once that is known to be anything.
static bool report_folder(const struct compare *compare, struct folder *folder, enum berth_change change,
			  GError **error)
{
	if (!folder->above || folder->reported)
		return true;
	folder->reported = true;
	return report_folder(compare, folder->above, BERTH_CHANGE_MODIFIED, error) &&
	       compare->each(compare->data, folder->path, change, &folder->status, error);
}

static bool report(const struct compare *compare, struct folder *folder, const char *path, enum berth_change change,
		   const struct stat *status, GError **error)
{
	return report_folder(compare, folder, BERTH_CHANGE_MODIFIED, error) &&
	       compare->each(compare->data, path, change, status, error);
}

static bool add_names(int fd, GHashTable *names, GError **error)
{
	int list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = list_fd < 0 ? NULL : fdopendir(list_fd);

	if (!list) {
		berth_fd_clear(&list_fd);
		return berth_error_set_errno(error, errno, "list a folder");
	}
	for (struct dirent *entry; (errno = 0, entry = readdir(list));)
		if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
			g_hash_table_add(names, g_strdup(entry->d_name));
	int failed = errno;
	closedir(list);
	return !failed || berth_error_set_errno(error, failed, "list a folder");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

// Whether what is missing in this folder of the top tree is missing in the tree.
static bool is_whole(const struct compare *compare, int top)
{
	char opaque = 0;

	return compare->trees->whiteouts == BERTH_WHITEOUTS_DELETE ||
	       (fgetxattr(top, "trusted.overlay.opaque", &opaque, 1) == 1 && opaque == 'y');
}

static bool same_xattrs(int top, int base, const char *name, bool *ret_same, GError **error)
{
	GError *problem = NULL;
	g_autoptr(GHashTable) ours = berth_tree_xattrs(top, name, &problem);
	g_autoptr(GHashTable) theirs = ours ? berth_tree_xattrs(base, name, &problem) : NULL;
	GHashTableIter iter;
	void *key, *value;

	if (!theirs) {
		*ret_same = false;
		if (!g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_propagate_error(error, problem);
			return false;
		}
		g_error_free(problem);
		return true;
	}
	*ret_same = g_hash_table_size(ours) == g_hash_table_size(theirs);
	g_hash_table_iter_init(&iter, ours);
	while (*ret_same && g_hash_table_iter_next(&iter, &key, &value)) {
		GBytes *other = g_hash_table_lookup(theirs, key);
		*ret_same = other && g_bytes_equal(value, other);
	}
	return true;
}

static bool same_status(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return false;
	if (S_ISDIR(a->st_mode))
		return true;
	return a->st_rdev == b->st_rdev && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool touched_before(const struct stat *status, const struct timespec *moment)
{
	return status->st_ctim.tv_sec < moment->tv_sec ||
	       (status->st_ctim.tv_sec == moment->tv_sec && status->st_ctim.tv_nsec < moment->tv_nsec);
}

static bool same_bytes(int top, int base, const char *name, bool *ret_same, GError **error)
{
	g_autofree char *ours = g_malloc(2 * CHUNK);
	char *theirs = ours + CHUNK;
	berth_fd top_fd = berth_open_regular(top, name), base_fd = -1;
	*ret_same = false;
	if (top_fd < 0 && berth_is_gone(errno))
		return true;
	if (top_fd < 0 || (base_fd = berth_open_regular(base, name)) < 0)
		return berth_error_set_errno(error, errno, "open %s to compare it", name);

	for (;;) {
		ssize_t length = berth_read_full(top_fd, ours, CHUNK), other = berth_read_full(base_fd, theirs, CHUNK);
		if (length < 0 || other < 0)
			return berth_error_set_errno(error, errno, "read %s to compare it", name);
		*ret_same = length == other && memcmp(ours, theirs, (size_t) length) == 0;
		if (!*ret_same || length < CHUNK)
			return true;
	}
}

// Of two files whose status is the same.
static bool same_content(const struct compare *compare, int top, int base, const char *name, const struct stat *status,
			 bool *ret_same, GError **error)
{
	*ret_same = true;
	if (compare->trees->copied && touched_before(status, &compare->trees->since))
		return true;
	if (S_ISREG(status->st_mode))
		return same_bytes(top, base, name, ret_same, error);
	if (!S_ISLNK(status->st_mode))
		return true;
	char ours[PATH_MAX], theirs[PATH_MAX];
	ssize_t other = readlinkat(base, name, theirs, PATH_MAX), length = readlinkat(top, name, ours, PATH_MAX);
	if (length < 0 && (berth_is_gone(errno) || errno == EINVAL)) {
		*ret_same = false;
		return true;
	}
	if (length < 0 || other < 0)
		return berth_error_set_errno(error, errno, "read the link %s", name);
	*ret_same = length == other && memcmp(ours, theirs, (size_t) length) == 0;
	return true;
}

// False is an error only without ENOENT: *ret_there tells.
static bool look(int folder, const char *name, struct stat *ret, bool *ret_there, GError **error)
{
	*ret_there = folder >= 0 && fstatat(folder, name, ret, AT_SYMLINK_NOFOLLOW) == 0;
	if (*ret_there || folder < 0 || errno == ENOENT)
		return true;
	return berth_error_set_errno(error, errno, "stat %s", name);
}

static bool compare_folder(const struct compare *compare, struct folder *folder, int top, int base, GError **error);

static bool compare_inner(const struct compare *compare, struct folder *inner, const char *name, int top, int base,
			  GError **error)
{
	berth_fd top_fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), base_fd = -1;
	if (top_fd < 0)
		return berth_is_gone(errno) || berth_error_set_errno(error, errno, "open folder %s", inner->path);
	if (base >= 0 && (base_fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return berth_error_set_errno(error, errno, "open the parent's folder %s", inner->path);
	return compare_folder(compare, inner, top_fd, base_fd, error);
}

static struct folder *folder_new(struct folder *above, const char *name)
{
	struct folder *folder = g_new0(struct folder, 1);

	folder->above = above;
	folder->path = above ? g_strconcat(above->path, "/", name, NULL) : g_strdup("");
	folder->depth = above ? above->depth + 1 : 0;
	return folder;
}

static bool is_skipped(const struct compare *compare, const char *path, bool there)
{
	return !there && compare->trees->skips && compare->trees->skips(path);
}

// What is known of an entry is not kept on the stack, which is small: who makes trees makes deep ones.
static bool compare_entry(const struct compare *compare, struct folder *folder, int top, int base, const char *name,
			  GError **error)
{
	g_autoptr(folder_t) inner = folder_new(folder, name);
	struct stat *ours = &inner->status, *theirs = &inner->base;
	bool here, there, same = false;

	if (!look(top, name, ours, &here, error) || !look(base, name, theirs, &there, error))
		return false;
	if (here && compare->trees->whiteouts == BERTH_WHITEOUTS_OVERLAY && S_ISCHR(ours->st_mode) &&
	    ours->st_rdev == 0)
		here = false;
	if (!here)
		return !there || report(compare, folder, inner->path, BERTH_CHANGE_DELETED, NULL, error);
	if (is_skipped(compare, inner->path, there))
		return true;
	if (there && same_status(ours, theirs)) {
		if (!same_xattrs(top, base, name, &same, error))
			return false;
		if (same && !same_content(compare, top, base, name, ours, &same, error))
			return false;
	}

	enum berth_change change = there ? BERTH_CHANGE_MODIFIED : BERTH_CHANGE_ADDED;
	if (!S_ISDIR(ours->st_mode))
		return same || report(compare, folder, inner->path, change, ours, error);
	return (same || report_folder(compare, inner, change, error)) &&
	       compare_inner(compare, inner, name, top, there && S_ISDIR(theirs->st_mode) ? base : -1, error);
}

static bool compare_folder(const struct compare *compare, struct folder *folder, int top, int base, GError **error)
{
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	if (folder->depth > BERTH_LIMIT_ARCHIVE_DEPTH)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "folders are nested deeper than %d",
				       BERTH_LIMIT_ARCHIVE_DEPTH);
	if (!add_names(top, names, error))
		return false;
	if (base >= 0 && is_whole(compare, top) && !add_names(base, names, error))
		return false;
	guint count;
	g_autofree char **sorted = (char **) g_hash_table_get_keys_as_array(names, &count);
	qsort(sorted, count, sizeof *sorted, by_name);
	for (guint i = 0; i < count; i++)
		if (!compare_entry(compare, folder, top, base, sorted[i], error))
			return false;
	return true;
}

bool berth_tree_compare(const struct berth_snapshot_trees *trees, berth_tree_change_fn *each, void *data,
			GError **error)
{
	struct compare compare = {trees, each, data};
	g_autoptr(folder_t) root = folder_new(NULL, NULL);

	return compare_folder(&compare, root, trees->top, trees->base, error);
}
