// SPDX-License-Identifier: Apache-2.0
// Which files COPY and ADD mean, and what they are for the cache's key.
#include "build/context/copy-internal.h"
#include "build/context/owner.h"
#include "build/context/remote.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/pattern.h"

#include <fcntl.h>
#include <string.h>

struct finding {
	const struct berth_build_copy *copy;
	struct berth_build_copied *copied;
};

static void piece_free(gpointer data)
{
	struct berth_build_piece *piece = data;

	berth_build_tree_unref(piece->tree);
	g_free(piece->name);
	g_free(piece->prefix);
	berth_ignore_free(piece->include);
	g_free(piece);
}

void berth_build_copied_free(struct berth_build_copied *this)
{
	if (!this)
		return;
	g_ptr_array_unref(this->pieces);
	g_free(this->destination);
	g_free(this->chmod);
	berth_ignore_free(this->exclude);
	g_free(this);
}

const char *berth_build_copied_digest(const struct berth_build_copied *this)
{
	return this->digest;
}

bool berth_build_copied_is_unsure(const struct berth_build_copied *this)
{
	return this->unsure;
}

static const char *command(const struct finding *this)
{
	return this->copy->add ? "ADD" : "COPY";
}

static bool not_found(const struct finding *this, const char *path, GError **error)
{
	return berth_error_set(
		error, BERTH_ERROR_INVALID,
		"failed to compute cache key: failed to calculate checksum of ref: \"%s%s\": not found%s",
		*path == '/' ? "" : "/", path,
		this->copy->from_context ? " (file not found in build context or excluded by .dockerignore)" : "");
}

static struct berth_build_piece *add_piece(struct finding *this, struct berth_build_tree *tree,
					   struct berth_build_node *node, const char *name)
{
	struct berth_build_piece *piece = g_new0(struct berth_build_piece, 1);

	piece->tree = berth_build_tree_ref(tree);
	piece->node = node;
	piece->name = g_strdup(name);
	g_ptr_array_add(this->copied->pieces, piece);
	return piece;
}

// The path without ".", ".." and double slashes; ".." ends at the top. "" is the top.
static char *clean_path(const char *path)
{
	g_auto(GStrv) names = g_strsplit(path, "/", -1);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();

	for (char **name = names; *name; name++) {
		if (!**name || g_str_equal(*name, "."))
			continue;
		if (!g_str_equal(*name, ".."))
			g_ptr_array_add(kept, *name);
		else if (kept->len > 0)
			g_ptr_array_set_size(kept, (gint) kept->len - 1);
	}
	g_ptr_array_add(kept, NULL);
	return g_strjoinv("/", (char **) kept->pdata);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

// As Go's copying has it: a backslash alone is none.
static bool has_wildcards(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (strchr("*?[", *text))
			return true;
	}
	return false;
}

// Splits "a/b*/c" into what has no wildcards and the rest; *ret_rest is NULL if that is all.
static char *split_wildcards(const char *path, const char **ret_rest)
{
	const char *part = path;

	*ret_rest = NULL;
	while (*part) {
		size_t length = strcspn(part, "/");
		g_autofree char *name = g_strndup(part, length);
		if (has_wildcards(name)) {
			*ret_rest = part;
			return g_strndup(path, part > path ? (gsize) (part - path - 1) : 0);
		}
		part += length + (part[length] == '/');
	}
	return g_strdup(path);
}

static bool take_archive(struct finding *this, struct berth_build_piece *piece, bool by_itself, GError **error)
{
	const struct berth_build_copy *copy = this->copy;

	if (!copy->add || !(copy->unpack < 0 ? by_itself : copy->unpack > 0) || !S_ISREG(piece->node->mode))
		return true;
	if (berth_build_tree_is_claimed(piece->tree)) {
		this->copied->unsure = true;
		return true;
	}
	berth_fd fd = berth_build_tree_open_node(piece->tree, piece->node, O_RDONLY, error);
	if (fd < 0)
		return false;
	piece->unpack = berth_build_is_archive(fd);
	return true;
}

// A file or folder by its path; links are followed, also at its end.
static bool add_path(struct finding *this, const char *path, bool *ret_excluded, GError **error)
{
	struct berth_build_tree *tree = this->copy->tree;
	GError *failure = NULL;
	struct berth_build_node *node = berth_build_tree_find(tree, path, true, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!node)
		return not_found(this, path, error);
	if (!S_ISDIR(node->mode) && this->copied->exclude &&
	    berth_ignore_matches(this->copied->exclude, base_of(path))) {
		*ret_excluded = true;
		return true;
	}
	return take_archive(this, add_piece(this, tree, node, base_of(path)), true, error);
}

// Folders that match are not looked into any more.
static bool match_below(struct finding *this, struct berth_build_node *folder, const char *path, const char *pattern,
			GPtrArray *found, GError **error)
{
	const char *slash = strchr(pattern, '/');
	g_autofree char *part = slash ? g_strndup(pattern, (gsize) (slash - pattern)) : g_strdup(pattern);

	if (!berth_build_tree_load(this->copy->tree, folder, error))
		return false;
	g_autoptr(GPtrArray) children = berth_build_node_sorted(folder);
	for (guint i = 0; i < children->len; i++) {
		struct berth_build_node *child = children->pdata[i];
		bool matches;
		if (!berth_pattern_match(part, child->name, &matches, error))
			return false;
		if (!matches || (slash && !S_ISDIR(child->mode)))
			continue;
		g_autofree char *child_path = g_strconcat(path, *path ? "/" : "", child->name, NULL);
		if (!slash)
			g_ptr_array_add(found, g_steal_pointer(&child_path));
		else if (!match_below(this, child, child_path, slash + 1, found, error))
			return false;
	}
	return true;
}

// The paths that a source means, which may be none. NULL with *error.
static GPtrArray *expand(struct finding *this, const char *path, GError **error)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	const char *rest;
	g_autofree char *start = split_wildcards(path, &rest);
	GError *failure = NULL;

	if (!rest) {
		g_ptr_array_add(found, g_steal_pointer(&start));
		return g_steal_pointer(&found);
	}
	struct berth_build_node *folder = berth_build_tree_find(this->copy->tree, start, true, &failure);
	if (folder && S_ISDIR(folder->mode)) {
		g_autofree char *real = berth_build_node_path(folder);
		if (!match_below(this, folder, real, rest, found, &failure))
			g_prefix_error(&failure, "%s: ", path);
	}
	if (failure) {
		g_propagate_error(error, failure);
		return NULL;
	}
	return g_steal_pointer(&found);
}

// The folder that everything which matches the pattern lies in.
static char *literal_prefix(const char *pattern)
{
	const char *rest;
	g_autofree char *prefix = split_wildcards(pattern, &rest);

	return g_steal_pointer(&prefix);
}

static bool add_folder_part(struct finding *this, const char *folder, const char *pattern, GError **error)
{
	GError *failure = NULL;
	struct berth_build_node *node = berth_build_tree_find(this->copy->tree, folder, true, &failure);

	if (!node || !S_ISDIR(node->mode)) {
		if (failure)
			g_propagate_error(error, failure);
		else
			not_found(this, folder, error);
		return false;
	}
	const char *const patterns[] = {*pattern ? pattern : "**", NULL};
	berth_ignore *include = berth_ignore_new(patterns, error);
	if (!include)
		return false;
	struct berth_build_piece *piece = add_piece(this, this->copy->tree, node, "");
	piece->include = include;
	piece->prefix = literal_prefix(pattern);
	return true;
}

// --parents: what stands behind "/./" keeps its folders; without it, all does.
static bool add_with_parents(struct finding *this, const char *path, GError **error)
{
	const char *pivot = strstr(path, "/./");
	g_autofree char *before = pivot ? g_strndup(path, (gsize) (pivot - path)) : g_strdup("");
	g_autofree char *folder = clean_path(before), *pattern = clean_path(pivot ? pivot + 3 : path);

	if (!has_wildcards(folder) && !has_wildcards(pattern)) {
		g_autofree char *whole = g_strconcat(folder, *folder ? "/" : "", pattern, NULL);
		GError *failure = NULL;
		if (!berth_build_tree_find(this->copy->tree, whole, false, &failure)) {
			if (failure)
				g_propagate_error(error, failure);
			else
				not_found(this, whole, error);
			return false;
		}
	}
	g_autoptr(GPtrArray) folders = expand(this, folder, error);
	for (guint i = 0; folders && i < folders->len; i++)
		if (!add_folder_part(this, folders->pdata[i], pattern, error))
			return false;
	return folders != NULL;
}

static bool add_local(struct finding *this, const char *path, bool *ret_excluded, GError **error)
{
	g_autofree char *clean = clean_path(path);
	g_autoptr(GPtrArray) found = expand(this, clean, error);

	for (guint i = 0; found && i < found->len; i++)
		if (!add_path(this, found->pdata[i], ret_excluded, error))
			return false;
	return found != NULL;
}

static bool is_url(const char *text)
{
	return g_str_has_prefix(text, "http://") || g_str_has_prefix(text, "https://");
}

static bool add_remote(struct finding *this, const char *url, GError **error)
{
	const struct berth_build_copy *copy = this->copy;
	bool git = berth_build_is_git(url);
	g_autofree char *name = NULL;
	g_autoptr(berth_build_tree) tree =
		git ? berth_build_git_open(url, copy->options, copy->checksum, copy->keep_git_dir, error)
		    : berth_build_url_open(url, copy->options, copy->checksum, &name, error);

	if (!tree)
		return false;
	struct berth_build_node *node = git ? tree->top : berth_build_node_child(tree->top, name);
	return take_archive(this, add_piece(this, tree, node, git ? "" : name), false, error);
}

static bool add_source(struct finding *this, const struct berth_build_copy_source *source, bool *ret_excluded,
		       GError **error)
{
	const struct berth_build_copy *copy = this->copy;

	if (source->text) {
		g_autofree char *name = g_path_get_basename(source->path);
		g_autoptr(berth_build_tree) tree = berth_build_tree_of_text(name, source->text);
		add_piece(this, tree, berth_build_node_child(tree->top, name), name);
		return true;
	}
	if (copy->add && (is_url(source->path) || berth_build_is_git(source->path)))
		return add_remote(this, source->path, error);
	if (copy->checksum)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "checksum can't be specified for non-HTTP(S) sources");
	if (is_url(source->path))
		return berth_error_set(error, BERTH_ERROR_INVALID, "source can't be a URL for COPY");
	g_rec_mutex_lock(&copy->tree->lock);
	bool done = copy->parents ? add_with_parents(this, source->path, error)
				  : add_local(this, source->path, ret_excluded, error);
	g_rec_mutex_unlock(&copy->tree->lock);
	return done;
}

static bool add_sources(struct finding *this, GError **error)
{
	const struct berth_build_copy *copy = this->copy;
	bool excluded = false;

	if (copy->checksum && copy->source_count > 1)
		return berth_error_set(error, BERTH_ERROR_INVALID, "checksum can't be specified for multiple sources");
	if (copy->source_count > 1 && !g_str_has_suffix(copy->destination, "/") &&
	    !g_str_equal(copy->destination, ".") && !g_str_has_suffix(copy->destination, "/."))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "When using %s with more than one source file, the destination must be a "
				       "directory and end with a /",
				       command(this));
	for (size_t i = 0; i < copy->source_count; i++)
		if (!add_source(this, &copy->sources[i], &excluded, error))
			return false;
	if (this->copied->pieces->len == 0 && !excluded)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "%s failed: no source files were specified: nothing matches \"%s\"%s",
				       command(this), copy->source_count > 0 ? copy->sources[0].path : "",
				       copy->from_context ? " in the build context (see .dockerignore)" : "");
	return true;
}

bool berth_build_piece_takes(const struct berth_build_copied *copied, const struct berth_build_piece *piece,
			     const char *path, bool folder, bool *ret_beneath)
{
	bool takes = (!piece->include || berth_ignore_matches(piece->include, path)) &&
		     (!copied->exclude || !berth_ignore_matches(copied->exclude, path));

	*ret_beneath = folder && (!copied->exclude || !berth_ignore_skips_folder(copied->exclude, path));
	if (*ret_beneath && piece->include && !takes) {
		size_t length = strlen(path), known = strlen(piece->prefix), common = MIN(length, known);
		*ret_beneath = memcmp(path, piece->prefix, common) == 0 &&
			       (length == known || (length < known ? piece->prefix[length] == '/' || !length
								   : path[known] == '/' || !known));
	}
	return takes;
}

bool berth_build_piece_takes_beneath(const struct berth_build_copied *copied, const struct berth_build_piece *piece,
				     const struct berth_build_node *folder, const char *path)
{
	g_autoptr(GPtrArray) children = berth_build_node_sorted(folder);

	for (guint i = 0; i < children->len; i++) {
		struct berth_build_node *child = children->pdata[i];
		g_autofree char *child_path = g_strconcat(path, "/", child->name, NULL);
		bool beneath;
		if (berth_build_piece_takes(copied, piece, child_path, S_ISDIR(child->mode), &beneath) ||
		    (beneath && berth_build_piece_takes_beneath(copied, piece, child, child_path)))
			return true;
	}
	return false;
}

static void hash_text(struct berth_hash *hash, const char *text)
{
	berth_hash_update(hash, text, strlen(text) + 1);
}

// A folder of which not everything is meant: name by name. Folders on the way to what is meant are made as they are in
// the source, others not at all. *ret_any is set if there is anything.
static bool hash_part(struct berth_build_copied *this, struct berth_build_piece *piece, struct berth_build_node *folder,
		      const char *path, struct berth_hash *hash, bool *ret_any, GError **error)
{
	if (!berth_build_tree_load(piece->tree, folder, error))
		return false;
	g_autoptr(GPtrArray) children = berth_build_node_sorted(folder);
	for (guint i = 0; i < children->len; i++) {
		struct berth_build_node *child = children->pdata[i];
		g_autofree char *child_path = g_strconcat(path, *path ? "/" : "", child->name, NULL);
		bool beneath, any = false;
		bool takes = berth_build_piece_takes(this, piece, child_path, S_ISDIR(child->mode), &beneath);
		if (takes) {
			hash_text(hash, child_path);
			if (!berth_build_tree_node_hash(piece->tree, child, hash, error))
				return false;
		}
		if (beneath && !hash_part(this, piece, child, child_path, hash, &any, error))
			return false;
		if (any && !takes) {
			hash_text(hash, child_path);
			hash_text(hash, "way");
			if (!berth_build_tree_node_hash(piece->tree, child, hash, error))
				return false;
		}
		*ret_any |= takes || any;
	}
	return true;
}

static bool hash_piece(struct berth_build_copied *this, struct berth_build_piece *piece, struct berth_hash *hash,
		       GError **error)
{
	char digest[BERTH_DIGEST_SIZE];

	hash_text(hash, piece->unpack ? "unpack" : "copy");
	if (S_ISDIR(piece->node->mode) && (piece->include || this->exclude)) {
		bool any = false;
		hash_text(hash, "part");
		return hash_part(this, piece, piece->node, "", hash, &any, error);
	}
	hash_text(hash, S_ISDIR(piece->node->mode) ? "" : piece->name);
	if (!berth_build_tree_node_digest(piece->tree, piece->node, digest, error))
		return false;
	hash_text(hash, digest);
	return true;
}

static bool compute_digest(struct finding *this, GError **error)
{
	struct berth_build_copied *copied = this->copied;
	g_autoptr(berth_hash) hash = berth_hash_new();
	g_autofree char *head = g_strdup_printf("copy 1 %d %u:%u %d %" G_GINT64_FORMAT, copied->owned, copied->uid,
						copied->gid, this->copy->link, copied->epoch);

	hash_text(hash, head);
	hash_text(hash, copied->destination);
	hash_text(hash, copied->chmod ? copied->chmod : "");
	for (guint i = 0; i < copied->pieces->len; i++) {
		struct berth_build_piece *piece = copied->pieces->pdata[i];
		g_rec_mutex_lock(&piece->tree->lock);
		bool done = hash_piece(copied, piece, hash, error);
		g_rec_mutex_unlock(&piece->tree->lock);
		if (!done)
			return false;
	}
	berth_hash_digest(g_steal_pointer(&hash), copied->digest);
	return true;
}

static char *destination_of(const struct berth_build_copy *copy)
{
	const char *given = copy->destination;
	bool folder = g_str_has_suffix(given, "/") || g_str_has_suffix(given, "/.") || g_str_equal(given, ".");
	g_autofree char *whole =
		*given == '/' ? g_strdup(given) : g_strconcat(copy->folder ? copy->folder : "/", "/", given, NULL);
	g_autofree char *clean = clean_path(whole);

	return g_strconcat("/", clean, folder && *clean ? "/" : "", NULL);
}

static bool find(struct finding *this, int root, GError **error)
{
	const struct berth_build_copy *copy = this->copy;
	struct berth_build_copied *copied = this->copied;

	if (!berth_build_owner(root, copy->chown, &copied->uid, &copied->gid, error))
		return false;
	copied->owned = copy->chown && *copy->chown;
	if (copy->chmod && *copy->chmod && !berth_build_mode_check(copy->chmod, error))
		return false;
	copied->chmod = copy->chmod && *copy->chmod ? g_strdup(copy->chmod) : NULL;
	if (copy->excludes && *copy->excludes &&
	    !(copied->exclude = berth_ignore_new((const char *const *) copy->excludes, error)))
		return false;
	return add_sources(this, error) && compute_digest(this, error);
}

struct berth_build_copied *berth_build_copy_find(const struct berth_build_copy *copy, int root, GError **error)
{
	g_autoptr(berth_build_copied) copied = g_new0(struct berth_build_copied, 1);
	struct finding finding = {copy, copied};

	copied->pieces = g_ptr_array_new_with_free_func(piece_free);
	copied->destination = destination_of(copy);
	copied->epoch = copy->epoch;
	copied->last = copy->last ? copy->tree : NULL;
	if (copy->options) {
		copied->canceled = copy->options->canceled;
		copied->data = copy->options->data;
	}
	return find(&finding, root, error) ? g_steal_pointer(&copied) : NULL;
}
