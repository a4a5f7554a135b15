// SPDX-License-Identifier: Apache-2.0
// How layers are compressed on their way out: what attributes say of it, and the doing. Layers are kept as they are;
// what goes out otherwise is made for that. What is compressed already goes as it is unless that is forced.
#include "build/output/internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "image/layer-writer.h"

#include <string.h>

#define CHUNK (256 << 10)

static const struct {
	enum berth_compression kind;
	const char *name, *media, *docker_media;
} kinds[] = {
	{BERTH_COMPRESSION_NONE, "uncompressed", OCI_MEDIA_LAYER, DOCKER_MEDIA_LAYER},
	{BERTH_COMPRESSION_GZIP, "gzip", OCI_MEDIA_LAYER_GZIP, DOCKER_MEDIA_LAYER_GZIP},
	{BERTH_COMPRESSION_ZSTD, "zstd", OCI_MEDIA_LAYER_ZSTD, DOCKER_MEDIA_LAYER_ZSTD},
};

// Attributes

bool berth_build_switch_read(const char *name, const char *value, bool *ret, GError **error)
{
	if (!*value || g_str_equal(value, "true") || g_str_equal(value, "1"))
		*ret = true;
	else if (g_str_equal(value, "false") || g_str_equal(value, "0"))
		*ret = false;
	else
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s=%s: is neither true nor false", name, value);
	return true;
}

static bool read_kind(struct berth_build_packing *packing, const char *value, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_str_equal(kinds[i].name, value)) {
			packing->kind = kinds[i].kind;
			packing->given = true;
			return true;
		}
	if (g_str_equal(value, "estargz"))
		return berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"compression=estargz: this engine has no use for layers that are read lazily, and "
			"does not make any; use gzip or zstd");
	return berth_error_set(error, BERTH_ERROR_INVALID, "compression=%s: expected uncompressed, gzip or zstd",
			       value);
}

static bool read_level(struct berth_build_packing *packing, const char *value, GError **error)
{
	gint64 level;

	if (!g_ascii_string_to_signed(value, 10, 0, G_MAXINT, &level, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "compression-level=%s: expected a number", value);
	packing->level = (int) level;
	return true;
}

bool berth_build_packing_read(struct berth_build_packing *packing, const char *name, const char *value, bool *ret_is,
			      GError **error)
{
	*ret_is = true;
	if (g_str_equal(name, "compression"))
		return read_kind(packing, value, error);
	if (g_str_equal(name, "compression-level"))
		return read_level(packing, value, error);
	if (g_str_equal(name, "force-compression"))
		return berth_build_switch_read(name, value, &packing->force, error);
	*ret_is = false;
	return true;
}

bool berth_build_packing_check(struct berth_build_packing *packing, GError **error)
{
	if (packing->level != BERTH_COMPRESSION_USUAL) {
		if (!packing->given)
			packing->kind = BERTH_COMPRESSION_GZIP; // so it is with BuildKit
		packing->given = true;
		if (packing->kind == BERTH_COMPRESSION_NONE)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "compression-level=%d: what is uncompressed has no level",
					       packing->level);
		if (!berth_compression_check_level(packing->kind, packing->level, error)) {
			g_prefix_error(error, "compression-level=%d: ", packing->level);
			return false;
		}
	}
	packing->given = packing->given || packing->force;
	return true;
}

// Layers

static bool write_piece(void *data, const void *bytes, size_t length, GError **error)
{
	return berth_ingest_write(data, bytes, length, error);
}

static bool pump(const struct berth_build_out *out, struct berth_decompressor *from, struct berth_layer_writer *to,
		 GError **error)
{
	const struct berth_build_listener *listener = out->listener;
	g_autofree uint8_t *chunk = g_malloc(CHUNK);
	gssize length;

	while ((length = berth_decompressor_read(from, chunk, CHUNK, error)) > 0) {
		if (listener && listener->canceled && listener->canceled(listener->data))
			return berth_error_set(error, BERTH_ERROR_CANCELED, "the build was canceled");
		if (!berth_layer_writer_add(to, chunk, (size_t) length, error))
			return false;
	}
	return length == 0;
}

static char *write_layer(const struct berth_build_out *out, struct berth_decompressor *from,
			 const struct berth_build_packing *packing, GError **error)
{
	struct berth_ingest *ingest = berth_blob_ingest(berth_store_blobs(out->store), NULL, NULL, error);
	g_autofree char *digest = NULL;
	struct berth_layer_diff made;

	if (!ingest)
		return NULL;
	const struct berth_layer_diff_options options = {
		.compression = packing->kind, .level = &packing->level, .write = write_piece, .data = ingest};
	g_autoptr(berth_layer_writer) writer = berth_layer_writer_new(-1, &options);
	if (!pump(out, from, writer, error) || !berth_layer_writer_finish(writer, &made, error)) {
		berth_ingest_abort(ingest, false);
		return NULL;
	}
	berth_lease_add(out->lease, BERTH_RECORD_BLOB, made.digest);
	return berth_ingest_commit(ingest, made.digest, made.size, &digest, error) ? g_steal_pointer(&digest) : NULL;
}

static const char *media_of(enum berth_compression kind, bool docker)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (kinds[i].kind == kind)
			return docker ? kinds[i].docker_media : kinds[i].media;
	return OCI_MEDIA_LAYER;
}

char *berth_build_layer_blob(const struct berth_build_out *out, const char *digest,
			     const struct berth_build_packing *packing, const char **ret_media, GError **error)
{
	berth_fd fd = berth_blob_open(berth_store_blobs(out->store), digest, NULL, error);
	g_autoptr(berth_decompressor) from = fd < 0 ? NULL : berth_decompressor_new(berth_source_of_fd(fd), error);

	if (!from)
		return NULL;
	enum berth_compression kind = berth_decompressor_kind(from);
	bool stays = kind == packing->kind || (kind != BERTH_COMPRESSION_NONE && !packing->force);
	*ret_media = media_of(stays ? kind : packing->kind, packing->docker);
	return stays ? g_strdup(digest) : write_layer(out, from, packing, error);
}
