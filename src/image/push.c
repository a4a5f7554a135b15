// SPDX-License-Identifier: Apache-2.0
// The blobs go first, the manifest last: what a registry shows is whole. An image is pushed with the manifest that it
// came with, byte for byte; one that was made here gets its plain layers compressed before, once.
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/limits.h"
#include "image/origin.h"

#include <string.h>

struct push {
	struct berth_transfer *transfer;
	struct berth_image_name name; // borrowed members, with a tag
	char *id;
	char **names; // of the image
	struct berth_image_record *record;
	struct berth_manifest text;
	struct oci_manifest *manifest;
};

static void push_clear(struct push *this)
{
	g_free(this->id);
	g_strfreev(this->names);
	berth_image_record_free(this->record);
	berth_manifest_clear(&this->text);
	oci_manifest_free(this->manifest);
}

static bool not_here(struct berth_transaction *transaction, const struct push *this, GError **error)
{
	struct berth_image_name repository = this->name;

	repository.tag = NULL;
	g_autofree char *prefix = g_strconcat(this->name.domain, "/", this->name.path, ":", NULL);
	g_autofree char *familiar = berth_image_name_familiar(&repository);
	g_auto(GStrv) others = berth_record_ids_by_prefix(transaction, BERTH_RECORD_TAG, prefix, 1, error);
	if (!others)
		return false;
	if (others[0])
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "tag does not exist: %s:%s", familiar,
				       this->name.tag);
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "An image does not exist locally with the tag: %s",
			       familiar);
}

static void lease(const struct push *this)
{
	struct berth_lease *held = this->transfer->lease;

	berth_lease_add(held, BERTH_RECORD_BLOB, this->id);
	berth_lease_add(held, BERTH_RECORD_BLOB, this->record->manifest);
	for (guint i = 0; i < this->record->layers->len; i++)
		berth_lease_add(held, BERTH_RECORD_BLOB,
				((struct berth_image_layer *) this->record->layers->pdata[i])->digest);
}

static bool find(struct push *this, GError **error)
{
	g_autofree char *full = berth_image_name_full(&this->name);
	GError *failure = NULL;
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->transfer->images->store), error);

	if (!transaction)
		return false;
	this->id = berth_tag_record_image(transaction, full, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!this->id)
		return not_here(transaction, this, error);
	if (!(this->record = berth_image_record_get(transaction, this->id, error)) ||
	    !(this->names = berth_image_record_names(transaction, this->id, error)))
		return false;
	lease(this);
	return true;
}

static bool read_manifest(struct push *this, GError **error)
{
	this->text.digest = g_strdup(this->record->manifest);
	this->text.text = berth_blob_read(berth_store_blobs(this->transfer->images->store), this->record->manifest,
					  BERTH_LIMIT_MANIFEST, &this->text.length, error);
	if (!this->text.text)
		return false;
	this->manifest = berth_document_parse_text(&oci_manifest_document, this->text.text, this->text.length,
						   this->record->manifest, error);
	if (!this->manifest)
		return false;
	this->text.media_type = g_strdup(this->manifest->media_type ? this->manifest->media_type : OCI_MEDIA_MANIFEST);
	return true;
}

static bool push_blobs(struct push *this, GError **error)
{
	g_autofree char **diff_ids = g_new0(char *, this->record->layers->len + 1);

	if (this->manifest->layers->len != this->record->layers->len)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "manifest %s does not have the image's layers",
				       this->record->manifest);
	for (guint i = 0; i < this->record->layers->len; i++)
		diff_ids[i] = ((struct berth_image_layer *) this->record->layers->pdata[i])->diff_id;
	return berth_push_blobs(this->transfer, this->manifest, diff_ids, error);
}

// The image is known under the digest from now on, if it is still here.
static bool record(const struct push *this, GError **error)
{
	g_autofree char *by_digest = g_strconcat(this->name.domain, "/", this->name.path, "@", this->text.digest, NULL);
	g_autofree char *familiar = berth_image_name_familiar(&this->name);
	g_autofree char *repository = g_strconcat(this->name.domain, "/", this->name.path, NULL);
	struct berth_images *images = this->transfer->images;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);
	g_autoptr(berth_image_record) there = transaction ? berth_image_record_get(transaction, this->id, error) : NULL;

	return there && berth_tag_record_put_digest(transaction, by_digest, this->text.digest, this->id, error) &&
	       berth_origin_note_all(transaction, this->manifest, repository, error) &&
	       berth_images_tell(images, transaction, "push", this->id, familiar, error) &&
	       berth_transaction_commit(transaction, error);
}

static void tell_result(const struct push *this)
{
	g_autofree char *line =
		g_strdup_printf("%s: digest: %s size: %zu", this->name.tag, this->text.digest, this->text.length);

	berth_transfer_tell(this->transfer, NULL, line);
	berth_transfer_tell_aux(this->transfer, json_pack("{s:s, s:s, s:I}", "Tag", this->name.tag, "Digest",
							  this->text.digest, "Size", (json_int_t) this->text.length));
}

static bool push_found(struct push *this, GError **error)
{
	if (!berth_push_compress(this->transfer, this->id, this->names, this->record, error) ||
	    !read_manifest(this, error) || !push_blobs(this, error) ||
	    !berth_repository_put_manifest(this->transfer->repository, this->name.tag, &this->text, error))
		return false;
	BERTH_FAILPOINT("image.push.recording");
	if (!record(this, error))
		return false;
	tell_result(this);
	return true;
}

static void tell_repository(struct berth_transfer *transfer)
{
	g_autofree char *line =
		g_strdup_printf("The push refers to repository [%s/%s]", transfer->name.domain, transfer->name.path);

	berth_transfer_tell(transfer, NULL, line);
}

static bool push_one(struct berth_transfer *transfer, const char *tag, bool first, GError **error)
{
	struct push this = {.transfer = transfer, .name = transfer->name};

	this.name.tag = (char *) tag;
	bool done = find(&this, error);
	if (done && first)
		tell_repository(transfer);
	done = done && push_found(&this, error);
	push_clear(&this);
	return done;
}

static bool push_all(struct berth_transfer *transfer, GError **error)
{
	g_autofree char *prefix = g_strconcat(transfer->name.domain, "/", transfer->name.path, ":", NULL);
	g_auto(GStrv) names = NULL;
	{
		g_autoptr(berth_transaction) transaction =
			berth_transaction_begin(berth_store_database(transfer->images->store), error);
		if (!transaction || !(names = berth_record_ids_by_prefix(transaction, BERTH_RECORD_TAG, prefix,
									 BERTH_LIMIT_TAGS, error)))
			return false;
	}
	if (!names[0])
		return push_one(transfer, transfer->name.tag, true, error); // which says that there is none
	for (char **name = names; *name; name++)
		if (!berth_transfer_check(transfer, error) ||
		    !push_one(transfer, *name + strlen(prefix), name == names, error)) {
			g_prefix_error(error, "%s: ", *name);
			return false;
		}
	return true;
}

bool berth_images_push(struct berth_images *images, const char *name, const struct berth_transfer_options *options,
		       GError **error)
{
	struct berth_transfer transfer;
	bool done = berth_transfer_begin(&transfer, images, name, true, options, error);

	if (done && transfer.name.digest)
		done = berth_error_set(error, BERTH_ERROR_INVALID, "cannot push a digest reference");
	else if (done)
		done = options->all_tags ? push_all(&transfer, error)
					 : push_one(&transfer, transfer.name.tag, true, error);
	berth_transfer_end(&transfer);
	return done;
}
