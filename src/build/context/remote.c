// SPDX-License-Identifier: Apache-2.0
#include "build/context/remote.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "build/context/copy-internal.h"
#include "build/context/fetch.h"

#include <fcntl.h>
#include <string.h>

#define UNNAMED "__unnamed__" // what a file is called whose URL has no name for it
#define MODE 0600
#define NAME_MAX_BYTES 255

// The last part of the URL's path.
static char *name_of(const char *url)
{
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
	g_autofree char *path = g_strdup(uri ? g_uri_get_path(uri) : "");

	for (size_t length = strlen(path); length > 0 && path[length - 1] == '/'; length--)
		path[length - 1] = '\0';
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	bool fine = *name && !g_str_equal(name, ".") && !g_str_equal(name, "..") && strlen(name) <= NAME_MAX_BYTES;
	return g_strdup(fine ? name : UNNAMED);
}

static bool check_digest(const char *expected, const char *found, GError **error)
{
	if (!expected || g_str_equal(expected, found))
		return true;
	if (!berth_digest_valid(expected))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "checksum %s: it is no \"sha256:\" with 64 hexadecimal digits", expected);
	return berth_error_set(error, BERTH_ERROR_INVALID, "digest mismatch %s: %s", found, expected);
}

static bool fill(struct berth_build_tree *tree, const char *url, const char *name,
		 const struct berth_build_tree_options *options, const char *checksum, GError **error)
{
	struct berth_build_fetched fetched;
	berth_fd fd = openat(tree->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "make %s", name);
	if (!berth_build_fetch(url, options, fd, &fetched, error) || !check_digest(checksum, fetched.digest, error))
		return false;
	struct berth_build_node *node = berth_build_node_new(name, S_IFREG | MODE);
	node->mtime = fetched.modified;
	node->content = berth_build_content_new();
	node->content->size = fetched.size;
	memcpy(node->content->digest, fetched.digest, sizeof fetched.digest);
	berth_build_node_add(tree->top, node);
	const struct timespec times[2] = {fetched.modified, fetched.modified};
	return futimens(fd, times) == 0 || berth_error_set_errno(error, errno, "set the time of %s", name);
}

struct berth_build_tree *berth_build_url_open(const char *url, const struct berth_build_tree_options *options,
					      const char *checksum, char **ret_name, GError **error)
{
	g_autoptr(berth_build_tree) tree = berth_build_tree_new(options, error);
	g_autofree char *name = name_of(url);

	if (!tree || !fill(tree, url, name, options, checksum, error))
		return NULL;
	*ret_name = g_steal_pointer(&name);
	return g_steal_pointer(&tree);
}

// What is no archive must be a Dockerfile, if one may come.
static bool read_dockerfile(struct berth_build_tree *tree, const char *name, const char *url, GBytes **ret,
			    GError **error)
{
	g_autofree char *shown = berth_build_url_redact(url);
	g_autoptr(GBytes) bytes = NULL;
	gsize length = 0;

	if (!ret)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s is no archive", shown);
	bytes = berth_build_tree_read(tree, name, BERTH_LIMIT_DOCKERFILE, error);
	const char *text = bytes ? g_bytes_get_data(bytes, &length) : NULL;
	if (bytes && memchr(text ? text : "", '\0', text ? length : 0))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s is neither an archive nor a Dockerfile", shown);
	*ret = g_steal_pointer(&bytes);
	return *ret != NULL;
}

static struct berth_build_tree *open_url(const char *url, const struct berth_build_tree_options *options,
					 GBytes **ret_dockerfile, GError **error)
{
	g_autofree char *name = NULL;
	g_autoptr(berth_build_tree) file = berth_build_url_open(url, options, NULL, &name, error);
	berth_fd fd = file ? openat(file->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;

	if (!file)
		return NULL;
	if (fd < 0) {
		berth_error_set_errno(error, errno, "open what was downloaded");
		return NULL;
	}
	if (!berth_build_is_archive(fd))
		return read_dockerfile(file, name, url, ret_dockerfile, error) ? berth_build_tree_empty() : NULL;
	g_autoptr(berth_build_tree) tree = berth_build_tree_new(options, error);
	if (!tree || !berth_build_tree_fill(tree, fd, options, error))
		return NULL;
	return g_steal_pointer(&tree);
}

struct berth_build_tree *berth_build_remote_open(const char *remote, const struct berth_build_tree_options *options,
						 GBytes **ret_dockerfile, GError **error)
{
	if (berth_build_is_git(remote))
		return berth_build_git_open(remote, options, NULL, options->keep_git, error);
	if (g_str_has_prefix(remote, "http://") || g_str_has_prefix(remote, "https://"))
		return open_url(remote, options, ret_dockerfile, error);
	berth_error_set(error, BERTH_ERROR_INVALID,
			"unable to prepare context: %s is no URL of an archive or Dockerfile, and no git repository",
			remote);
	return NULL;
}
