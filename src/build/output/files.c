// SPDX-License-Identifier: Apache-2.0
// A result as files: its root as an archive, which the client unpacks for type=local. Of several platforms each has a
// folder of its own, "linux_arm64"; what is attested lies beside the files.
#include "build/output/internal.h"

#include "base/fd.h"
#include "base/tree-tar.h"

#include <string.h>

#define BLOCK 512

int berth_build_root(const struct berth_build_out *out, const struct berth_build_made *made, GError **error)
{
	const struct berth_image_layer *top = made->layers->len > 0 ? made->layers->pdata[made->layers->len - 1] : NULL;
	int root = -1;

	if (top && !berth_snapshot_mount(berth_store_snapshots(out->store), top->chain_id, &root, error))
		return -1;
	return root;
}

struct writing {
	int fd;
	GError *error;
};

static bool write_piece(void *data, const void *bytes, size_t length)
{
	struct writing *this = data;

	return berth_write_all(this->fd, bytes, length, "archive", &this->error);
}

static bool write_entry(int fd, const char *name, char type, const char *text, GError **error)
{
	static const guint8 zeros[BLOCK];
	size_t length = text ? strlen(text) : 0;
	const struct berth_tar_header header = {
		.name = name, .type = type, .mode = type == '5' ? 0755 : 0644, .size = (int64_t) length};
	g_autoptr(GByteArray) blocks = g_byte_array_new();

	if (!berth_tar_header_append(blocks, &header, error))
		return false;
	g_byte_array_append(blocks, (const guint8 *) text, (guint) length);
	g_byte_array_append(blocks, zeros, (guint) (-length & (BLOCK - 1)));
	return berth_write_all(fd, blocks->data, blocks->len, "archive", error);
}

static bool write_tree(int root, const char *folder, int fd, GError **error)
{
	struct writing this = {fd, NULL};
	const struct berth_tree_tar options = {.write = write_piece, .data = &this, .name = folder, .open_end = true};
	g_autoptr(GError) failure = NULL;

	if (berth_tree_tar_write(&options, root, ".", &failure))
		return true;
	g_propagate_error(error, this.error ? this.error : g_steal_pointer(&failure));
	return false;
}

static bool write_statements(const struct berth_build_out *out, const struct berth_build_made *made, const char *folder,
			     int fd, GError **error)
{
	g_autoptr(GHashTable) statements = berth_build_statements(out, made, NULL, error);
	GHashTableIter iter;
	gpointer name, text;

	if (!statements)
		return false;
	g_hash_table_iter_init(&iter, statements);
	while (g_hash_table_iter_next(&iter, &name, &text)) {
		g_autofree char *path = folder ? g_build_filename(folder, name, NULL) : g_strdup(name);
		if (!write_entry(fd, path, '0', text, error))
			return false;
	}
	return true;
}

static bool write_one(const struct berth_build_out *out, const struct berth_build_made *made, const char *folder,
		      int fd, GError **error)
{
	GError *failure = NULL;
	berth_fd root = berth_build_root(out, made, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (root < 0 && folder) { // nothing is in it
		g_autofree char *name = g_strconcat(folder, "/", NULL);
		if (!write_entry(fd, name, '5', NULL, error))
			return false;
	}
	return (root < 0 || write_tree(root, folder, fd, error)) && write_statements(out, made, folder, fd, error);
}

bool berth_build_write_files(const struct berth_build_out *out, const struct berth_build_made *made, size_t count,
			     int fd, GError **error)
{
	static const guint8 end[2 * BLOCK];

	for (size_t i = 0; i < count; i++) {
		g_autofree char *folder = count > 1 ? g_strdelimit(g_strdup(made[i].platform), "/", '_') : NULL;
		if (!write_one(out, &made[i], folder, fd, error))
			return false;
	}
	return berth_write_all(fd, end, sizeof end, "archive", error);
}
