// SPDX-License-Identifier: Apache-2.0
// A mutex that is held until the end of its block:
//
//	BERTH_AUTO_UNLOCK locker = berth_lock(&networks->lock);
//
// Of pthreads, not GLib: those the thread sanitizer understands.
#pragma once

#include <pthread.h>

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
