// SPDX-License-Identifier: Apache-2.0
// Blobs go up in parallel, in threads of their own, each only if the repository does not have it: from the top layer
// down, as Docker does, then the configuration.
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "image/origin.h"

struct item {
	struct pushing *pushing;
	const struct oci_descriptor *descriptor;
	char id[BERTH_TRANSFER_ID + 1]; // "" is not told of
	bool again; // the same blob stands before it in the list
	int64_t pushing_told;
};

struct pushing {
	struct berth_transfer *transfer;
	struct item *items;
	guint count, next; // next: by the transfer's lock
};

static void tell(const struct item *item, const char *status)
{
	if (item->id[0])
		berth_transfer_tell_layer(item->pushing->transfer, item->id, status);
}

static void note_upload(void *data, int64_t bytes)
{
	struct item *item = data;

	if (item->id[0])
		berth_transfer_tell_bytes(item->pushing->transfer, item->id, "Pushing", bytes, item->descriptor->size,
					  &item->pushing_told);
}

// Takes the blob from another repository of the host. *ret says whether one had it.
static bool mount(struct item *item, bool *ret, GError **error)
{
	struct berth_transfer *transfer = item->pushing->transfer;
	g_auto(GStrv) paths = NULL;
	{
		g_autoptr(berth_transaction) transaction =
			berth_transaction_begin(berth_store_database(transfer->images->store), error);
		if (!transaction ||
		    !(paths = berth_origin_paths(transaction, item->descriptor->digest, transfer->name.domain, error)))
			return false;
	}
	*ret = false;
	for (char **path = paths; *path && !*ret; path++) {
		if (g_str_equal(*path, transfer->name.path))
			continue;
		if (!berth_repository_mount_blob(transfer->repository, item->descriptor->digest, *path, ret, error))
			return false;
		if (*ret) {
			g_autofree char *status = g_strconcat("Mounted from ", *path, NULL);
			tell(item, status);
		}
	}
	return true;
}

static bool push_item(struct item *item, GError **error)
{
	struct berth_transfer *transfer = item->pushing->transfer;
	const struct oci_descriptor *descriptor = item->descriptor;
	bool there = false, mounted = false;

	if (!berth_transfer_check(transfer, error) ||
	    !berth_repository_has_blob(transfer->repository, descriptor->digest, &there, error))
		return false;
	if (there) {
		tell(item, "Layer already exists");
		return true;
	}
	if (!mount(item, &mounted, error))
		return false;
	if (mounted)
		return true;
	if (!berth_repository_upload(transfer->repository, berth_store_blobs(transfer->images->store), descriptor,
				     note_upload, item, error))
		return false;
	BERTH_FAILPOINT("image.push.uploaded");
	tell(item, "Pushed");
	return true;
}

static gpointer push_items(gpointer data)
{
	struct pushing *this = data;

	for (;;) {
		struct berth_transfer *transfer = this->transfer;
		struct item *item = NULL;
		GError *failure = NULL;
		pthread_mutex_lock(&transfer->lock);
		while (this->next < this->count && this->items[this->next].again)
			this->next++;
		if (this->next < this->count && !transfer->failure)
			item = &this->items[this->next++];
		pthread_mutex_unlock(&transfer->lock);
		if (!item)
			return NULL;
		if (!push_item(item, &failure)) {
			if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CANCELED))
				g_prefix_error(&failure, "blob %s: ", item->descriptor->digest);
			berth_transfer_fail(transfer, failure);
		}
	}
}

static void plan(struct pushing *this, const struct oci_manifest *manifest, char *const *diff_ids)
{
	guint layers = manifest->layers->len;

	this->count = layers + 1;
	this->items = g_new0(struct item, this->count);
	for (guint i = 0; i < this->count; i++) {
		struct item *item = &this->items[i];
		item->pushing = this;
		item->descriptor = i < layers ? manifest->layers->pdata[layers - 1 - i] : manifest->config;
		if (diff_ids && i < layers)
			berth_transfer_short_id(diff_ids[layers - 1 - i], item->id);
		for (guint j = 0; j < i; j++)
			item->again =
				item->again || g_str_equal(this->items[j].descriptor->digest, item->descriptor->digest);
		tell(item, "Preparing");
	}
	for (guint i = (guint) berth_registries_uploads(this->transfer->options->registries); i < layers; i++)
		tell(&this->items[i], "Waiting");
}

static void run(struct pushing *this)
{
	guint uploads = MIN(this->count, (guint) berth_registries_uploads(this->transfer->options->registries));

	berth_transfer_join(berth_transfer_threads(this->transfer, "upload", uploads, push_items, this));
}

bool berth_push_blobs(struct berth_transfer *transfer, const struct oci_manifest *manifest, char *const *diff_ids,
		      GError **error)
{
	struct pushing this = {.transfer = transfer};

	plan(&this, manifest, diff_ids);
	run(&this);
	for (guint i = 0; i < this.count && !transfer->failure; i++)
		if (this.items[i].again)
			tell(&this.items[i], "Layer already exists");
	g_free(this.items);
	bool failed = transfer->failure != NULL;
	if (failed)
		g_propagate_error(error, g_steal_pointer(&transfer->failure));
	return !failed;
}
