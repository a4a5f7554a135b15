// SPDX-License-Identifier: Apache-2.0
// What was found is brought into a step's root, as BuildKit does it: a folder's content goes into the destination,
// folders that are there keep what they have, of two files the later one wins.
//
// A file of a context becomes a file of the layer by a second name, where owner and mode are right already: nobody
// writes to either any more. Only once, though: two layers must not share a file, or it would look like a hard link.
// Where nothing else wants the context, files and whole folders are moved (copy-move.c).
#include "build/context/copy-file.h"

#include "base/error.h"
#include "base/fd.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <string.h>

#define BETWEEN_QUESTIONS 256 // files between two questions whether to go on
#define NO_SOURCE (-1)

static bool canceled(struct berth_build_making *this, GError **error)
{
	const struct berth_build_copied *copied = this->copied;

	if (++this->files % BETWEEN_QUESTIONS != 0 || !copied->canceled || !copied->canceled(copied->data))
		return false;
	berth_error_set(error, BERTH_ERROR_CANCELED, "the build was canceled");
	return true;
}

static bool make_other(struct berth_build_making *this, struct berth_build_place *place, const char *name, int source,
		       struct berth_build_node *node, GError **error)
{
	struct stat status;
	GError *failure = NULL;

	if (canceled(this, error))
		return false;
	bool there = berth_build_place_look(place, name, &status, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (there && S_ISDIR(status.st_mode)) {
		g_autofree char *path = berth_build_place_path(place);
		return berth_error_set(error, BERTH_ERROR_INVALID, "cannot copy to directory: %s/%s", path, name);
	}
	return berth_build_place_touch(place, error) && (!there || berth_build_place_clear(place, name, error)) &&
	       berth_build_make_file(this, place, name, source, node, error);
}

// Enters or makes the folder `name`. *ret_set: it gets the attributes of the node when all is in it.
static struct berth_build_place *make_folder(struct berth_build_place *place, const char *name, GError **error)
{
	struct stat status;
	GError *failure = NULL;
	bool there = berth_build_place_look(place, name, &status, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	if (there && !S_ISDIR(status.st_mode)) {
		g_autofree char *path = berth_build_place_path(place);
		berth_error_set(error, BERTH_ERROR_INVALID, "cannot copy to non-directory: %s/%s", path, name);
		return NULL;
	}
	return there ? berth_build_place_enter(place, name, error) : berth_build_place_make(place, name, error);
}

static bool copy_children(struct berth_build_making *this, struct berth_build_place *place, int source,
			  struct berth_build_node *folder, const char *path, GError **error);

static int open_source(int source, const struct berth_build_node *node, GError **error)
{
	int fd = openat(source, node->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		berth_error_set_errno(error, errno, "open the folder %s", node->name);
	return fd;
}

// A folder in a folder that is copied. `meant`: what is there of it gets the attributes of the source.
static bool copy_folder(struct berth_build_making *this, struct berth_build_place *place, int source,
			struct berth_build_node *node, const char *path, bool meant, GError **error)
{
	bool moved = false;

	if (meant && !berth_build_move_folder(this, place, source, node, &moved, error))
		return false;
	if (moved)
		return true;
	g_autoptr(berth_build_place) child = make_folder(place, node->name, error);
	berth_fd from = child ? open_source(source, node, error) : -1;

	if (from < 0 || !berth_build_place_touch(child, error) || !copy_children(this, child, from, node, path, error))
		return false;
	return (!meant && !child->made) || berth_build_make_attributes(this, child, node, error);
}

// A folder that is not meant itself, but something in it may be: it is made when that is found.
static bool copy_part(struct berth_build_making *this, struct berth_build_place *place, int source,
		      struct berth_build_node *node, const char *path, GError **error)
{
	g_autoptr(GPtrArray) children = berth_build_node_sorted(node);
	bool any = false, beneath;

	// Whether there is anything is asked of the nodes, which costs no look at a disk.
	for (guint i = 0; i < children->len && !any; i++) {
		struct berth_build_node *child = children->pdata[i];
		g_autofree char *child_path = g_strconcat(path, "/", child->name, NULL);
		any = berth_build_piece_takes(this->copied, this->piece, child_path, S_ISDIR(child->mode), &beneath);
		if (!any && beneath)
			any = berth_build_piece_takes_beneath(this->copied, this->piece, child, child_path);
	}
	return !any || copy_folder(this, place, source, node, path, false, error);
}

static bool copy_child(struct berth_build_making *this, struct berth_build_place *place, int source,
		       struct berth_build_node *child, const char *path, GError **error)
{
	bool folder = S_ISDIR(child->mode), beneath = folder;

	if (this->partly && !berth_build_piece_takes(this->copied, this->piece, path, folder, &beneath))
		return !beneath || copy_part(this, place, source, child, path, error);
	return folder ? copy_folder(this, place, source, child, path, true, error)
		      : make_other(this, place, child->name, source, child, error);
}

static bool copy_children(struct berth_build_making *this, struct berth_build_place *place, int source,
			  struct berth_build_node *folder, const char *path, GError **error)
{
	g_autoptr(GPtrArray) children = berth_build_node_sorted(folder);

	for (guint i = 0; i < children->len; i++) {
		struct berth_build_node *child = children->pdata[i];
		g_autofree char *child_path =
			this->partly ? g_strconcat(path, *path ? "/" : "", child->name, NULL) : NULL;
		if (!copy_child(this, place, source, child, child_path, error))
			return false;
	}
	return true;
}

static int open_parent(const struct berth_build_piece *piece, GError **error)
{
	return piece->tree->text
		       ? NO_SOURCE
		       : berth_build_tree_open_node(piece->tree, piece->node->parent, O_RDONLY | O_DIRECTORY, error);
}

static bool copy_folder_piece(struct berth_build_making *this, struct berth_build_place *top, GError **error)
{
	const struct berth_build_piece *piece = this->piece;
	g_autoptr(berth_build_place) place =
		berth_build_place_reach(top, this->copied->destination, true, &this->maker, NULL, error);

	if (!place)
		return false;
	if (piece->tree->folder < 0) // nothing is in it
		return true;
	berth_fd source = berth_build_tree_open_node(piece->tree, piece->node, O_RDONLY | O_DIRECTORY, error);
	return source >= 0 && copy_children(this, place, source, piece->node, "", error);
}

// The folder that a file goes to, and the name that it gets there.
static struct berth_build_place *file_place(struct berth_build_making *this, struct berth_build_place *top,
					    char **ret_name, GError **error)
{
	const char *destination = this->copied->destination;
	bool whole = g_str_has_suffix(destination, "/");
	GError *failure = NULL;
	struct stat status;
	g_autofree char *name = NULL;
	g_autoptr(berth_build_place) place =
		berth_build_place_reach(top, destination, whole, &this->maker, &name, error);

	if (place && name && berth_build_place_look(place, name, &status, &failure) && S_ISDIR(status.st_mode)) {
		struct berth_build_place *inner = berth_build_place_enter(place, name, error);
		berth_build_place_unref(g_steal_pointer(&place));
		place = inner;
		g_clear_pointer(&name, g_free);
	}
	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	if (name && this->copied->pieces->len > 1 && !this->alone) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"When using COPY with more than one source file, the destination must be a directory "
				"and end with a /");
		return NULL;
	}
	*ret_name = name ? g_steal_pointer(&name) : g_strdup(this->piece->name);
	return g_steal_pointer(&place);
}

static bool copy_file_piece(struct berth_build_making *this, struct berth_build_place *top, GError **error)
{
	const struct berth_build_piece *piece = this->piece;
	g_autofree char *name = NULL;
	g_autoptr(berth_build_place) place = file_place(this, top, &name, error);

	if (!place)
		return false;
	berth_fd source = open_parent(piece, error);
	if (source < 0 && !piece->tree->text)
		return false;
	return make_other(this, place, name, source, piece->node, error);
}

// What is in an archive belongs to whom the archive says.
static bool unpack_piece(struct berth_build_making *this, struct berth_build_place *top, GError **error)
{
	const struct berth_build_piece *piece = this->piece;
	g_autoptr(berth_build_place) place =
		berth_build_place_reach(top, this->copied->destination, true, &this->maker, NULL, error);

	if (!place)
		return false;
	berth_fd source = berth_build_tree_open_node(piece->tree, piece->node, O_RDONLY, error);
	if (source < 0)
		return false;
	// Through the root, which knows what lies beneath; it must not have gone past it to the content before.
	g_autofree char *path = berth_build_place_path(place);
	const struct berth_unpack_place where = {
		.root = this->root,
		.path = *path ? path + 1 : "",
	};
	if (berth_tree_unpack_at(berth_source_of_fd(source), &where, error))
		return true;
	g_prefix_error(error, "unpack %s: ", piece->name);
	return false;
}

static bool copy_piece(struct berth_build_making *this, struct berth_build_place *top, GError **error)
{
	const struct berth_build_piece *piece = this->piece;

	this->partly = piece->include || this->copied->exclude;
	g_hash_table_remove_all(this->links);
	g_hash_table_remove_all(this->whole);
	this->moving = this->movable && piece->tree == this->movable;
	if (this->moving && !this->partly && S_ISDIR(piece->node->mode))
		berth_build_move_plan(this, piece->node);
	if (piece->unpack)
		return unpack_piece(this, top, error);
	return S_ISDIR(piece->node->mode) ? copy_folder_piece(this, top, error) : copy_file_piece(this, top, error);
}

static bool any_archive(const struct berth_build_copied *copied)
{
	for (guint i = 0; i < copied->pieces->len; i++)
		if (((struct berth_build_piece *) copied->pieces->pdata[i])->unpack)
			return true;
	return false;
}

bool berth_build_copy_make(struct berth_build_copied *copied, int root, int content, GError **error)
{
	struct berth_build_making this = {
		.copied = copied,
		.root = root >= 0 ? root : content,
		.maker = {copied->uid, copied->gid, copied->epoch},
		.links = g_hash_table_new_full(NULL, NULL, NULL, g_free),
		.whole = g_hash_table_new(NULL, NULL),
		.alone = copied->pieces->len == 1,
	};
	// An archive is unpacked through the root.
	bool direct = content >= 0 && !(root >= 0 && any_archive(copied));
	g_autoptr(berth_build_place) top = berth_build_place_new(root, direct ? content : -1, error);
	bool done = top != NULL;

	this.linking = direct;
	this.movable = berth_build_move_from(&this);
	for (guint i = 0; done && i < copied->pieces->len; i++) {
		this.piece = copied->pieces->pdata[i];
		done = copy_piece(&this, top, error);
	}
	g_hash_table_unref(this.links);
	g_hash_table_unref(this.whole);
	g_free(this.buffer);
	return done;
}

bool berth_build_copy_make_layer(struct berth_build_copied *copied, int content, GError **error)
{
	return berth_build_copy_make(copied, -1, content, error);
}
