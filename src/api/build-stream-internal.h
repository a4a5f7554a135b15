// SPDX-License-Identifier: Apache-2.0
// What the manners of a build's stream share; for build-stream.c, build-docker.c and build-events.c only.
#pragma once

#include "api/build-stream.h"

#include <pthread.h>

struct berth_build_stream {
	struct berth_request *request;
	enum berth_build_manner manner;
	pthread_mutex_t lock; // of all below; the threads of outputs write, too
	bool flowing; // the request has been read
	GString *waiting; // what is written then
	bool cut; // it was too much
	bool watched; // `watcher` waits for the request to have been read
	pthread_t watcher;
	// Docker's
	GPtrArray *steps; // of struct step (build-docker.c)
	GHashTable *vertices; // struct step by their vertices
	guint current;
	// Events
	GPtrArray *outputs; // of struct output (build-events.c)
};

// With the lock.
void berth_build_stream__put(struct berth_build_stream *stream, const void *data, size_t length);
// A line of Docker's stream.
void berth_build_stream__say(struct berth_build_stream *stream, const char *format, ...) G_GNUC_PRINTF(2, 3);
void berth_build_stream__progress(struct berth_build_stream *stream, const struct api_progress *progress);

// build-docker.c
void berth_build_docker__event(struct berth_build_stream *stream, const struct berth_build_event *event);
void berth_build_docker__end(struct berth_build_stream *stream, const struct berth_build_result *result,
			     char *const *tags);
void berth_build_docker__fail(struct berth_build_stream *stream, const GError *failure);
void berth_build_docker__free(struct berth_build_stream *stream);
// "process "/bin/sh -c false" did not complete successfully: exit code: 1": *ret_code, and the command (the caller's).
char *berth_build_docker__exit(const char *message, int64_t *ret_code);

// build-events.c
void berth_build_events__event(struct berth_build_stream *stream, const struct berth_build_event *event);
void berth_build_events__end(struct berth_build_stream *stream, const struct berth_build_result *result);
void berth_build_events__want(struct berth_build_stream *stream, const char *context);
void berth_build_events__fail(struct berth_build_stream *stream, const GError *failure);
void berth_build_events__free(struct berth_build_stream *stream);
