// SPDX-License-Identifier: Apache-2.0
// A folder of a context becomes a folder of the layer in one call, with all that is in it, where nothing else wants the
// context and everything is already what the layer's should be. What a folder of the disk is, is looked at; its files
// are as the unpacking made them, and as the nodes say.
#include "build/context/copy-file.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

#define ACL_DEFAULT "system.posix_acl_default"
#define PERMISSIONS 07777

// Of two pieces that overlap, the second would find nothing.
static bool any_overlap(const struct berth_build_copied *copied, const struct berth_build_tree *tree)
{
	g_autoptr(GHashTable) nodes = g_hash_table_new(NULL, NULL);
	bool overlap = false;

	for (guint i = 0; i < copied->pieces->len; i++) {
		struct berth_build_piece *piece = copied->pieces->pdata[i];
		if (piece->tree == tree && !g_hash_table_add(nodes, piece->node))
			return true;
	}
	for (guint i = 0; i < copied->pieces->len && !overlap; i++) {
		const struct berth_build_piece *piece = copied->pieces->pdata[i];
		for (void *above = piece->tree == tree ? piece->node->parent : NULL; above && !overlap;
		     above = ((struct berth_build_node *) above)->parent)
			overlap = g_hash_table_contains(nodes, above);
	}
	return overlap;
}

const struct berth_build_tree *berth_build_move_from(const struct berth_build_making *this)
{
	const struct berth_build_tree *tree = this->copied->last;
	struct stat status;

	// What is made in a folder that hands something down is not what was asked for.
	if (!this->linking || !tree || !tree->context || tree->inodes || tree->folder < 0 ||
	    fstat(tree->folder, &status) < 0 || (status.st_mode & S_ISGID) ||
	    fgetxattr(tree->folder, ACL_DEFAULT, NULL, 0) > 0 || any_overlap(this->copied, tree))
		return NULL;
	return tree;
}

static bool child_fits(struct berth_build_making *this, const struct berth_build_node *node)
{
	if (node->content)
		return !node->content->shared && !g_atomic_int_get(&node->content->linked) &&
		       berth_build_node_fits(this, node);
	return node->target && !node->shared && !node->xattrs && berth_build_node_fits(this, node);
}

bool berth_build_move_plan(struct berth_build_making *this, struct berth_build_node *folder)
{
	bool whole = !folder->xattrs && berth_build_node_fits(this, folder);
	GHashTableIter children;
	gpointer child;

	if (folder->children)
		g_hash_table_iter_init(&children, folder->children);
	while (folder->children && g_hash_table_iter_next(&children, NULL, &child)) {
		struct berth_build_node *node = child;
		bool fits = S_ISDIR(node->mode) ? berth_build_move_plan(this, node) : child_fits(this, node);
		whole = whole && fits;
	}
	if (whole)
		g_hash_table_add(this->whole, folder);
	return whole;
}

static bool set_attributes(int fd, const struct berth_build_node *node, GError **error)
{
	const struct timespec times[2] = {node->mtime, node->mtime};

	if (fchmod(fd, node->mode & PERMISSIONS) < 0)
		return berth_error_set_errno(error, errno, "set the mode of the folder %s", node->name);
	return futimens(fd, times) == 0 ||
	       berth_error_set_errno(error, errno, "set the times of the folder %s", node->name);
}

// Opens the folder, and gives those beneath it their attributes. -1 without *error: it does not belong to root.
static int prepare(int parent, const struct berth_build_node *folder, GError **error)
{
	berth_fd fd = openat(parent, folder->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	GHashTableIter children;
	gpointer child;

	if (fd < 0 || fstat(fd, &status) < 0) {
		berth_error_set_errno(error, errno, "open the folder %s", folder->name);
		return -1;
	}
	if (status.st_uid != 0 || status.st_gid != 0)
		return -1;
	if (folder->children)
		g_hash_table_iter_init(&children, folder->children);
	while (folder->children && g_hash_table_iter_next(&children, NULL, &child)) {
		const struct berth_build_node *node = child;
		if (!S_ISDIR(node->mode))
			continue;
		berth_fd inner = prepare(fd, node, error);
		if (inner < 0 || !set_attributes(inner, node, error))
			return -1;
	}
	return berth_fd_steal(&fd);
}

bool berth_build_move_folder(struct berth_build_making *this, struct berth_build_place *place, int source,
			     struct berth_build_node *node, bool *ret_done, GError **error)
{
	struct stat status;
	GError *failure = NULL;

	*ret_done = false;
	if (!this->moving || place->acl || place->group || !g_hash_table_contains(this->whole, node))
		return true;
	bool there = berth_build_place_look(place, node->name, &status, &failure);
	berth_fd folder = there || failure ? -1 : prepare(source, node, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (folder < 0)
		return true;
	if (!berth_build_place_touch(place, error))
		return false;
	// Where it cannot be moved (another file system, a file system without this call) its files are copied.
	*ret_done = renameat2(source, node->name, place->write, node->name, RENAME_NOREPLACE) == 0;
	BERTH_FAILPOINT("build.copy.moved");
	return !*ret_done || set_attributes(folder, node, error);
}
