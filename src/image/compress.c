// SPDX-License-Identifier: Apache-2.0
// Compressing the layers of an image that was made here, once, before it is pushed. The same content gives the same
// bytes.
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "image/decompress.h"

#include <isa-l/igzip_lib.h>
#include <string.h>

#define CHUNK (256 << 10)
#define LEVEL 1
#define LEVEL_BUFFER ISAL_DEF_LVL1_DEFAULT

struct compressing {
	struct berth_transfer *transfer;
	struct berth_ingest *ingest;
	int fd;
	struct isal_zstream stream;
	uint8_t *input, *output, *buffer;
};

static bool compress_chunk(struct compressing *this, size_t length, GError **error)
{
	this->stream.next_in = this->input;
	this->stream.avail_in = (uint32_t) length;
	this->stream.end_of_stream = length < CHUNK;
	do {
		this->stream.next_out = this->output;
		this->stream.avail_out = CHUNK;
		if (isal_deflate(&this->stream) != COMP_OK)
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "compressing failed");
		if (!berth_ingest_write(this->ingest, this->output, CHUNK - this->stream.avail_out, error))
			return false;
	} while (this->stream.avail_out == 0);
	return true;
}

static bool compress_all(struct compressing *this, GError **error)
{
	struct isal_gzip_header header;
	ssize_t length;

	isal_gzip_header_init(&header);
	header.os = 255; // unknown: the bytes do not tell where they were made
	this->stream.next_out = this->output;
	this->stream.avail_out = CHUNK;
	if (isal_write_gzip_header(&this->stream, &header) != 0 ||
	    !berth_ingest_write(this->ingest, this->output, CHUNK - this->stream.avail_out, error))
		return false;
	do {
		if (!berth_transfer_check(this->transfer, error))
			return false;
		length = berth_read_full(this->fd, this->input, CHUNK);
		if (length < 0)
			return berth_error_set_errno(error, errno, "read the layer");
		if (!compress_chunk(this, (size_t) length, error))
			return false;
	} while (length == CHUNK);
	return true;
}

static bool compress_into(struct berth_transfer *transfer, int fd, struct berth_ingest *ingest, GError **error)
{
	struct compressing this = {.transfer = transfer, .ingest = ingest, .fd = fd};

	this.input = g_malloc(CHUNK);
	this.output = g_malloc(CHUNK);
	this.buffer = g_malloc(LEVEL_BUFFER);
	isal_deflate_init(&this.stream);
	this.stream.gzip_flag = IGZIP_GZIP_NO_HDR;
	this.stream.level = LEVEL;
	this.stream.level_buf = this.buffer;
	this.stream.level_buf_size = LEVEL_BUFFER;
	bool done = compress_all(&this, error);
	g_free(this.input);
	g_free(this.output);
	g_free(this.buffer);
	return done;
}

static char *compress_blob(struct berth_transfer *transfer, const char *digest, GError **error)
{
	struct berth_blobs *blobs = berth_store_blobs(transfer->images->store);
	char *compressed = NULL;
	berth_fd fd = berth_blob_open(blobs, digest, NULL, error);
	struct berth_ingest *ingest = fd < 0 ? NULL : berth_blob_ingest(blobs, NULL, NULL, error);

	if (!ingest)
		return NULL;
	if (!compress_into(transfer, fd, ingest, error)) {
		berth_ingest_abort(ingest, false);
		return NULL;
	}
	return berth_ingest_commit(ingest, NULL, -1, &compressed, error) ? compressed : NULL;
}

// Whether the blob is plain; -1 on failure.
static int is_plain(struct berth_transfer *transfer, const char *digest, GError **error)
{
	berth_fd fd = berth_blob_open(berth_store_blobs(transfer->images->store), digest, NULL, error);
	g_autoptr(berth_decompressor) decompressor =
		fd < 0 ? NULL : berth_decompressor_new(berth_source_of_fd(fd), error);

	return decompressor ? berth_decompressor_kind(decompressor) == BERTH_COMPRESSION_NONE : -1;
}

struct search {
	const char *diff_id, *digest;
	struct berth_lease *lease;
	GPtrArray *found; // other blobs of the same content
};

static bool note_image(void *data, const char *id, const char *name, const json_t *document)
{
	struct search *search = data;
	g_autoptr(berth_image_record) record = berth_document_parse(&berth_image_record_document, document, NULL);

	(void) id, (void) name;
	for (guint i = 0; record && i < record->layers->len; i++) {
		const struct berth_image_layer *layer = record->layers->pdata[i];
		if (!g_str_equal(layer->diff_id, search->diff_id) || g_str_equal(layer->digest, search->digest))
			continue;
		berth_lease_add(search->lease, BERTH_RECORD_BLOB, layer->digest);
		g_ptr_array_add(search->found, g_strdup(layer->digest));
	}
	return true;
}

// A compressed blob that another image has for the same content; NULL: there is none.
static char *find_compressed(struct berth_transfer *transfer, const struct berth_image_layer *layer)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	struct search search = {layer->diff_id, layer->digest, transfer->lease, found};
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(transfer->images->store), NULL);

	if (!transaction || !berth_record_each(transaction, BERTH_RECORD_IMAGE, note_image, &search, NULL))
		return NULL;
	for (guint i = 0; i < found->len; i++)
		if (is_plain(transfer, found->pdata[i], NULL) == 0)
			return g_strdup(found->pdata[i]);
	return NULL;
}

static bool compress_layer(struct berth_transfer *transfer, struct berth_image_layer *layer, bool *ret_changed,
			   GError **error)
{
	int plain = is_plain(transfer, layer->digest, error);

	if (plain <= 0)
		return plain == 0;
	char *compressed = find_compressed(transfer, layer);
	if (!compressed && !(compressed = compress_blob(transfer, layer->digest, error))) {
		g_prefix_error(error, "compress layer %s: ", layer->digest);
		return false;
	}
	g_free(layer->digest);
	layer->digest = compressed;
	*ret_changed = true;
	return true;
}

static bool write_record(struct berth_transfer *transfer, const char *id, const struct berth_image_record *record,
			 GError **error)
{
	BERTH_FAILPOINT("image.push.compressed");
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(transfer->images->store), error);
	// One that was removed meanwhile stays so.
	g_autoptr(berth_image_record) there = transaction ? berth_image_record_get(transaction, id, error) : NULL;

	return there && berth_image_record_put(transaction, id, record, error) &&
	       berth_transaction_commit(transaction, error);
}

static bool is_in_registry(char *const *names)
{
	for (; *names; names++)
		if (strchr(*names, '@'))
			return true;
	return false;
}

bool berth_push_compress(struct berth_transfer *transfer, const char *id, char *const *names,
			 struct berth_image_record *record, GError **error)
{
	bool changed = false;

	for (guint i = 0; i < record->layers->len && !is_in_registry(names); i++)
		if (!compress_layer(transfer, record->layers->pdata[i], &changed, error))
			return false;
	if (!changed)
		return true;
	g_autoptr(GHashTable) annotations = berth_image_manifest_annotations(transfer->images, record->manifest, error);
	char *manifest =
		annotations ? berth_image_manifest_put(transfer->images, id, record->layers, annotations, error) : NULL;
	if (!manifest)
		return false;
	g_free(record->manifest);
	record->manifest = manifest;
	return write_record(transfer, id, record, error);
}
