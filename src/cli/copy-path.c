// SPDX-License-Identifier: Apache-2.0
#include "cli/copy-path.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 10

void berth_copy_end_clear(struct berth_copy_end *end)
{
	g_clear_pointer(&end->path, g_free);
	g_clear_pointer(&end->rebase, g_free);
}

void berth_copy_plan_clear(struct berth_copy_plan *plan)
{
	g_clear_pointer(&plan->folder, g_free);
	g_clear_pointer(&plan->from, g_free);
	g_clear_pointer(&plan->to, g_free);
}

char *berth_copy_clean(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();
	bool absolute = *path == '/';

	for (char **part = parts; *part; part++) {
		if (!**part || strcmp(*part, ".") == 0)
			continue;
		bool up = strcmp(*part, "..") == 0;
		if (up && kept->len > 0 && strcmp(kept->pdata[kept->len - 1], "..") != 0)
			g_ptr_array_set_size(kept, (gint) kept->len - 1);
		else if (!up || !absolute)
			g_ptr_array_add(kept, *part);
	}
	g_ptr_array_add(kept, NULL);
	g_autofree char *joined = g_strjoinv("/", (char **) kept->pdata);
	return absolute ? g_strconcat("/", joined, NULL) : *joined ? g_steal_pointer(&joined) : g_strdup(".");
}

static bool is_content(const char *path)
{
	return strcmp(path, ".") == 0 || g_str_has_suffix(path, "/.");
}

static bool has_slash(const char *path)
{
	return g_str_has_suffix(path, "/");
}

// With the end that `original` has.
static char *keep_end(char *clean, const char *original)
{
	const char *end = is_content(original) ? "/." : has_slash(original) ? "/" : "";
	bool root = strcmp(clean, "/") == 0;

	if (!*end || (root && strcmp(end, "/") == 0))
		return clean;
	char *kept = g_strconcat(root ? "" : clean, end, NULL);
	g_free(clean);
	return kept;
}

void berth_copy_split(const char *path, char **ret_folder, char **ret_base)
{
	g_autofree char *clean = berth_copy_clean(path);

	if (is_content(path)) {
		*ret_folder = g_steal_pointer(&clean);
		*ret_base = g_strdup(".");
		return;
	}
	*ret_folder = g_path_get_dirname(clean);
	*ret_base = g_path_get_basename(clean);
}

char *berth_copy_absolute(const char *path)
{
	g_autofree char *here = g_get_current_dir();
	g_autofree char *joined = *path == '/' ? g_strdup(path) : g_strconcat(here, "/", path, NULL);

	return keep_end(berth_copy_clean(joined), path);
}

static char *base_name(const char *path) // of "/a/." it is "."
{
	return is_content(path) ? g_strdup(".") : g_path_get_basename(path);
}

void berth_copy_rebase(const char *path, const char *resolved, char **ret_path, char **ret_rebase)
{
	g_autofree char *name = base_name(path);

	*ret_path = keep_end(berth_copy_clean(resolved), path);
	g_autofree char *other = base_name(*ret_path);
	*ret_rebase = strcmp(name, other) != 0 ? g_steal_pointer(&name) : NULL;
}

static bool resolve(const char *path, char **ret, GError **error)
{
	char *real = realpath(path, NULL);

	if (!real)
		return berth_error_set_errno(error, errno, "lstat %s", path);
	*ret = g_strdup(real);
	free(real);
	return true;
}

// Links above the last part lead where they lead; the last part itself is not followed, unless a slash stands behind
// it.
static bool resolve_parent(const char *path, struct berth_copy_end *ret, GError **error)
{
	const char *slash = strrchr(path, '/');
	g_autofree char *folder = g_strndup(path, (gsize) (slash - path) + 1), *real = NULL;

	if (!resolve(folder, &real, error))
		return false;
	ret->path = g_strconcat(strcmp(real, "/") == 0 ? "" : real, slash, NULL);
	if (has_slash(path)) {
		g_autofree char *name = base_name(path), *other = base_name(ret->path);
		ret->rebase = strcmp(name, other) != 0 ? g_steal_pointer(&name) : NULL;
	}
	return true;
}

bool berth_copy_source(const char *path, bool follow, struct berth_copy_end *ret, GError **error)
{
	struct stat status;

	*ret = (struct berth_copy_end){.exists = true};
	if (follow) {
		g_autofree char *real = NULL;
		if (!resolve(path, &real, error))
			return false;
		berth_copy_rebase(path, real, &ret->path, &ret->rebase);
	} else if (!resolve_parent(path, ret, error)) {
		return false;
	}
	if (lstat(ret->path, &status) < 0)
		return berth_error_set_errno(error, errno, "lstat %s", path);
	ret->folder = S_ISDIR(status.st_mode);
	return true;
}

static char *read_link(const char *path)
{
	g_autofree char *folder = NULL, *base = NULL;
	char *target = g_file_read_link(path, NULL);

	if (!target || *target == '/')
		return target;
	berth_copy_split(path, &folder, &base);
	g_autofree char *joined = g_build_filename(folder, target, NULL);
	g_free(target);
	return berth_copy_clean(joined);
}

static bool check_parent(const char *path, GError **error)
{
	g_autofree char *folder = NULL, *base = NULL;
	struct stat status;

	berth_copy_split(path, &folder, &base);
	if (stat(folder, &status) < 0)
		return berth_error_set_errno(error, errno, "stat %s", folder);
	return S_ISDIR(status.st_mode) || berth_error_set(error, BERTH_ERROR_INVALID, "not a directory");
}

bool berth_copy_destination(const char *path, struct berth_copy_end *ret, GError **error)
{
	g_autofree char *at = g_strdup(path);
	struct stat status;
	int result = lstat(at, &status);

	*ret = (struct berth_copy_end){0};
	for (int i = 0; result == 0 && S_ISLNK(status.st_mode); i++) {
		if (i > LINKS_MAX)
			return berth_error_set(error, BERTH_ERROR_INVALID, "too many symlinks in %s", path);
		char *next = read_link(at);
		if (!next)
			return berth_error_set_errno(error, errno, "readlink %s", at);
		g_free(at);
		at = next;
		result = lstat(at, &status);
	}
	if (result < 0 && errno != ENOENT)
		return berth_error_set_errno(error, errno, "lstat %s", at);
	if (result < 0 && !check_parent(at, error))
		return false;
	ret->exists = result == 0;
	ret->folder = result == 0 && S_ISDIR(status.st_mode);
	ret->path = g_steal_pointer(&at);
	return true;
}

bool berth_copy_plan(const struct berth_copy_end *source, const struct berth_copy_end *destination,
		     struct berth_copy_plan *ret, GError **error)
{
	g_autofree char *folder = NULL, *to = NULL, *above = NULL, *from = NULL;

	*ret = (struct berth_copy_plan){0};
	if (destination->exists && destination->folder) {
		ret->folder = g_strdup(destination->path);
		return true;
	}
	if (destination->exists && source->folder)
		return berth_error_set(error, BERTH_ERROR_INVALID, "cannot copy directory");
	if (!destination->exists && !source->folder && (has_slash(destination->path) || is_content(destination->path)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "no such directory");
	berth_copy_split(destination->path, &folder, &to);
	berth_copy_split(source->path, &above, &from);
	ret->folder = g_steal_pointer(&folder);
	ret->from = source->rebase ? g_strdup(source->rebase) : g_steal_pointer(&from);
	ret->to = g_steal_pointer(&to);
	if (strcmp(ret->from, "/") == 0) // all names of a whole root begin with it
		*ret->from = '\0';
	return true;
}

char *berth_copy_name(const struct berth_copy_plan *plan, const char *name)
{
	size_t length = plan->from ? strlen(plan->from) : 0;

	if (!plan->from || strncmp(name, plan->from, length) != 0 || (name[length] != '\0' && name[length] != '/'))
		return g_strdup(name);
	return g_strconcat(plan->to, name + length, NULL);
}
