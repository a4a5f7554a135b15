// SPDX-License-Identifier: Apache-2.0
// Indexes: what a registry has is looked at as it is, and an index that was made by hand is pushed with all that it
// lists.
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/limits.h"
#include "image/origin.h"

#include <string.h>

bool berth_images_remote_manifest(struct berth_images *images, const char *name,
				  const struct berth_transfer_options *options, struct berth_manifest *ret,
				  GError **error)
{
	struct berth_transfer transfer;
	bool done =
		berth_transfer_begin(&transfer, images, name, false, options, error) &&
		berth_repository_manifest(transfer.repository,
					  transfer.name.digest ? transfer.name.digest : transfer.name.tag, ret, error);

	berth_transfer_end(&transfer);
	return done;
}

// Where a manifest that the index lists is.
struct source {
	struct berth_transfer *transfer;
	struct berth_image_name name;
	struct berth_repository *repository; // the transfer's own, if it is that
	struct berth_manifest text;
	struct oci_manifest *manifest;
};

static bool open_source(struct source *source, const char *text, GError **error)
{
	struct berth_transfer *transfer = source->transfer;
	struct berth_image_name *name = &source->name;

	if (!berth_image_name_parse(text, name, error))
		return false;
	bool same_host = g_str_equal(name->domain, transfer->name.domain);
	if (same_host && g_str_equal(name->path, transfer->name.path)) {
		source->repository = transfer->repository;
		return true;
	}
	source->repository = berth_repository_new(
		transfer->options->registries, &(struct berth_repository_options){
						       .domain = name->domain,
						       .path = name->path,
						       .credentials = same_host ? transfer->options->credentials : NULL,
						       .canceled = berth_transfer_stopped,
						       .data = transfer,
					       });
	return true;
}

static void close_source(struct source *source)
{
	if (source->repository != source->transfer->repository)
		berth_repository_free(source->repository);
	berth_image_name_clear(&source->name);
	berth_manifest_clear(&source->text);
	oci_manifest_free(source->manifest);
}

static bool copy_blob(struct source *source, const struct oci_descriptor *descriptor, GError **error)
{
	struct berth_transfer *transfer = source->transfer;
	struct berth_fetch fetch = {.descriptor = descriptor};
	bool there = false;

	if (!berth_repository_has_blob(transfer->repository, descriptor->digest, &there, error))
		return false;
	if (!there && g_str_equal(source->name.domain, transfer->name.domain) &&
	    !berth_repository_mount_blob(transfer->repository, descriptor->digest, source->name.path, &there, error))
		return false;
	return there || (berth_transfer_fetch(transfer, source->repository, &fetch, error) &&
			 berth_repository_upload(transfer->repository, berth_store_blobs(transfer->images->store),
						 descriptor, NULL, NULL, error));
}

static bool copy_blobs(struct source *source, GError **error)
{
	for (guint i = 0; i <= source->manifest->layers->len; i++) {
		const struct oci_descriptor *descriptor = i < source->manifest->layers->len
								  ? source->manifest->layers->pdata[i]
								  : source->manifest->config;
		if (!berth_transfer_check(source->transfer, error))
			return false;
		if (!copy_blob(source, descriptor, error)) {
			g_prefix_error(error, "blob %s: ", descriptor->digest);
			return false;
		}
	}
	return true;
}

// Brings a manifest and what it names into the repository.
static bool copy_manifest(struct source *source, const struct oci_descriptor *descriptor, GError **error)
{
	if (!berth_repository_manifest(source->repository, descriptor->digest, &source->text, error))
		return false;
	if ((int64_t) source->text.length != descriptor->size)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has %zu bytes, the index says %" G_GINT64_FORMAT,
				       source->text.length, descriptor->size);
	if (source->repository == source->transfer->repository)
		return true;
	source->manifest = berth_document_parse_text(&oci_manifest_document, source->text.text, source->text.length,
						     "manifest", error);
	return source->manifest && copy_blobs(source, error) &&
	       berth_repository_put_manifest(source->transfer->repository, descriptor->digest, &source->text, error);
}

static bool copy_listed(struct berth_transfer *transfer, const struct oci_descriptor *descriptor, const char *from,
			GError **error)
{
	struct source source = {.transfer = transfer};
	bool done = open_source(&source, from, error) && copy_manifest(&source, descriptor, error);

	close_source(&source);
	if (!done)
		g_prefix_error(error, "manifest %s: ", descriptor->digest);
	return done;
}

static bool put_index(struct berth_transfer *transfer, const struct oci_index *index, char **ret_digest, GError **error)
{
	struct berth_manifest manifest = {
		.media_type = index->media_type ? index->media_type : (char *) OCI_MEDIA_INDEX,
		.text = berth_document_print_text(&oci_index_document, index, 0),
	};
	char digest[BERTH_DIGEST_SIZE];
	struct berth_hash *hash = berth_hash_new();

	manifest.length = strlen(manifest.text);
	berth_hash_update(hash, manifest.text, manifest.length);
	berth_hash_digest(hash, digest);
	manifest.digest = digest;
	bool done = berth_repository_put_manifest(transfer->repository, transfer->name.tag, &manifest, error);
	g_free(manifest.text);
	if (done)
		*ret_digest = g_strdup(digest);
	return done;
}

static bool push_index(struct berth_transfer *transfer, const struct oci_index *index, char *const *sources,
		       char **ret_digest, GError **error)
{
	guint count = index->manifests ? index->manifests->len : 0;

	if (transfer->name.digest)
		return berth_error_set(error, BERTH_ERROR_INVALID, "cannot push a digest reference");
	if (g_strv_length((char **) sources) != count)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the index lists %u manifests, there are %u sources",
				       count, g_strv_length((char **) sources));
	for (guint i = 0; i < count; i++)
		if (!copy_listed(transfer, index->manifests->pdata[i], sources[i], error))
			return false;
	return put_index(transfer, index, ret_digest, error);
}

bool berth_images_push_index(struct berth_images *images, const char *name, const struct oci_index *index,
			     char *const *sources, const struct berth_transfer_options *options, char **ret_digest,
			     GError **error)
{
	struct berth_transfer transfer;
	bool done = berth_transfer_begin(&transfer, images, name, true, options, error) &&
		    push_index(&transfer, index, sources, ret_digest, error);

	berth_transfer_end(&transfer);
	return done;
}
