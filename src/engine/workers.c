// SPDX-License-Identifier: Apache-2.0
// One queue, sorted by when its work is due. A thread that has found nothing to do for a while ends, so that an idle
// engine has none of them, except one if work is due later.
#include "engine/internal.h"

#include <malloc.h>

#define STACK_SIZE (256 << 10)
#define IDLE G_TIME_SPAN_SECOND

struct work {
	berth_work_fn *run;
	void *data;
	int64_t due; // monotonic microseconds
};

struct berth_workers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	GQueue queue; // of struct work
	unsigned most, count, waiting;
	bool closing;
};

void berth_engine__cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

bool berth_engine__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
	struct timespec time = {deadline / G_USEC_PER_SEC, deadline % G_USEC_PER_SEC * 1000};

	if (deadline < 0)
		return pthread_cond_wait(cond, lock) == 0;
	return pthread_cond_timedwait(cond, lock, &time) == 0;
}

struct berth_workers *berth_workers_new(unsigned most)
{
	struct berth_workers *workers = g_new0(struct berth_workers, 1);

	pthread_mutex_init(&workers->lock, NULL);
	berth_engine__cond_init(&workers->changed);
	g_queue_init(&workers->queue);
	workers->most = most;
	return workers;
}

// Takes the first work if it is due (or everything is to end).
static struct work *take(struct berth_workers *workers)
{
	struct work *work = g_queue_peek_head(&workers->queue);

	return work && (work->due <= g_get_monotonic_time() || workers->closing) ? g_queue_pop_head(&workers->queue)
										 : NULL;
}

// Waits for more to do. False: this thread is not needed any more.
static bool wait_for_work(struct berth_workers *workers, int64_t idle_since)
{
	const struct work *next = g_queue_peek_head(&workers->queue);
	int64_t end = idle_since + IDLE;

	if (workers->closing)
		return false;
	workers->waiting++;
	bool until_due = next && (workers->waiting == 1 || next->due < end);
	bool woken = berth_engine__cond_wait(&workers->changed, &workers->lock, until_due ? next->due : end);
	workers->waiting--;
	if (woken || g_get_monotonic_time() < end)
		return true;
	return !g_queue_is_empty(&workers->queue) && workers->waiting == 0;
}

static void *worker(void *data)
{
	struct berth_workers *workers = data;
	int64_t idle_since = g_get_monotonic_time();

	pthread_mutex_lock(&workers->lock);
	do {
		struct work *work;
		while ((work = take(workers))) {
			bool canceled = work->due > g_get_monotonic_time();
			pthread_mutex_unlock(&workers->lock);
			work->run(work->data, canceled);
			g_free(work);
			pthread_mutex_lock(&workers->lock);
			idle_since = g_get_monotonic_time();
		}
	} while (wait_for_work(workers, idle_since));
	if (workers->count == 1 && !workers->closing)
		malloc_trim(0); // an idle engine is a small one
	workers->count--;
	pthread_cond_broadcast(&workers->changed);
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

static int by_due(const void *a, const void *b, G_GNUC_UNUSED void *data)
{
	int64_t first = ((const struct work *) a)->due, second = ((const struct work *) b)->due;

	return first < second ? -1 : first > second;
}

// Under the lock.
static bool start_thread(struct berth_workers *workers)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	bool started = pthread_create(&thread, &attributes, worker, workers) == 0;
	pthread_attr_destroy(&attributes);
	workers->count += started;
	return started;
}

void berth_workers_add(struct berth_workers *workers, berth_work_fn *work, void *data, int64_t delay)
{
	struct work *item = g_new0(struct work, 1);

	*item = (struct work){work, data, g_get_monotonic_time() + delay * 1000};
	pthread_mutex_lock(&workers->lock);
	g_queue_insert_sorted(&workers->queue, item, by_due, NULL);
	if (g_queue_get_length(&workers->queue) > workers->waiting && workers->count < workers->most)
		start_thread(workers);
	// Whoever waits does so until the first work is due: all have to know of another first one.
	if (g_queue_peek_head(&workers->queue) == item)
		pthread_cond_broadcast(&workers->changed);
	else
		pthread_cond_signal(&workers->changed);
	pthread_mutex_unlock(&workers->lock);
}

void berth_workers_free(struct berth_workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->closing = true;
	if (workers->count == 0 && !g_queue_is_empty(&workers->queue))
		start_thread(workers);
	pthread_cond_broadcast(&workers->changed);
	while (workers->count > 0)
		pthread_cond_wait(&workers->changed, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
	pthread_mutex_destroy(&workers->lock);
	pthread_cond_destroy(&workers->changed);
	g_free(workers);
}
