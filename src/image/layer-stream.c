// SPDX-License-Identifier: Apache-2.0
// A ring of blocks between the thread, which fills, and the caller, who holds at most one block at a time. `lock`
// guards first, filled, ended and canceled; a block's bytes belong to the thread until it is filled, then to the
// caller.
#include "image/layer-stream.h"

#include "base/error.h"
#include "store/blob.h"

#include <pthread.h>

#define BLOCKS 4
#define BLOCK_SIZE (256 << 10)

struct block {
	uint8_t *data;
	size_t length;
};

struct berth_layer_stream {
	struct berth_decompressor *decompressor;
	struct berth_hash *hash; // the thread's until it has ended
	int64_t limit, total;
	GThread *thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct block blocks[BLOCKS];
	unsigned first, filled;
	bool holding; // the caller has the first block
	bool ended, canceled;
	GError *failure;
};

// Decompresses into a block. Returns its length, 0 at the end, or -1 with *error.
static gssize fill(struct berth_layer_stream *this, struct block *block, GError **error)
{
	gssize length = berth_decompressor_read(this->decompressor, block->data, BLOCK_SIZE, error);

	if (length <= 0)
		return length;
	this->total += length;
	if (this->total > this->limit) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"the archive is larger than %" G_GINT64_FORMAT " bytes when uncompressed", this->limit);
		return -1;
	}
	block->length = (size_t) length;
	if (this->hash)
		berth_hash_update(this->hash, block->data, block->length);
	return length;
}

static gpointer run(gpointer data)
{
	struct berth_layer_stream *this = data;
	gssize length = 1;

	while (length > 0) {
		GError *failure = NULL;
		pthread_mutex_lock(&this->lock);
		while (this->filled == BLOCKS && !this->canceled)
			pthread_cond_wait(&this->changed, &this->lock);
		bool canceled = this->canceled;
		struct block *block = &this->blocks[(this->first + this->filled) % BLOCKS];
		pthread_mutex_unlock(&this->lock);
		length = canceled ? 0 : fill(this, block, &failure);
		pthread_mutex_lock(&this->lock);
		if (length > 0)
			this->filled++;
		else
			this->ended = true;
		this->failure = failure;
		pthread_cond_signal(&this->changed);
		pthread_mutex_unlock(&this->lock);
	}
	return NULL;
}

struct berth_layer_stream *berth_layer_stream_new(struct berth_source source, int64_t limit, bool hashed,
						  GError **error)
{
	struct berth_decompressor *decompressor = berth_decompressor_new(source, error);

	if (!decompressor)
		return NULL;
	struct berth_layer_stream *this = g_new0(struct berth_layer_stream, 1);
	this->decompressor = decompressor;
	this->hash = hashed ? berth_hash_new() : NULL;
	this->limit = limit;
	pthread_mutex_init(&this->lock, NULL);
	pthread_cond_init(&this->changed, NULL);
	for (int i = 0; i < BLOCKS; i++)
		this->blocks[i].data = g_malloc(BLOCK_SIZE);
	this->thread = g_thread_new("layer", run, this);
	return this;
}

static void join(struct berth_layer_stream *this)
{
	if (this->thread)
		g_thread_join(g_steal_pointer(&this->thread));
}

void berth_layer_stream_free(struct berth_layer_stream *this)
{
	if (!this)
		return;
	pthread_mutex_lock(&this->lock);
	this->canceled = true;
	pthread_cond_signal(&this->changed);
	pthread_mutex_unlock(&this->lock);
	join(this);
	for (int i = 0; i < BLOCKS; i++)
		g_free(this->blocks[i].data);
	berth_decompressor_free(this->decompressor);
	if (this->hash)
		berth_hash_free(this->hash);
	g_clear_error(&this->failure);
	pthread_mutex_destroy(&this->lock);
	pthread_cond_destroy(&this->changed);
	g_free(this);
}

gssize berth_layer_stream_next(struct berth_layer_stream *this, const void **ret, GError **error)
{
	gssize length = 0;

	pthread_mutex_lock(&this->lock);
	if (this->holding) {
		this->first = (this->first + 1) % BLOCKS;
		this->filled--;
		this->holding = false;
		pthread_cond_signal(&this->changed);
	}
	while (this->filled == 0 && !this->ended)
		pthread_cond_wait(&this->changed, &this->lock);
	if (this->filled > 0) {
		this->holding = true;
		*ret = this->blocks[this->first].data;
		length = (gssize) this->blocks[this->first].length;
	} else if (this->failure) {
		g_propagate_error(error, g_error_copy(this->failure));
		length = -1;
	}
	pthread_mutex_unlock(&this->lock);
	return length;
}

bool berth_layer_stream_finish(struct berth_layer_stream *this, char *digest, GError **error)
{
	const void *block;
	gssize length;

	while ((length = berth_layer_stream_next(this, &block, error)) > 0)
		continue;
	if (length < 0)
		return false;
	join(this);
	if (digest)
		berth_hash_digest(g_steal_pointer(&this->hash), digest);
	return true;
}
