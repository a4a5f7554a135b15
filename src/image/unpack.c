// SPDX-License-Identifier: Apache-2.0
// Reading the archive: names are cleaned and limits are kept here; unpack-tree.c makes the files.
//
// A name is relative to the root even when it is absolute, as Docker reads it; one with ".." is refused. libarchive
// converts names to the locale's character set and composes them on the way, so that two files could become one:
// reading is done in the C locale, where it keeps the bytes as they are (and warns of that).
#include "image/unpack-internal.h"

#include "base/error.h"
#include "base/limits.h"
#include "image/layer-stream.h"
#include "image/unpack-tree.h"

#include <locale.h>
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
	struct berth_layer_stream *stream;
	struct archive *archive;
	struct berth_unpack_tree tree;
	GError *failure; // of reading inside the callback
	int64_t entries, bytes;
};

static la_ssize_t give(G_GNUC_UNUSED struct archive *archive, void *data, const void **ret)
{
	struct unpacking *this = data;

	*ret = NULL;
	return berth_layer_stream_next(this->stream, ret, &this->failure);
}

// "/a//./b/" to "a/b"; "" is the root.
static char *clean(const struct unpacking *this, const char *name, GError **error)
{
	g_autoptr(GString) path = g_string_new(NULL);
	size_t depth = 0;

	if (strlen(name) > this->limits->path) {
		berth_error_set(error, BERTH_ERROR_INVALID, "its name is longer than %zu bytes", this->limits->path);
		return NULL;
	}
	for (const char *part = name; *part;) {
		size_t length = strcspn(part, "/");
		if (length == 2 && memcmp(part, "..", 2) == 0) {
			berth_error_set(error, BERTH_ERROR_INVALID, "\"..\" in a name would lead out of the root");
			return NULL;
		}
		if (length > 0 && !(length == 1 && *part == '.')) {
			if (++depth > this->limits->depth) {
				berth_error_set(error, BERTH_ERROR_INVALID, "it lies deeper than %zu folders",
						this->limits->depth);
				return NULL;
			}
			g_string_append_printf(path, "%s%.*s", path->len > 0 ? "/" : "", (int) length, part);
		}
		part += length + (part[length] == '/');
	}
	return g_string_free(g_steal_pointer(&path), false);
}

// Returns whether `path` names something to hide, with *ret_done saying how that went.
static bool hide(struct unpacking *this, const char *path, bool *ret_done, GError **error)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	g_autofree char *folder = g_strndup(path, slash ? (gsize) (slash - path) : 0);

	if (!g_str_has_prefix(name, WHITEOUT))
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

	if (++this->entries > this->limits->entries)
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

	if (!name || !*name)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has no name");
	g_autofree char *path = clean(this, name, error);
	if (!path || !check_limits(this, entry, error))
		return false;
	if (hide(this, path, &done, error))
		return done;
	if (link && !(target = clean(this, link, error))) {
		g_prefix_error(error, "hard link to %s: ", link);
		return false;
	}
	if (target && !*target)
		return berth_error_set(error, BERTH_ERROR_INVALID, "hard link to the root");
	return berth_unpack_tree_add(&this->tree, this->archive, entry, path, target, error);
}

// Names are whatever bytes they are; messages are UTF-8.
static char *printable(const char *name)
{
	g_autofree char *valid = g_utf8_make_valid(name, -1);

	return g_utf8_strlen(valid, -1) > 200 ? g_utf8_substring(valid, 0, 200) : g_steal_pointer(&valid);
}

// Returns 1, 0 at the end, or -1.
static int next_entry(struct unpacking *this, struct archive_entry **ret, GError **error)
{
	int result = archive_read_next_header(this->archive, ret);
	const char *why = archive_error_string(this->archive);

	if (this->failure) {
		g_propagate_error(error, g_steal_pointer(&this->failure));
		return -1;
	}
	if (result == ARCHIVE_EOF)
		return 0;
	if (result == ARCHIVE_OK || (result == ARCHIVE_WARN && why && strstr(why, "to current locale")))
		return 1;
	berth_error_set(error, BERTH_ERROR_INVALID, "layer entry %" G_GINT64_FORMAT ": damaged: %s", this->entries + 1,
			why ? why : "unreadable");
	return -1;
}

static bool unpack_entries(struct unpacking *this, GError **error)
{
	struct archive_entry *entry;
	int more;

	while ((more = next_entry(this, &entry, error)) > 0) {
		GError *failure = NULL;
		if (unpack_entry(this, entry, &failure))
			continue;
		if (this->failure) { // the cause of what libarchive found wrong
			g_clear_error(&failure);
			failure = g_steal_pointer(&this->failure);
		}
		const char *name = archive_entry_pathname(entry);
		g_autofree char *shown = printable(name ? name : "");
		g_propagate_prefixed_error(error, failure,
					   "layer entry %" G_GINT64_FORMAT " (%s): ", MAX(this->entries, 1), shown);
		return false;
	}
	return more == 0;
}

static bool unpack(struct unpacking *this, GError **error)
{
	this->archive = archive_read_new();
	archive_read_support_format_tar(this->archive);
	bool done = archive_read_open(this->archive, this, NULL, give, NULL) == ARCHIVE_OK;
	if (!done && this->failure)
		g_propagate_error(error, g_steal_pointer(&this->failure));
	else if (!done)
		berth_error_set(error, BERTH_ERROR_INVALID, "the layer is no tar archive: %s",
				archive_error_string(this->archive));
	done = done && unpack_entries(this, error) && berth_unpack_tree_finish(&this->tree, error);
	archive_read_free(this->archive);
	g_clear_error(&this->failure);
	return done;
}

bool berth_layer_unpack_within(int fd, int content_fd, enum berth_whiteouts whiteouts,
			       const struct berth_unpack_limits *limits, char *diff_id, GError **error)
{
	struct unpacking this = {.limits = limits};
	locale_t plain = newlocale(LC_ALL_MASK, "C", NULL);

	this.stream = berth_layer_stream_new(fd, limits->stream, diff_id != NULL, error);
	if (!this.stream) {
		freelocale(plain);
		return false;
	}
	locale_t before = uselocale(plain);
	berth_unpack_tree_init(&this.tree, content_fd, whiteouts);
	bool done = unpack(&this, error);
	berth_unpack_tree_clear(&this.tree);
	uselocale(before);
	freelocale(plain);
	done = done && berth_layer_stream_finish(this.stream, diff_id, error);
	berth_layer_stream_free(this.stream);
	return done;
}

bool berth_layer_unpack(int fd, int content_fd, enum berth_whiteouts whiteouts, char *diff_id, GError **error)
{
	return berth_layer_unpack_within(fd, content_fd, whiteouts, &berth_unpack_default_limits, diff_id, error);
}
