// SPDX-License-Identifier: Apache-2.0
// What a tree of files is made of, kept in memory: attributes and digests by name. A context's nodes are made while it
// is unpacked, so that nothing of it is read twice; those of a snapshot when they are asked for.
#pragma once

#include "store/blob.h"

#include <sys/stat.h>

// Of a regular file, which may have several names.
struct berth_build_content {
	gatomicrefcount references;
	int64_t size;
	bool shared; // it has several names
	char digest[BERTH_DIGEST_SIZE]; // "": not known yet
	gint linked; // it has become a file of a layer: what wants it again copies it
};

struct berth_build_node {
	char *name; // of the top: ""
	struct berth_build_node *parent; // NULL: the top
	mode_t mode; // kind and permissions
	uint32_t uid, gid;
	dev_t device;
	struct timespec mtime;
	char *target; // of a symbolic link
	bool shared; // a link or device has several names; of a regular file its content says so
	GHashTable *xattrs; // GBytes by name; NULL: none
	struct berth_build_content *content; // of a regular file
	GHashTable *children; // of a folder, by name; NULL: not read yet
	char digest[BERTH_DIGEST_SIZE]; // of a folder with all beneath it; "": not known
};

struct berth_build_node *berth_build_node_new(const char *name, mode_t mode);
void berth_build_node_free(struct berth_build_node *node);
// Takes `child`; one of the same name goes. Digests of the folders above are forgotten.
void berth_build_node_add(struct berth_build_node *folder, struct berth_build_node *child);
void berth_build_node_remove(struct berth_build_node *child); // and frees it
struct berth_build_node *berth_build_node_child(const struct berth_build_node *folder, const char *name);
// The children, which must have been read, by the bytes of their names: a new array of borrowed nodes.
GPtrArray *berth_build_node_sorted(const struct berth_build_node *folder);
// Gives the file its extended attributes: by descriptor, or where that is -1 by a path, which may be a link.
bool berth_build_node_set_xattrs(const struct berth_build_node *node, int fd, const char *path, GError **error);
// "a/b" of a node; "" is the top.
char *berth_build_node_path(const struct berth_build_node *node);

struct berth_build_content *berth_build_content_new(void);
struct berth_build_content *berth_build_content_ref(struct berth_build_content *content);
void berth_build_content_unref(struct berth_build_content *content);

typedef struct berth_build_node berth_build_node;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_build_node, berth_build_node_free)
