// SPDX-License-Identifier: Apache-2.0
// What a name names is asked first: when the registry's answer is what was pulled before, that is all. Else the
// manifest (through the index, by platform), the configuration and the layers come, in this order, each checked before
// what it names is asked for. Records are written at the end, in one transaction; the lease keeps all of it until then.
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "image/manifest-read.h"
#include "image/origin.h"
#include "image/platform.h"

#include <string.h>

#define INDEX_DEPTH 4 // of indexes in indexes

// One image in the course of its pull.
struct pull {
	struct berth_transfer *transfer;
	const struct oci_platform *platform;
	struct berth_image_name name; // borrowed members: what is pulled, with a tag or a digest
	char *digest; // of what the name names
	char *by_digest; // "host/path@digest"
	char *manifest_digest;
	struct oci_manifest *manifest;
	struct oci_image *image;
	struct berth_image_record *record;
};

static void pull_clear(struct pull *this)
{
	g_free(this->digest);
	g_free(this->by_digest);
	g_free(this->manifest_digest);
	oci_manifest_free(this->manifest);
	oci_image_free(this->image);
	berth_image_record_free(this->record);
}

static bool runs(const struct pull *this, const struct oci_image *image)
{
	return berth_platform_rank(this->platform, image->os, image->architecture, image->variant) >= 0;
}

// Whether the name pointed already to an image that has come from what it names now. *ret_id is what it pointed to.
static bool is_recorded(const struct pull *this, char **ret_id, bool *ret, GError **error)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->transfer->images->store), error);
	g_autofree char *full = berth_image_name_full(&this->name);
	GError *failure = NULL;

	if (!transaction)
		return false;
	g_autofree char *pulled = berth_tag_record_image(transaction, this->by_digest, &failure);
	*ret_id = failure ? NULL : berth_tag_record_image(transaction, full, &failure);
	*ret = pulled && *ret_id && g_str_equal(pulled, *ret_id);
	if (failure)
		g_propagate_error(error, failure);
	return !failure;
}

static bool is_up_to_date(const struct pull *this, bool *ret, GError **error)
{
	char **ret_image = this->transfer->options->ret_image;
	g_autofree char *id = NULL;

	if (!is_recorded(this, &id, ret, error))
		return false;
	if (*ret) {
		// Of an index, another platform's image may have been pulled.
		g_autoptr(oci_image) image = berth_images_config(this->transfer->images, id, NULL);
		*ret = image && runs(this, image);
	}
	if (*ret && ret_image)
		*ret_image = g_steal_pointer(&id);
	return true;
}

// Reads a manifest, or the one for the platform through indexes. `size` -1: unknown.
static bool read_document(struct pull *this, const char *digest, int64_t size, const struct berth_manifest *resolved,
			  int depth, GError **error)
{
	size_t length;
	g_autofree char *text = berth_transfer_document(this->transfer, digest, resolved, &length, error);
	g_autoptr(oci_descriptor) chosen = NULL;

	if (!text)
		return false;
	if (size >= 0 && (size_t) size != length)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "manifest %s has %zu bytes, its index says %" G_GINT64_FORMAT, digest, length,
				       size);
	if (!berth_manifest_read(text, length, digest, this->platform, &this->manifest, &chosen, error))
		return false;
	if (this->manifest) {
		this->manifest_digest = g_strdup(digest);
		return true;
	}
	if (depth == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "indexes are nested too deep");
	return read_document(this, chosen->digest, chosen->size, NULL, depth - 1, error);
}

static bool check_platform(const struct pull *this, GError **error)
{
	const struct oci_image *image = this->image;

	if (!this->transfer->options->platform || runs(this, image))
		return true;
	g_autofree char *wanted = berth_platform_string(this->platform);
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND,
			       "image was found but does not match the specified platform: wanted %s, actual: "
			       "%s/%s%s%s",
			       wanted, image->os, image->architecture, image->variant ? "/" : "",
			       image->variant ? image->variant : "");
}

static bool read_config(struct pull *this, GError **error)
{
	struct berth_fetch fetch = {.descriptor = this->manifest->config};

	if (!berth_transfer_fetch(this->transfer, this->transfer->repository, &fetch, error))
		return false;
	BERTH_FAILPOINT("image.pull.config-fetched");
	this->image = berth_images_config(this->transfer->images, this->manifest->config->digest, error);
	return this->image && berth_manifest_check_image(this->manifest, this->image, error) &&
	       check_platform(this, error);
}

// The image may be here, from another place or another manifest: then all that it needs is, and stays.
static bool find_record(struct pull *this, GError **error)
{
	struct berth_lease *lease = this->transfer->lease;
	const char *id = this->manifest->config->digest;
	GError *failure = NULL;
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->transfer->images->store), error);

	if (!transaction)
		return false;
	this->record = berth_image_record_get(transaction, id, &failure);
	if (!this->record && !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		g_propagate_error(error, failure);
		return false;
	}
	g_clear_error(&failure);
	if (!this->record)
		return true;
	berth_lease_add(lease, BERTH_RECORD_BLOB, this->record->manifest);
	for (guint i = 0; i < this->record->layers->len; i++) {
		const struct berth_image_layer *layer = this->record->layers->pdata[i];
		berth_lease_add(lease, BERTH_RECORD_BLOB, layer->digest);
		berth_lease_add(lease, BERTH_RECORD_SNAPSHOT, layer->chain_id);
	}
	return true;
}

static void tell_existing(const struct pull *this)
{
	for (guint i = 0; i < this->manifest->layers->len; i++) {
		const struct oci_descriptor *layer = this->manifest->layers->pdata[i];
		char id[BERTH_TRANSFER_ID + 1];
		berth_transfer_short_id(layer->digest, id);
		berth_transfer_tell_layer(this->transfer, id, "Already exists");
	}
}

static bool get_layers(struct pull *this, GError **error)
{
	if (!find_record(this, error))
		return false;
	if (this->record) {
		tell_existing(this);
		return true;
	}
	GPtrArray *layers = berth_pull_layers(this->transfer, this->manifest, this->image->rootfs->diff_ids, error);
	if (layers)
		this->record = berth_image_record_new(this->image, g_strdup(this->manifest_digest), layers);
	return layers != NULL;
}

// Whether the tag, which points to image `before` (NULL: it is not there), is to point to this one.
static bool moves_tag(const struct pull *this, const char *before, bool *ret, GError **error)
{
	g_autoptr(oci_platform) machine = berth_platform_parse(NULL, error);
	g_autofree char *wanted = berth_platform_string(this->platform);

	*ret = this->name.tag;
	if (!machine || !*ret || !this->transfer->options->keep_tags)
		return machine;
	g_autofree char *own = berth_platform_string(machine);
	if (!(*ret = g_str_equal(wanted, own)) || !before)
		return true;
	// One that cannot be read is no loss.
	g_autoptr(oci_image) image = berth_images_config(this->transfer->images, before, NULL);
	*ret = !image || runs(this, image);
	return true;
}

// *ret_newer: the name did not point to the image before.
static bool record(struct pull *this, bool *ret_newer, GError **error)
{
	const char *id = this->manifest->config->digest;
	g_autofree char *repository = g_strconcat(this->name.domain, "/", this->name.path, NULL);
	struct berth_images *images = this->transfer->images;
	bool moves;
	g_autofree char *full = berth_image_name_full(&this->name), *familiar = berth_image_name_familiar(&this->name);
	GError *failure = NULL;

	BERTH_FAILPOINT("image.pull.recording");
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(images->store), error);
	if (!transaction)
		return false;
	g_autofree char *before = berth_tag_record_image(transaction, full, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	*ret_newer = g_strcmp0(before, id) != 0;
	if (!moves_tag(this, before, &moves, error))
		return false;
	// What an index's digest names is the image that the tag names.
	const char *digest = moves || !this->name.tag ? this->digest : this->manifest_digest;
	g_autofree char *by_digest = g_strconcat(repository, "@", digest, NULL);
	return berth_image_record_add(transaction, id, this->record, error) &&
	       (!moves || berth_tag_record_put(transaction, full, id, error)) &&
	       berth_tag_record_put_digest(transaction, by_digest, digest, id, error) &&
	       berth_origin_note_all(transaction, this->manifest, repository, error) &&
	       berth_images_tell(images, transaction, "pull", id, familiar, error) &&
	       berth_transaction_commit(transaction, error);
}

// In the words that Docker's users and scripts know.
static void explain(const struct pull *this, GError *failure, GError **error)
{
	struct berth_image_name repository = this->name;
	g_autofree char *familiar = berth_image_name_familiar(&this->name);

	repository.tag = repository.digest = NULL;
	g_autofree char *name = berth_image_name_familiar(&repository);
	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_prefix_error(&failure, "manifest for %s not found: ", familiar);
	else if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_UNAUTHORIZED) ||
		 g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_FORBIDDEN))
		g_prefix_error(
			&failure,
			"pull access denied for %s, repository does not exist or may require 'docker login': ", name);
	g_propagate_error(error, failure);
}

static bool resolve(struct pull *this, struct berth_manifest *ret, GError **error)
{
	const char *reference = this->name.digest ? this->name.digest : this->name.tag;
	GError *failure = NULL;

	if (!berth_repository_resolve(this->transfer->repository, reference, ret, &failure)) {
		explain(this, failure, error);
		return false;
	}
	this->digest = g_strdup(ret->digest);
	this->by_digest = g_strconcat(this->name.domain, "/", this->name.path, "@", this->digest, NULL);
	g_autofree char *line = g_strconcat("Pulling from ", this->name.path, NULL);
	berth_transfer_tell(this->transfer, reference, line);
	BERTH_FAILPOINT("image.pull.resolved");
	return true;
}

static bool pull_resolved(struct pull *this, const struct berth_manifest *resolved, bool *ret_newer, GError **error)
{
	bool same;

	*ret_newer = false;
	berth_lease_add(this->transfer->lease, BERTH_RECORD_BLOB, this->digest);
	if (!is_up_to_date(this, &same, error))
		return false;
	if (!same && !(read_document(this, this->digest, -1, resolved, INDEX_DEPTH, error) &&
		       read_config(this, error) && get_layers(this, error) && record(this, ret_newer, error)))
		return false;
	char **ret_image = this->transfer->options->ret_image;
	if (!same && ret_image)
		*ret_image = g_strdup(this->manifest->config->digest);
	g_autofree char *line = g_strconcat("Digest: ", this->digest, NULL);
	berth_transfer_tell(this->transfer, NULL, line);
	return true;
}

static bool pull_one(struct berth_transfer *transfer, const struct oci_platform *platform, const char *tag,
		     bool *ret_newer, GError **error)
{
	struct pull this = {.transfer = transfer, .platform = platform, .name = transfer->name};
	struct berth_manifest resolved = {NULL};

	if (tag)
		this.name.tag = (char *) tag;
	if (this.name.digest) // it says more than a tag beside it
		this.name.tag = NULL;
	bool done = resolve(&this, &resolved, error) && pull_resolved(&this, &resolved, ret_newer, error);
	berth_manifest_clear(&resolved);
	pull_clear(&this);
	return done;
}

static bool pull_all(struct berth_transfer *transfer, const struct oci_platform *platform, bool *ret_newer,
		     GError **error)
{
	g_auto(GStrv) tags = berth_repository_tags(transfer->repository, error);

	*ret_newer = false;
	for (char **tag = tags; tag && *tag; tag++) {
		bool newer;
		if (!berth_transfer_check(transfer, error) || !pull_one(transfer, platform, *tag, &newer, error)) {
			g_prefix_error(error, "tag %s: ", *tag);
			return false;
		}
		*ret_newer = *ret_newer || newer;
	}
	return tags != NULL;
}

static bool pull(struct berth_transfer *transfer, GError **error)
{
	const struct berth_transfer_options *options = transfer->options;
	g_autoptr(oci_platform) platform = berth_platform_parse(options->platform, error);
	struct berth_image_name shown = transfer->name;
	bool newer;

	if (!platform)
		return false;
	if (options->all_tags && shown.digest)
		return berth_error_set(error, BERTH_ERROR_INVALID, "a digest cannot be used with all tags");
	if (options->all_tags || shown.digest)
		shown.tag = NULL;
	if (!(options->all_tags ? pull_all(transfer, platform, &newer, error)
				: pull_one(transfer, platform, NULL, &newer, error)))
		return false;
	g_autofree char *familiar = berth_image_name_familiar(&shown);
	g_autofree char *line = g_strconcat(
		newer ? "Status: Downloaded newer image for " : "Status: Image is up to date for ", familiar, NULL);
	berth_transfer_tell(transfer, NULL, line);
	return true;
}

bool berth_images_pull(struct berth_images *images, const char *name, const struct berth_transfer_options *options,
		       GError **error)
{
	struct berth_transfer transfer;
	bool done = berth_transfer_begin(&transfer, images, name, false, options, error) && pull(&transfer, error);

	berth_transfer_end(&transfer);
	return done;
}
