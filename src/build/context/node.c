// SPDX-License-Identifier: Apache-2.0
#include "build/context/node.h"

#include "base/error.h"

#include <string.h>
#include <sys/xattr.h>

struct berth_build_content *berth_build_content_new(void)
{
	struct berth_build_content *this = g_new0(struct berth_build_content, 1);

	g_atomic_ref_count_init(&this->references);
	return this;
}

struct berth_build_content *berth_build_content_ref(struct berth_build_content *this)
{
	g_atomic_ref_count_inc(&this->references);
	return this;
}

void berth_build_content_unref(struct berth_build_content *this)
{
	if (this && g_atomic_ref_count_dec(&this->references))
		g_free(this);
}

static void free_child(gpointer node)
{
	berth_build_node_free(node);
}

struct berth_build_node *berth_build_node_new(const char *name, mode_t mode)
{
	struct berth_build_node *this = g_new0(struct berth_build_node, 1);

	this->name = g_strdup(name);
	this->mode = mode;
	return this;
}

void berth_build_node_free(struct berth_build_node *this)
{
	if (!this)
		return;
	g_clear_pointer(&this->children, g_hash_table_unref);
	g_clear_pointer(&this->xattrs, g_hash_table_unref);
	berth_build_content_unref(this->content);
	g_free(this->target);
	g_free(this->name);
	g_free(this);
}

static void forget_digests(struct berth_build_node *this)
{
	for (; this; this = this->parent)
		*this->digest = '\0';
}

void berth_build_node_add(struct berth_build_node *folder, struct berth_build_node *child)
{
	if (!folder->children)
		folder->children = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_child);
	child->parent = folder;
	g_hash_table_replace(folder->children, child->name, child);
	forget_digests(folder);
}

void berth_build_node_remove(struct berth_build_node *child)
{
	struct berth_build_node *folder = child->parent;

	g_hash_table_remove(folder->children, child->name);
	forget_digests(folder);
}

struct berth_build_node *berth_build_node_child(const struct berth_build_node *folder, const char *name)
{
	return folder->children ? g_hash_table_lookup(folder->children, name) : NULL;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	const struct berth_build_node *const *one = a, *const *other = b;

	return strcmp((*one)->name, (*other)->name);
}

GPtrArray *berth_build_node_sorted(const struct berth_build_node *folder)
{
	GPtrArray *sorted = g_ptr_array_new();
	GHashTableIter children;
	gpointer child;

	if (!folder->children)
		return sorted;
	g_hash_table_iter_init(&children, folder->children);
	while (g_hash_table_iter_next(&children, NULL, &child))
		g_ptr_array_add(sorted, child);
	g_ptr_array_sort(sorted, by_name);
	return sorted;
}

char *berth_build_node_path(const struct berth_build_node *this)
{
	GString *path = g_string_new(NULL);

	for (; this->parent; this = this->parent) {
		if (path->len > 0)
			g_string_prepend_c(path, '/');
		g_string_prepend(path, this->name);
	}
	return g_string_free(path, false);
}

bool berth_build_node_set_xattrs(const struct berth_build_node *node, int fd, const char *path, GError **error)
{
	GHashTableIter all;
	gpointer name, value;

	if (!node->xattrs)
		return true;
	g_hash_table_iter_init(&all, node->xattrs);
	while (g_hash_table_iter_next(&all, &name, &value)) {
		gsize size;
		const void *data = g_bytes_get_data(value, &size);
		int result = fd >= 0 ? fsetxattr(fd, name, data, size, 0) : lsetxattr(path, name, data, size, 0);
		if (result < 0)
			return berth_error_set_errno(error, errno, "set extended attribute %s", (const char *) name);
	}
	return true;
}
