// SPDX-License-Identifier: Apache-2.0
// An archive that is an OCI layout; of one image also what Docker loads, by its manifest.json. The same result gives
// the same bytes.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/tar-header.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512
#define CHUNK (256 << 10)

static bool write_header(int fd, const char *name, char type, int64_t size, GError **error)
{
	const struct berth_tar_header header = {
		.name = name, .type = type, .mode = type == '5' ? 0755 : 0644, .size = size};
	g_autoptr(GByteArray) blocks = g_byte_array_new();

	return berth_tar_header_append(blocks, &header, error) &&
	       berth_write_all(fd, blocks->data, blocks->len, "archive", error);
}

static bool write_zeros(int fd, size_t count, GError **error)
{
	static const guint8 zeros[2 * BLOCK];

	return berth_write_all(fd, zeros, count, "archive", error);
}

static bool write_text(int fd, const char *name, const char *text, GError **error)
{
	size_t length = strlen(text);

	return write_header(fd, name, '0', (int64_t) length, error) &&
	       berth_write_all(fd, text, length, "archive", error) && write_zeros(fd, -length & (BLOCK - 1), error);
}

static bool write_json(int fd, const char *name, const json_t *json, GError **error)
{
	g_autofree char *text = berth_json_text(json);

	return write_text(fd, name, text, error);
}

static char *blob_path(const char *digest)
{
	return g_strconcat("blobs/sha256/", digest + strlen("sha256:"), NULL);
}

static bool write_blob(const struct berth_build_out *out, int fd, const char *digest, GError **error)
{
	g_autofree char *path = blob_path(digest);
	g_autofree uint8_t *chunk = g_malloc(CHUNK);
	int64_t size, left;
	berth_fd blob = berth_blob_open(berth_store_blobs(out->store), digest, &size, error);

	if (blob < 0 || !write_header(fd, path, '0', size, error))
		return false;
	for (left = size; left > 0;) {
		ssize_t length = read(blob, chunk, (size_t) MIN(left, CHUNK));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return berth_error_set_errno(error, length < 0 ? errno : EIO, "read blob %s", digest);
		if (!berth_write_all(fd, chunk, (size_t) length, "archive", error))
			return false;
		left -= length;
	}
	return write_zeros(fd, (size_t) (-size & (BLOCK - 1)), error);
}

static int compare(const void *left, const void *right)
{
	return strcmp(*(const char *const *) left, *(const char *const *) right);
}

static GPtrArray *digests_of(const struct berth_build_bundle *bundle)
{
	GPtrArray *digests = g_ptr_array_new();

	for (guint i = 0; i < bundle->blobs->len; i++)
		g_ptr_array_add(digests, ((struct oci_descriptor *) bundle->blobs->pdata[i])->digest);
	for (guint i = 0; i < bundle->manifests->len; i++)
		g_ptr_array_add(digests, ((struct oci_descriptor *) bundle->manifests->pdata[i])->digest);
	if (bundle->manifests->len > 1)
		g_ptr_array_add(digests, bundle->root->digest);
	g_ptr_array_sort(digests, compare);
	return digests;
}

// index.json: the root once for each name, or once without.
static bool write_index(int fd, const struct berth_build_bundle *bundle, char *const *names, GError **error)
{
	g_autoptr(oci_index) index = berth_document_new(&oci_index_document);

	index->schema_version = 2;
	index->media_type = g_strdup(OCI_MEDIA_INDEX);
	index->manifests = berth_objects_new();
	do {
		struct oci_descriptor *root = berth_document_copy(&oci_descriptor_document, bundle->root);
		if (*names) {
			if (!root->annotations)
				root->annotations = berth_map_new();
			g_hash_table_insert(root->annotations, g_strdup(CONTAINERD_ANNOTATION_IMAGE_NAME),
					    g_strdup(*names));
			g_hash_table_insert(root->annotations, g_strdup(OCI_ANNOTATION_REF_NAME),
					    g_strdup(strrchr(*names, ':') + 1));
		}
		g_ptr_array_add(index->manifests, root);
	} while (*names && *++names);
	BERTH_AUTO_JSON json_t *json = berth_document_print(&oci_index_document, index, 0);
	return write_json(fd, "index.json", json, error);
}

static bool write_docker(int fd, const struct berth_build_bundle *bundle, char *const *names, GError **error)
{
	g_autofree char *config = blob_path(bundle->config);
	BERTH_AUTO_JSON json_t *image = json_pack("{s:s, s:[], s:[]}", "Config", config, "RepoTags", "Layers");
	BERTH_AUTO_JSON json_t *list = json_pack("[O]", image);

	for (; *names; names++) {
		g_autofree char *familiar = berth_image_familiar(*names);
		json_array_append_new(json_object_get(image, "RepoTags"), json_string(familiar));
	}
	for (guint i = 0; i < bundle->layers->len; i++) {
		g_autofree char *path = blob_path(bundle->layers->pdata[i]);
		json_array_append_new(json_object_get(image, "Layers"), json_string(path));
	}
	return write_json(fd, "manifest.json", list, error);
}

bool berth_build_write_layout(const struct berth_build_out *out, const struct berth_build_bundle *bundle,
			      const struct berth_build_way *way, GError **error)
{
	g_autoptr(GPtrArray) digests = digests_of(bundle);

	if (!write_text(way->fd, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", error) ||
	    !write_index(way->fd, bundle, way->names, error) ||
	    (bundle->manifests->len == 1 && !g_str_equal(way->type, "cache") &&
	     !write_docker(way->fd, bundle, way->names, error)) ||
	    !write_header(way->fd, "blobs/", '5', 0, error) || !write_header(way->fd, "blobs/sha256/", '5', 0, error))
		return false;
	for (guint i = 0; i < digests->len; i++)
		if ((i == 0 || !g_str_equal(digests->pdata[i - 1], digests->pdata[i])) &&
		    !write_blob(out, way->fd, digests->pdata[i], error))
			return false;
	return write_zeros(way->fd, (size_t) 2 * BLOCK, error);
}
