// SPDX-License-Identifier: Apache-2.0
// .dockerignore applied to a tree that is here: what it names is removed. The Dockerfile stays readable.
#include "build/context/tree-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/ignore.h"
#include "base/limits.h"
#include "image/tar.h"

#include <fcntl.h>

#define IGNORE_FILE ".dockerignore"

static bool remove_node(struct berth_build_tree *tree, struct berth_build_node *node, GError **error)
{
	berth_fd folder = berth_build_tree_open_node(tree, node->parent, O_RDONLY | O_DIRECTORY, error);

	if (folder < 0 || !berth_remove_tree_at(folder, node->name, error))
		return false;
	berth_build_node_remove(node);
	return true;
}

// *ret_left: whether something of the folder stays.
static bool thin_out(struct berth_build_tree *tree, struct berth_build_node *folder, const char *path,
		     const berth_ignore *ignore, bool *ret_left, GError **error)
{
	g_autoptr(GPtrArray) children = berth_build_node_sorted(folder);

	*ret_left = false;
	for (guint i = 0; i < children->len; i++) {
		struct berth_build_node *child = children->pdata[i];
		g_autofree char *child_path = g_strconcat(path, *path ? "/" : "", child->name, NULL);
		bool left = !berth_ignore_matches(ignore, child_path), inner = false;
		if (S_ISDIR(child->mode) && (left || !berth_ignore_skips_folder(ignore, child_path)) &&
		    !thin_out(tree, child, child_path, ignore, &inner, error))
			return false;
		left = left || inner;
		if (!left && !remove_node(tree, child, error))
			return false;
		*ret_left = *ret_left || left;
	}
	return true;
}

// The ignore file that applies; *ret_path is the caller's.
static GBytes *find_file(struct berth_build_tree *tree, const char *dockerfile, char **ret_path, GError **error)
{
	g_autofree char *beside = g_strconcat(dockerfile, IGNORE_FILE, NULL);
	const char *const paths[] = {beside, IGNORE_FILE};

	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		GError *failure = NULL;
		GBytes *bytes = berth_build_tree_read(tree, paths[i], BERTH_LIMIT_IGNORE_FILE, &failure);
		if (bytes) {
			*ret_path = g_strdup(paths[i]);
			return bytes;
		}
		if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
			g_propagate_prefixed_error(error, failure, "read %s: ", paths[i]);
			return NULL;
		}
		g_clear_error(&failure);
	}
	return NULL;
}

// What the client sent along although it is left out: it is read, not copied.
static bool remove_sent(struct berth_build_tree *tree, const char *path, const berth_ignore *ignore, GError **error)
{
	g_autofree char *clean = berth_tar_clean(path, BERTH_LIMIT_ARCHIVE_PATH, BERTH_LIMIT_ARCHIVE_DEPTH, NULL);
	struct berth_build_node *node = NULL;

	if (clean && *clean && berth_ignore_matches(ignore, clean))
		node = berth_build_tree_find(tree, clean, false, NULL);
	return !node || !node->parent || S_ISDIR(node->mode) || remove_node(tree, node, error);
}

bool berth_build_tree_ignore(struct berth_build_tree *tree, const char *dockerfile, bool all, GError **error)
{
	g_autofree char *path = NULL;
	GError *failure = NULL;
	bool left;
	g_autoptr(GBytes) bytes = find_file(tree, dockerfile, &path, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!bytes)
		return true;
	gsize size;
	const char *text = g_bytes_get_data(bytes, &size);
	g_autoptr(berth_ignore) ignore = berth_ignore_parse(text, size, error);
	if (!ignore) {
		g_prefix_error(error, "%s: ", path);
		return false;
	}
	if (berth_ignore_is_empty(ignore))
		return true;
	GBytes *kept = berth_build_tree_read(tree, dockerfile, BERTH_LIMIT_DOCKERFILE, NULL);
	tree->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
	if (kept)
		g_hash_table_insert(tree->kept, g_strdup(dockerfile), kept);
	g_hash_table_insert(tree->kept, g_strdup(path), g_bytes_ref(bytes)); // for what is said of sources
	if (all)
		return thin_out(tree, tree->top, "", ignore, &left, error);
	return remove_sent(tree, path, ignore, error) && remove_sent(tree, dockerfile, ignore, error);
}
