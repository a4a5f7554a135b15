// SPDX-License-Identifier: Apache-2.0
// Reading a blob while it is written. The writer says how far it is after each write; a reader has a descriptor of its
// own, so that neither a rename nor the end of the ingest takes the file from it.
#include "store/blob-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <pthread.h>
#include <unistd.h>

struct berth_tail {
	char *reference;
	pthread_mutex_t lock; // of what follows, and of each reader's `canceled`
	pthread_cond_t changed;
	int references;
	int64_t size;
	bool ended;
	GError *failure;
};

struct berth_ingest_reader {
	struct berth_tail *tail;
	int fd, open_errno;
	int64_t offset;
	bool canceled;
};

struct berth_tail *berth_tail_new(const char *reference, int64_t size)
{
	struct berth_tail *tail = g_new0(struct berth_tail, 1);

	tail->reference = g_strdup(reference);
	tail->size = size;
	tail->references = 1;
	pthread_mutex_init(&tail->lock, NULL);
	pthread_cond_init(&tail->changed, NULL);
	return tail;
}

void berth_tail_unref(struct berth_tail *tail)
{
	if (!tail)
		return;
	pthread_mutex_lock(&tail->lock);
	bool last = --tail->references == 0;
	pthread_mutex_unlock(&tail->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&tail->lock);
	pthread_cond_destroy(&tail->changed);
	g_clear_error(&tail->failure);
	g_free(tail->reference);
	g_free(tail);
}

void berth_tail_grow(struct berth_tail *tail, int64_t size)
{
	pthread_mutex_lock(&tail->lock);
	tail->size = size;
	pthread_cond_broadcast(&tail->changed);
	pthread_mutex_unlock(&tail->lock);
}

void berth_tail_end(struct berth_tail *tail, const GError *failure)
{
	pthread_mutex_lock(&tail->lock);
	if (!tail->ended && failure)
		tail->failure = g_error_copy(failure);
	tail->ended = true;
	pthread_cond_broadcast(&tail->changed);
	pthread_mutex_unlock(&tail->lock);
}

struct berth_ingest_reader *berth_ingest_reader_on(struct berth_tail *tail, int fd, int open_errno)
{
	struct berth_ingest_reader *reader = g_new0(struct berth_ingest_reader, 1);

	pthread_mutex_lock(&tail->lock);
	tail->references++;
	pthread_mutex_unlock(&tail->lock);
	reader->tail = tail;
	reader->fd = fd;
	reader->open_errno = open_errno;
	return reader;
}

void berth_ingest_reader_free(struct berth_ingest_reader *reader)
{
	if (!reader)
		return;
	berth_fd_clear(&reader->fd);
	berth_tail_unref(reader->tail);
	g_free(reader);
}

// Waits for more than was read. Returns how much there is, 0 at the end, or -1.
static int64_t wait_for_more(struct berth_ingest_reader *reader, GError **error)
{
	struct berth_tail *tail = reader->tail;

	pthread_mutex_lock(&tail->lock);
	while (reader->offset == tail->size && !tail->ended && !reader->canceled)
		pthread_cond_wait(&tail->changed, &tail->lock);
	int64_t more = tail->size - reader->offset;
	if (reader->canceled || tail->failure)
		more = -1;
	if (reader->canceled)
		berth_error_set(error, BERTH_ERROR_CANCELED, "reading the blob of %s was canceled", tail->reference);
	else if (tail->failure)
		g_propagate_error(error, g_error_copy(tail->failure));
	pthread_mutex_unlock(&tail->lock);
	return more;
}

gssize berth_ingest_reader_read(struct berth_ingest_reader *reader, void *data, size_t size, GError **error)
{
	ssize_t length;

	int64_t more = wait_for_more(reader, error);
	if (more <= 0)
		return (gssize) more;
	if (reader->fd < 0) {
		berth_error_set_errno(error, reader->open_errno, "open what there is of %s", reader->tail->reference);
		return -1;
	}
	do
		length = pread(reader->fd, data, MIN(size, (size_t) more), reader->offset);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		berth_error_set_errno(error, errno, "read what there is of %s", reader->tail->reference);
	else if (length == 0) {
		berth_error_set(error, BERTH_ERROR_INTERNAL, "the file of %s became shorter", reader->tail->reference);
		return -1;
	}
	reader->offset += length > 0 ? length : 0;
	return length;
}

void berth_ingest_reader_cancel(struct berth_ingest_reader *reader)
{
	pthread_mutex_lock(&reader->tail->lock);
	reader->canceled = true;
	pthread_cond_broadcast(&reader->tail->changed);
	pthread_mutex_unlock(&reader->tail->lock);
}
