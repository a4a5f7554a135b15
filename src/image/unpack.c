// SPDX-License-Identifier: Apache-2.0
// Reading the archive: names are cleaned and limits are kept here; unpack-tree.c makes the files.
//
// A name is relative to the root even when it is absolute, as Docker reads it; one with ".." is refused.
#include "image/unpack-internal.h"

#include "base/error.h"
#include "base/limits.h"
#include "image/tar.h"
#include "image/unpack-tree.h"

#include <string.h>

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

const struct berth_unpack_limits berth_unpack_default_limits = {
	.entries = BERTH_LIMIT_ARCHIVE_ENTRIES,
	.bytes = BERTH_LIMIT_LAYER_BYTES,
	.stream = 2 * BERTH_LIMIT_LAYER_BYTES, // headers and padding beside the content
	.path = BERTH_LIMIT_ARCHIVE_PATH,
	.depth = BERTH_LIMIT_ARCHIVE_DEPTH,
	.xattr = BERTH_LIMIT_XATTR_BYTES,
};

struct unpacking {
	const struct berth_unpack_limits *limits;
	struct berth_tar tar;
	struct berth_unpack_tree tree;
	const struct berth_unpack_place *place; // NULL: the root is where it goes
	int64_t entries, bytes;
};

static char *clean(const struct unpacking *this, const char *name, GError **error)
{
	g_autofree char *path = berth_tar_clean(name, this->limits->path, this->limits->depth, error);

	if (!path || !this->place || !*this->place->path)
		return g_steal_pointer(&path);
	return g_strconcat(this->place->path, *path ? "/" : "", path, NULL);
}

static bool is_place(const struct unpacking *this, const char *path)
{
	return this->place && g_str_equal(path, this->place->path);
}

// Returns whether `path` names something to hide, with *ret_done saying how that went.
static bool hide(struct unpacking *this, const char *path, bool *ret_done, GError **error)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	g_autofree char *folder = g_strndup(path, slash ? (gsize) (slash - path) : 0);

	if (this->tree.whiteouts == BERTH_WHITEOUTS_NONE || !g_str_has_prefix(name, WHITEOUT))
		return false;
	if (g_str_equal(name, WHITEOUT_OPAQUE)) {
		*ret_done = berth_unpack_tree_hide_content(&this->tree, folder, error);
		return true;
	}
	if (g_str_has_prefix(name, WHITEOUT_META)) { // of AUFS itself; means nothing elsewhere
		*ret_done = true;
		return true;
	}
	const char *hidden = name + strlen(WHITEOUT);
	if (!*hidden || g_str_equal(hidden, ".") || g_str_equal(hidden, "..")) {
		*ret_done = berth_error_set(error, BERTH_ERROR_INVALID, "a whiteout of \"%s\"", hidden);
		return true;
	}
	g_autofree char *target = g_strconcat(folder, *folder ? "/" : "", hidden, NULL);
	*ret_done = berth_unpack_tree_hide(&this->tree, target, error);
	return true;
}

static bool check_limits(struct unpacking *this, struct archive_entry *entry, GError **error)
{
	int64_t size = archive_entry_filetype(entry) == AE_IFREG ? archive_entry_size(entry) : 0;
	const char *name;
	const void *value;
	size_t length;

	if (this->entries > this->limits->entries)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the layer has more than %" G_GINT64_FORMAT " entries", this->limits->entries);
	if (size < 0 || size > this->limits->bytes - this->bytes)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "its %" G_GINT64_FORMAT " bytes make the layer larger than %" G_GINT64_FORMAT
				       " bytes",
				       size, this->limits->bytes);
	this->bytes += size;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &length) == ARCHIVE_OK)
		if (length > this->limits->xattr)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "extended attribute %s is longer than %zu bytes", name,
					       this->limits->xattr);
	return true;
}

static bool unpack_entry(struct unpacking *this, struct archive_entry *entry, GError **error)
{
	const char *name = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry);
	g_autofree char *target = NULL;
	bool done;

	this->entries++;
	if (!name || !*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has no name");
	g_autofree char *path = clean(this, name, error);
	if (!path || !check_limits(this, entry, error))
		return false;
	if (hide(this, path, &done, error))
		return done;
	if (is_place(this, path) && !link && archive_entry_filetype(entry) == AE_IFDIR)
		return true;
	if (link && !(target = clean(this, link, error))) {
		g_prefix_error(error, "hard link to %s: ", link);
		return false;
	}
	if (target && (!*target || is_place(this, target)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "hard link to the root");
	return berth_unpack_tree_add(&this->tree, &this->tar, entry, path, target, error);
}

// What the kernel found missing or in the way inside the root is a fault of the archive.
static void propagate(const struct unpacking *this, struct archive_entry *entry, GError *failure, GError **error)
{
	const char *name = archive_entry_pathname(entry);
	g_autofree char *shown = berth_tar_printable(name ? name : "");

	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND) ||
	    g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CONFLICT))
		failure->code = BERTH_ERROR_INVALID;
	g_propagate_prefixed_error(error, failure,
				   "%s entry %" G_GINT64_FORMAT " (%s): ", this->place ? "archive" : "layer",
				   this->entries, shown);
}

static bool unpack_entries(struct unpacking *this, GError **error)
{
	struct archive_entry *entry;
	int more;

	while ((more = berth_tar_next(&this->tar, &entry, error)) > 0) {
		GError *failure = NULL;
		if (!unpack_entry(this, entry, &failure)) {
			propagate(this, entry, failure, error);
			return false;
		}
	}
	if (more < 0)
		g_prefix_error(error, "%s, behind entry %" G_GINT64_FORMAT ": ", this->place ? "archive" : "layer",
			       this->entries);
	return more == 0;
}

bool berth_layer_unpack_within(struct berth_source source, int content_fd, enum berth_whiteouts whiteouts,
			       const struct berth_id_maps *ids, const struct berth_unpack_limits *limits, char *diff_id,
			       GError **error)
{
	struct unpacking this = {.limits = limits};

	berth_unpack_tree_init(&this.tree, content_fd, whiteouts, ids);
	bool done = berth_tar_open(&this.tar, source, limits->stream, diff_id != NULL, error) &&
		    unpack_entries(&this, error) && berth_unpack_tree_finish(&this.tree, error) &&
		    berth_tar_finish(&this.tar, diff_id, error);
	berth_tar_close(&this.tar);
	berth_unpack_tree_clear(&this.tree);
	return done;
}

bool berth_layer_unpack(struct berth_source source, int content_fd, enum berth_whiteouts whiteouts, char *diff_id,
			GError **error)
{
	return berth_layer_unpack_mapped(source, content_fd, whiteouts, NULL, diff_id, error);
}

bool berth_layer_unpack_mapped(struct berth_source source, int content_fd, enum berth_whiteouts whiteouts,
			       const struct berth_id_maps *ids, char *diff_id, GError **error)
{
	return berth_layer_unpack_within(source, content_fd, whiteouts, ids, &berth_unpack_default_limits, diff_id,
					 error);
}

static const struct berth_unpack_limits tree_limits = {
	.entries = BERTH_LIMIT_ARCHIVE_ENTRIES,
	.bytes = BERTH_LIMIT_VOLUME_BYTES,
	.stream = BERTH_LIMIT_VOLUME_BYTES,
	.path = BERTH_LIMIT_ARCHIVE_PATH,
	.depth = BERTH_LIMIT_ARCHIVE_DEPTH,
	.xattr = BERTH_LIMIT_XATTR_BYTES,
};

bool berth_tree_unpack(struct berth_source source, int folder, GError **error)
{
	return berth_layer_unpack_within(source, folder, BERTH_WHITEOUTS_NONE, NULL, &tree_limits, NULL, error);
}

bool berth_tree_unpack_at(struct berth_source source, const struct berth_unpack_place *place, GError **error)
{
	struct unpacking this = {.limits = &tree_limits, .place = place};

	berth_unpack_tree_init(&this.tree, place->root, BERTH_WHITEOUTS_NONE, place->ids);
	this.tree.owner = place->owner;
	this.tree.keep_kinds = place->keep_kinds;
	this.tree.place = place->path;
	// Whose files new ones are: those of the container's root, as which the caller works.
	berth_id_maps_to_host(place->ids, &this.tree.defaults.uid, &this.tree.defaults.gid, NULL);
	bool done = berth_tar_open(&this.tar, source, tree_limits.stream, false, error) &&
		    unpack_entries(&this, error) && berth_unpack_tree_finish(&this.tree, error) &&
		    berth_tar_finish(&this.tar, NULL, error);
	berth_tar_close(&this.tar);
	berth_unpack_tree_clear(&this.tree);
	return done;
}
