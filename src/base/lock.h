// SPDX-License-Identifier: Apache-2.0
// A mutex that is held until the end of its block:
//
//	BERTH_AUTO_UNLOCK locker = berth_lock(&networks->lock);
//
// Of pthreads, not GLib: those the thread sanitizer understands.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

static inline pthread_mutex_t *berth_lock(pthread_mutex_t *mutex)
{
	pthread_mutex_lock(mutex);
	return mutex;
}

static inline void berth_unlock(pthread_mutex_t **mutex)
{
	if (*mutex)
		pthread_mutex_unlock(*mutex);
}

#define BERTH_AUTO_UNLOCK __attribute__((unused, cleanup(berth_unlock))) pthread_mutex_t *

// Conditions whose waiting has an end: by the monotonic clock, since the other one is set now and then.
static inline void berth_cond_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

// False: the time was up.
static inline bool berth_cond_wait_for(pthread_cond_t *condition, pthread_mutex_t *mutex, long nanoseconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += nanoseconds;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_cond_timedwait(condition, mutex, &until) != ETIMEDOUT;
}
