// SPDX-License-Identifier: Apache-2.0
// Many things become visible together. Syncing each by itself is what makes a build of many small steps slow: here one
// sync of the file system comes before, and one of each folder behind the renames.
#include "store/blob-internal.h"
#include "store/snapshot-internal.h"
#include "store/store.h"

#include "base/error.h"
#include "base/failpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER_PREFIX BERTH_SNAPSHOT_KIND " "

struct settling {
	struct berth_snapshots *snapshots;
	struct berth_transaction *transaction;
	struct berth_settle_layer *layers;
	size_t count;
	size_t renamed; // of them, from the first; those that exist already are passed over
};

// One call if all lies on one file system, as it does unless somebody mounted a folder of the data root.
static bool sync_content(struct berth_store *store, GError **error)
{
	int snapshots = berth_store_snapshots(store)->folder, blobs = berth_blobs_folder(berth_store_blobs(store));
	struct stat one, other;

	if (syncfs(snapshots) < 0 || fstat(snapshots, &one) < 0 || fstat(blobs, &other) < 0 ||
	    (one.st_dev != other.st_dev && syncfs(blobs) < 0))
		return berth_error_set_errno(error, errno, "sync the data root");
	return true;
}

// Those that stand on `id` stand on `name` from now on.
static bool move_children(struct settling *this, const char *id, const char *name, GError **error)
{
	g_auto(GStrv) users = berth_record_users(this->transaction, BERTH_SNAPSHOT_KIND, id, error);

	if (!users)
		return false;
	for (char **user = users; *user; user++) {
		if (!g_str_has_prefix(*user, USER_PREFIX))
			return berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s is in use by %s", id, *user);
		const char *child = *user + strlen(USER_PREFIX);
		g_autoptr(berth_snapshot_record) record = berth_snapshot__get(this->transaction, child, error);
		if (!record)
			return false;
		g_free(record->parent);
		record->parent = g_strdup(name);
		if (!berth_snapshot__put(this->transaction, child, record, error))
			return false;
	}
	return true;
}

static bool settle_record(struct settling *this, struct berth_settle_layer *layer, GError **error)
{
	g_autoptr(berth_snapshot_record) record = berth_snapshot__get(this->transaction, layer->id, error),
					 there = NULL;

	if (!record || !berth_snapshot__find(this->transaction, layer->chain_id, &there, error))
		return false;
	if (record->committed || !record->frozen)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "snapshot %s is not frozen", layer->id);
	layer->exists = there != NULL;
	if (there)
		return there->committed || berth_error_set(error, BERTH_ERROR_CONFLICT,
							   "snapshot %s exists and is not committed", layer->chain_id);
	struct berth_snapshot_record made = {.parent = (char *) layer->parent, .committed = true};
	return move_children(this, layer->id, layer->chain_id, error) &&
	       berth_snapshot__put(this->transaction, layer->chain_id, &made, error) &&
	       berth_record_remove(this->transaction, BERTH_SNAPSHOT_KIND, layer->id, error);
}

static bool rename_layer(const struct settling *this, const struct berth_settle_layer *layer, bool back)
{
	g_autofree char *from = berth_snapshot__folder("", layer->id);
	g_autofree char *to = berth_snapshot__folder("", layer->chain_id);
	int folder = this->snapshots->folder;

	return layer->exists || renameat(folder, back ? to : from, folder, back ? from : to) == 0;
}

static bool settle_layers(struct settling *this, GError **error)
{
	for (size_t i = 0; i < this->count; i++)
		if (!settle_record(this, &this->layers[i], error))
			return false;
	for (; this->renamed < this->count; this->renamed++)
		if (!rename_layer(this, &this->layers[this->renamed], false))
			return berth_error_set_errno(error, errno, "rename the folder of snapshot %s",
						     this->layers[this->renamed].id);
	BERTH_FAILPOINT("store.settle.renamed");
	return this->count == 0 || fsync(this->snapshots->folder) == 0 ||
	       berth_error_set_errno(error, errno, "sync the folder of snapshots");
}

static bool settle(struct settling *this, struct berth_store *store, berth_settle_fn *also, void *data, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(store), error);

	this->transaction = transaction;
	if (transaction && settle_layers(this, error) && (!also || also(data, transaction, error)) &&
	    berth_transaction_commit(transaction, error))
		return true;
	while (this->renamed > 0)
		rename_layer(this, &this->layers[--this->renamed], true);
	return false;
}

bool berth_store_settle(struct berth_store *store, struct berth_ingest *const *ingests, size_t ingest_count,
			struct berth_settle_layer *layers, size_t layer_count, berth_settle_fn *also, void *data,
			GError **error)
{
	struct settling this = {.snapshots = berth_store_snapshots(store), .layers = layers, .count = layer_count};
	struct berth_snapshots *snapshots = this.snapshots;

	for (size_t i = 0; i < layer_count && snapshots->commit; i++)
		snapshots->commit(snapshots->commit_data, BERTH_SNAPSHOT_KIND, layers[i].chain_id);
	if (ingest_count + layer_count > 0 && !sync_content(store, error)) {
		for (size_t i = 0; i < ingest_count; i++)
			berth_ingest_abort(ingests[i], false);
		return false;
	}
	BERTH_FAILPOINT("store.settle.synced");
	return berth_ingests_publish(berth_store_blobs(store), ingests, ingest_count, error) &&
	       settle(&this, store, also, data, error);
}
