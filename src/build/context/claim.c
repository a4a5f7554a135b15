// SPDX-License-Identifier: Apache-2.0
// A context as its client lists it: a tree of nodes without files. Each entry is
//
//	MODE SIZE XATTRS DIGEST PATH\0
//
// with MODE in octal, kind included; SIZE in bytes, of a device its number; how many extended attributes follow; the
// content's SHA-256 in hex ("-" of what is no regular file); and a clean relative path, a folder's before what is in
// it. Behind a symbolic link stands its target and a NUL, then each attribute: "SIZE NAME\0" and its value.
//
// What is listed is only claimed. A step's key that is made of it finds what the cache has of files that are so, and
// those were hashed here when they came; who claims what he does not have gets what he could have had by naming the
// image. Nothing is ever stored under such a key: before a step is done the files come, are hashed again, and its key
// is made anew of what came.
#include "build/context/tree-internal.h"

#include "base/error.h"
#include "base/limits.h"

#include <string.h>
#include <sys/mman.h>

#define DIGITS 64 // of a SHA-256
#define NO_DIGEST "-"
#define OVERLAY_PREFIX "trusted.overlay."

struct reading {
	struct berth_build_tree *tree;
	const char *next, *end;
	struct berth_build_node *folder; // that the last entry was in
	char *path; // of it, "" is the top
};

static bool is_damaged(const char *what, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "the listing of the context: %s", what);
}

// What stands before the next NUL; NULL: there is none.
static const char *take_text(struct reading *this)
{
	const char *text = this->next;
	const char *nul = memchr(text, '\0', (size_t) (this->end - text));

	if (!nul)
		return NULL;
	this->next = nul + 1;
	return text;
}

// A number with a blank behind it.
static bool take_number(const char **at, unsigned base, uint64_t *ret)
{
	char *end;

	if (!g_ascii_isdigit(**at))
		return false;
	*ret = g_ascii_strtoull(*at, &end, base);
	if (*end != ' ' || end - *at > 20)
		return false;
	*at = end + 1;
	return true;
}

static bool is_kind(mode_t mode)
{
	static const mode_t kinds[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR, S_IFBLK};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if ((mode & S_IFMT) == kinds[i])
			return true;
	return false;
}

// Whether each component is a name.
static bool is_clean(const char *path)
{
	size_t depth = 0;

	for (const char *part = path;; part++) {
		size_t length = strcspn(part, "/");
		if (length == 0 || length > NAME_MAX || ++depth > BERTH_LIMIT_ARCHIVE_DEPTH ||
		    (part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.'))))
			return false;
		part += length;
		if (!*part)
			return part - path <= BERTH_LIMIT_ARCHIVE_PATH;
	}
}

// The folder that `path`, of `length` bytes, is; it has been listed.
static bool enter(struct reading *this, const char *path, size_t length)
{
	if (strlen(this->path) == length && memcmp(this->path, path, length) == 0)
		return true;
	g_autofree char *whole = g_strndup(path, length);
	g_auto(GStrv) names = g_strsplit(whole, "/", -1);
	struct berth_build_node *folder = this->tree->top;

	for (char **name = names; folder && *name; name++)
		folder = berth_build_node_child(folder, *name);
	if (!folder || !S_ISDIR(folder->mode))
		return false;
	g_free(this->path);
	this->path = g_steal_pointer(&whole);
	this->folder = folder;
	return true;
}

static bool take_xattr(struct reading *this, struct berth_build_node *node, GError **error)
{
	const char *text = take_text(this);
	uint64_t size;

	if (!text || !take_number(&text, 10, &size) || !*text || size > (uint64_t) (this->end - this->next))
		return is_damaged("an extended attribute is damaged", error);
	if (size > BERTH_LIMIT_XATTR_BYTES || g_str_has_prefix(text, OVERLAY_PREFIX))
		return is_damaged("an extended attribute that no context may have", error);
	if (!node->xattrs)
		node->xattrs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
	g_hash_table_replace(node->xattrs, g_strdup(text), g_bytes_new(this->next, size));
	this->next += size;
	return true;
}

static bool set_content(struct berth_build_node *node, uint64_t size, const char *digest, size_t length)
{
	bool regular = S_ISREG(node->mode);

	if (!regular || length != DIGITS || strspn(digest, "0123456789abcdef") != DIGITS || size > INT64_MAX)
		return !regular && length == strlen(NO_DIGEST) && *digest == *NO_DIGEST;
	node->content = berth_build_content_new();
	node->content->size = (int64_t) size;
	g_snprintf(node->content->digest, sizeof node->content->digest, "sha256:%.*s", DIGITS, digest);
	return true;
}

// *ret_node is one without a parent yet.
static bool take_node(struct reading *this, struct berth_build_node **ret_node, uint64_t *ret_xattrs, GError **error)
{
	const char *text = take_text(this), *digest, *path;
	uint64_t mode, size;

	if (!text || !take_number(&text, 8, &mode) || !take_number(&text, 10, &size) ||
	    !take_number(&text, 10, ret_xattrs) || !(path = strchr(digest = text, ' ')) || !is_kind((mode_t) mode) ||
	    mode > (S_IFMT | 07777))
		return is_damaged("an entry is damaged", error);
	size_t length = (size_t) (path++ - digest);
	const char *slash = strrchr(path, '/');
	if (!is_clean(path) || !enter(this, path, slash ? (size_t) (slash - path) : 0) ||
	    berth_build_node_child(this->folder, slash ? slash + 1 : path))
		return is_damaged("a path that is not clean, or has no folder, or comes twice", error);
	g_autoptr(berth_build_node) node = berth_build_node_new(slash ? slash + 1 : path, (mode_t) mode);
	if (!set_content(node, size, digest, length))
		return is_damaged("a digest is damaged", error);
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode))
		node->device = (dev_t) size;
	if (S_ISLNK(node->mode)) {
		const char *target = take_text(this);
		if (!target || !*target)
			return is_damaged("a symbolic link without a target", error);
		node->mode = S_IFLNK | 0777;
		node->target = g_strdup(target);
	}
	*ret_node = g_steal_pointer(&node);
	return true;
}

static bool take_entry(struct reading *this, GError **error)
{
	struct berth_build_node *made = NULL;
	uint64_t xattrs;

	if (++this->tree->entries > BERTH_LIMIT_CONTEXT_ENTRIES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the context has more than %d entries",
				       BERTH_LIMIT_CONTEXT_ENTRIES);
	if (!take_node(this, &made, &xattrs, error))
		return false;
	g_autoptr(berth_build_node) node = made;
	for (; xattrs > 0; xattrs--)
		if (!take_xattr(this, node, error))
			return false;
	berth_build_node_add(this->folder, g_steal_pointer(&node));
	return true;
}

struct berth_build_tree *berth_build_tree_claimed(int listing, GError **error)
{
	g_autoptr(berth_build_tree) tree = berth_build_tree_empty();
	struct stat status;
	void *bytes = NULL;

	if (fstat(listing, &status) < 0 ||
	    (status.st_size > 0 &&
	     (bytes = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, listing, 0)) == MAP_FAILED)) {
		berth_error_set_errno(error, errno, "read the listing of the context");
		return NULL;
	}
	struct reading reading = {
		.tree = tree, .next = bytes, .end = (const char *) bytes + status.st_size, .folder = tree->top};
	bool good = true;

	reading.path = g_strdup("");
	while (good && reading.next < reading.end)
		good = take_entry(&reading, error);
	g_free(reading.path);
	if (bytes)
		munmap(bytes, (size_t) status.st_size);
	tree->claimed = true;
	return good ? g_steal_pointer(&tree) : NULL;
}

bool berth_build_tree_is_claimed(const struct berth_build_tree *this)
{
	return this->claimed;
}
