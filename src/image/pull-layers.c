// SPDX-License-Identifier: Apache-2.0
// Layers come in parallel, in threads of their own; the calling thread unpacks them, lowest first, each while it is
// still coming. What was unpacked becomes a layer only after its blob was found to be what its digest says, and is
// synced.
//
// A layer's state is guarded by the transfer's lock; `changed` tells of it.
#include "image/transfer-internal.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"
#include "image/layer-stream.h"
#include "image/unpack-internal.h"

enum state {
	STATE_WAITING,
	STATE_COMING, // `reader` follows it
	STATE_HERE, // in the store
	STATE_FAILED, // the transfer's failure says why
};

struct layer {
	struct pulling *pulling;
	const struct oci_descriptor *descriptor;
	const char *diff_id, *parent; // parent: a chain id or NULL
	char *chain_id;
	char id[BERTH_TRANSFER_ID + 1];
	bool here; // nothing is to be done
	enum state state;
	unsigned attempt; // counts how often the coming began
	struct berth_ingest_reader *reader; // of the last attempt, until it is taken
	int64_t downloading, extracting; // when their progress was told
	int64_t used; // bytes of the blob that were unpacked
};

struct pulling {
	struct berth_transfer *transfer;
	struct layer *layers;
	guint count, next; // next: the first that nobody fetches yet, by the transfer's lock
	GHashTable *pairs; // "<blob> <diff id>" of the layers of all images
	GHashTable *sizes; // chain id -> int64_t *
	GError *failure; // of reading records
};

static char *pair_of(const char *digest, const char *diff_id)
{
	return g_strconcat(digest, " ", diff_id, NULL);
}

static bool note_image(void *data, const char *id, const char *name, const json_t *document)
{
	struct pulling *this = data;
	g_autoptr(berth_image_record) record =
		berth_document_parse(&berth_image_record_document, document, &this->failure);

	(void) id, (void) name;
	for (guint i = 0; record && i < record->layers->len; i++) {
		const struct berth_image_layer *layer = record->layers->pdata[i];
		g_hash_table_add(this->pairs, pair_of(layer->digest, layer->diff_id));
		g_hash_table_insert(this->sizes, g_strdup(layer->chain_id),
				    g_memdup2(&layer->size, sizeof layer->size));
	}
	return record != NULL;
}

// What the images that are here tell of layers.
static bool note_images(struct pulling *this, GError **error)
{
	g_autoptr(berth_transaction) transaction =
		berth_transaction_begin(berth_store_database(this->transfer->images->store), error);

	if (!transaction || !berth_record_each(transaction, BERTH_RECORD_IMAGE, note_image, this, error))
		return false;
	if (!this->failure)
		return true;
	g_propagate_error(error, g_steal_pointer(&this->failure));
	return false;
}

static bool is_known(const struct pulling *this, const struct layer *layer)
{
	g_autofree char *pair = pair_of(layer->descriptor->digest, layer->diff_id);

	return g_hash_table_contains(this->pairs, pair);
}

// The content that the blob has is known to be the layer's, and both are here.
static bool is_here(const struct pulling *this, const struct layer *layer)
{
	struct berth_store *store = this->transfer->images->store;

	berth_lease_add(this->transfer->lease, BERTH_RECORD_BLOB, layer->descriptor->digest);
	berth_lease_add(this->transfer->lease, BERTH_RECORD_SNAPSHOT, layer->chain_id);
	return is_known(this, layer) &&
	       berth_transfer_size_here(this->transfer, layer->descriptor->digest) == layer->descriptor->size &&
	       berth_snapshot_exists(berth_store_snapshots(store), layer->chain_id);
}

static void plan(struct pulling *this, const struct oci_manifest *manifest, char *const *diff_ids)
{
	const char *parent = NULL;
	int downloads = berth_registries_downloads(this->transfer->options->registries);

	this->count = manifest->layers->len;
	this->layers = g_new0(struct layer, this->count);
	for (guint i = 0; i < this->count; i++) {
		struct layer *layer = &this->layers[i];
		layer->pulling = this;
		layer->descriptor = manifest->layers->pdata[i];
		layer->diff_id = diff_ids[i];
		layer->parent = parent;
		layer->chain_id = berth_image_chain_id(parent, layer->diff_id);
		parent = layer->chain_id;
		berth_transfer_short_id(layer->descriptor->digest, layer->id);
		layer->here = is_here(this, layer);
		berth_transfer_tell_layer(this->transfer, layer->id,
					  layer->here ? "Already exists" : "Pulling fs layer");
	}
	for (guint i = 0; i < this->count; i++)
		if (!this->layers[i].here && downloads-- <= 0)
			berth_transfer_tell_layer(this->transfer, this->layers[i].id, "Waiting");
}

// Fetching

static void set_state(struct layer *layer, enum state state)
{
	struct berth_transfer *transfer = layer->pulling->transfer;

	pthread_mutex_lock(&transfer->lock);
	layer->state = state;
	pthread_cond_broadcast(&transfer->changed);
	pthread_mutex_unlock(&transfer->lock);
}

static void follow(void *data, struct berth_ingest_reader *reader)
{
	struct layer *layer = data;
	struct berth_transfer *transfer = layer->pulling->transfer;

	pthread_mutex_lock(&transfer->lock);
	struct berth_ingest_reader *old = layer->reader;
	layer->reader = reader;
	layer->attempt++;
	layer->state = STATE_COMING;
	pthread_cond_broadcast(&transfer->changed);
	pthread_mutex_unlock(&transfer->lock);
	berth_ingest_reader_free(old);
}

static void note_download(void *data, int64_t bytes)
{
	struct layer *layer = data;

	berth_transfer_tell_bytes(layer->pulling->transfer, layer->id, "Downloading", bytes, layer->descriptor->size,
				  &layer->downloading);
}

static void note_fetched(void *data)
{
	struct layer *layer = data;

	berth_transfer_tell_layer(layer->pulling->transfer, layer->id, "Verifying Checksum");
}

static bool is_foreign(const struct oci_descriptor *descriptor)
{
	return descriptor->urls && descriptor->urls[0];
}

static void fetch_layer(struct layer *layer)
{
	struct berth_transfer *transfer = layer->pulling->transfer;
	struct berth_fetch fetch = {layer->descriptor, note_download, follow, note_fetched, layer};
	GError *failure = NULL;

	if (berth_transfer_check(transfer, &failure) &&
	    berth_transfer_fetch(transfer, transfer->repository, &fetch, &failure)) {
		berth_transfer_tell_layer(transfer, layer->id, "Download complete");
		set_state(layer, STATE_HERE);
		return;
	}
	if (is_foreign(layer->descriptor) && g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		g_prefix_error(&failure, "it is kept elsewhere (%s), where nothing is fetched from: ",
			       layer->descriptor->urls[0]);
	if (!g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CANCELED))
		g_prefix_error(&failure, "layer %s: ", layer->descriptor->digest);
	berth_transfer_fail(transfer, failure);
	set_state(layer, STATE_FAILED);
}

// The next layer that is to be fetched; NULL: there is none, or no sense in it.
static struct layer *take(struct pulling *this)
{
	struct layer *layer = NULL;

	pthread_mutex_lock(&this->transfer->lock);
	while (!layer && this->next < this->count && !this->transfer->failure) {
		layer = &this->layers[this->next++];
		if (layer->here)
			layer = NULL;
	}
	pthread_mutex_unlock(&this->transfer->lock);
	return layer;
}

static gpointer fetch_layers(gpointer data)
{
	for (struct layer *layer; (layer = take(data));)
		fetch_layer(layer);
	return NULL;
}

// Unpacking

struct source {
	struct layer *layer;
	struct berth_ingest_reader *reader; // or `fd`
	int fd;
	unsigned attempt;
};

static gssize read_source(void *data, void *buffer, size_t size, GError **error)
{
	struct source *source = data;
	struct layer *layer = source->layer;
	struct berth_transfer *transfer = layer->pulling->transfer;
	struct berth_source file = berth_source_of_fd(source->fd);

	if (!berth_transfer_check(transfer, error))
		return -1;
	gssize length = source->reader ? berth_ingest_reader_read(source->reader, buffer, size, error)
				       : file.read(file.data, buffer, size, error);
	layer->used += length > 0 ? length : 0;
	pthread_mutex_lock(&transfer->lock);
	bool here = layer->state == STATE_HERE;
	pthread_mutex_unlock(&transfer->lock);
	if (here && length > 0) // until then the layer's line tells of its download
		berth_transfer_tell_bytes(transfer, layer->id, "Extracting", layer->used, layer->descriptor->size,
					  &layer->extracting);
	return length;
}

// Waits for the layer to begin to come. False: it will not.
static bool open_source(struct layer *layer, struct source *ret, GError **error)
{
	struct berth_transfer *transfer = layer->pulling->transfer;

	pthread_mutex_lock(&transfer->lock);
	while (layer->state == STATE_WAITING && !transfer->failure)
		pthread_cond_wait(&transfer->changed, &transfer->lock);
	bool stopped = transfer->failure != NULL;
	*ret = (struct source){layer, g_steal_pointer(&layer->reader), -1, layer->attempt};
	pthread_mutex_unlock(&transfer->lock);
	layer->used = 0;
	if (!stopped && !ret->reader)
		ret->fd = berth_blob_open(berth_store_blobs(transfer->images->store), layer->descriptor->digest, NULL,
					  error);
	return ret->reader || ret->fd >= 0;
}

static void close_source(struct source *source)
{
	berth_ingest_reader_free(source->reader);
	berth_fd_clear(&source->fd);
}

// Waits until the blob that was read is in the store. False: it is not; *ret_again: it comes once more.
static bool wait_for_blob(const struct source *source, bool *ret_again)
{
	struct layer *layer = source->layer;
	struct berth_transfer *transfer = layer->pulling->transfer;

	pthread_mutex_lock(&transfer->lock);
	while (layer->state == STATE_COMING && layer->attempt == source->attempt)
		pthread_cond_wait(&transfer->changed, &transfer->lock);
	*ret_again = layer->attempt != source->attempt;
	bool here = layer->state == STATE_HERE && !*ret_again;
	pthread_mutex_unlock(&transfer->lock);
	return here;
}

// Unpacks into the active snapshot `id`; only the digest of the content is looked at when that is NULL.
static bool unpack(struct source *source, const char *id, GError **error)
{
	const struct layer *layer = source->layer;
	struct berth_snapshots *snapshots = berth_store_snapshots(layer->pulling->transfer->images->store);
	struct berth_source bytes = {read_source, source};
	char diff_id[BERTH_DIGEST_SIZE];

	if (id) {
		berth_fd content = berth_snapshot_open_content(snapshots, id, error);
		if (content < 0 ||
		    !berth_layer_unpack(bytes, content, berth_snapshots_whiteouts(snapshots), diff_id, error))
			return false;
	} else {
		g_autoptr(berth_layer_stream) stream =
			berth_layer_stream_new(bytes, berth_unpack_default_limits.stream, true, error);
		if (!stream || !berth_layer_stream_finish(stream, diff_id, error))
			return false;
	}
	return berth_image_check_diff_id(layer->descriptor->digest, layer->diff_id, diff_id, error);
}

static bool unpack_and_commit(struct source *source, bool *ret_again, GError **error)
{
	struct layer *layer = source->layer;
	struct berth_transfer *transfer = layer->pulling->transfer;
	struct berth_snapshots *snapshots = berth_store_snapshots(transfer->images->store);
	g_autofree char *unique = g_uuid_string_random(), *id = g_strconcat("unpack-", unique, NULL);
	bool unpacked = berth_snapshot_exists(snapshots, layer->chain_id); // by another image, with another blob

	if (!unpacked) {
		berth_lease_add(transfer->lease, BERTH_RECORD_SNAPSHOT, id);
		if (!berth_snapshot_prepare(snapshots, id, layer->parent, error))
			return false;
		BERTH_FAILPOINT("image.pull.prepared");
	}
	bool done = unpack(source, unpacked ? NULL : id, error);
	// A failure may come from bytes that are not the blob's: what the blob turns out to be says more.
	bool here = wait_for_blob(source, ret_again);
	done = done && here;
	BERTH_FAILPOINT("image.pull.unpacked");
	if (done && !unpacked)
		done = berth_snapshot_commit(snapshots, id, layer->chain_id, error);
	if (!done && !unpacked)
		berth_snapshot_remove(snapshots, id, NULL);
	return done;
}

static bool unpack_layer_once(struct layer *layer, bool *ret_again, GError **error)
{
	struct source source;

	*ret_again = false;
	if (!open_source(layer, &source, error))
		return false;
	bool done = unpack_and_commit(&source, ret_again, error);
	close_source(&source);
	return done;
}

static bool unpack_layer(struct layer *layer, GError **error)
{
	struct berth_transfer *transfer = layer->pulling->transfer;
	GError *failure = NULL;
	bool again, done;

	if (!berth_flight_begin(transfer, BERTH_RECORD_SNAPSHOT, layer->chain_id, error))
		return false;
	do {
		g_clear_error(&failure);
		done = unpack_layer_once(layer, &again, &failure);
	} while (!done && again);
	berth_flight_end(transfer, BERTH_RECORD_SNAPSHOT, layer->chain_id);
	if (done) {
		layer->extracting = 0;
		berth_transfer_tell_bytes(transfer, layer->id, "Extracting", layer->descriptor->size,
					  layer->descriptor->size, &layer->extracting);
		berth_transfer_tell_layer(transfer, layer->id, "Pull complete");
	} else if (failure) {
		g_propagate_error(error, failure);
	}
	return done;
}

static bool unpack_layers(struct pulling *this, GError **error)
{
	for (guint i = 0; i < this->count; i++)
		if (!this->layers[i].here && !unpack_layer(&this->layers[i], error)) {
			if (error && *error)
				g_prefix_error(error, "layer %u: ", i + 1);
			return false;
		}
	return true;
}

static void run(struct pulling *this)
{
	guint missing = 0;
	GError *failure = NULL;

	for (guint i = 0; i < this->count; i++)
		missing += !this->layers[i].here;
	missing = MIN(missing, (guint) berth_registries_downloads(this->transfer->options->registries));
	GPtrArray *threads = berth_transfer_threads(this->transfer, "download", missing, fetch_layers, this);
	if (!unpack_layers(this, &failure) && failure)
		berth_transfer_fail(this->transfer, failure);
	berth_transfer_join(threads);
}

static GPtrArray *describe(struct pulling *this, GError **error)
{
	struct berth_snapshots *snapshots = berth_store_snapshots(this->transfer->images->store);
	g_autoptr(GPtrArray) layers = g_ptr_array_new_with_free_func((GDestroyNotify) berth_image_layer_free);

	for (guint i = 0; i < this->count; i++) {
		const struct layer *layer = &this->layers[i];
		const int64_t *size = g_hash_table_lookup(this->sizes, layer->chain_id);
		struct berth_usage usage = {.bytes = size ? *size : 0};
		if (!size && !berth_snapshot_usage(snapshots, layer->chain_id, &usage, error))
			return NULL;
		struct berth_image_layer *described = berth_document_new(&berth_image_layer_document);
		described->digest = g_strdup(layer->descriptor->digest);
		described->diff_id = g_strdup(layer->diff_id);
		described->chain_id = g_strdup(layer->chain_id);
		described->size = usage.bytes;
		g_ptr_array_add(layers, described);
	}
	g_ptr_array_set_free_func(layers, NULL);
	return g_steal_pointer(&layers);
}

GPtrArray *berth_pull_layers(struct berth_transfer *transfer, const struct oci_manifest *manifest,
			     char *const *diff_ids, GError **error)
{
	struct pulling this = {
		.transfer = transfer,
		.pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
	};
	GPtrArray *layers = NULL;

	if (note_images(&this, error)) {
		plan(&this, manifest, diff_ids);
		run(&this);
		if (transfer->failure)
			g_propagate_error(error, g_steal_pointer(&transfer->failure));
		else
			layers = describe(&this, error);
	}
	for (guint i = 0; i < this.count; i++) {
		berth_ingest_reader_free(this.layers[i].reader);
		g_free(this.layers[i].chain_id);
	}
	g_free(this.layers);
	g_hash_table_unref(this.pairs);
	g_hash_table_unref(this.sizes);
	return layers;
}
