// SPDX-License-Identifier: Apache-2.0
// What a build tells, as its client wants it: Docker's stream, where steps come one after another in the order of the
// Dockerfile though several run at once, or Berth's events (spec/api-build.h), with outputs among them.
//
// Nothing is written before the request has been read to its end: the client reads nothing before, and a build that
// waited for it would wait for itself.
#pragma once

#include "api/request.h"
#include "build/build.h"

enum berth_build_manner {
	BERTH_BUILD_DOCKER,
	BERTH_BUILD_QUIET, // Docker's, with q=1: the image's id alone
	BERTH_BUILD_EVENTS,
};

struct berth_build_stream;

struct berth_build_stream *berth_build_stream_new(struct berth_request *request, enum berth_build_manner manner);
void berth_build_stream_free(struct berth_build_stream *stream);
// Of a struct berth_build_listener, whose data is the stream.
void berth_build_stream_event(void *data, const struct berth_build_event *event);
// Asks the client for the archive of a context that it has listed. Only among events.
void berth_build_stream_want(struct berth_build_stream *stream, const char *context);
// A descriptor whose bytes go into the stream as output `number`; the caller closes it. -1 with *error.
int berth_build_stream_output(struct berth_build_stream *stream, unsigned number, GError **error);
// What the builder wrote is told, outputs included: their descriptors are closed by now.
void berth_build_stream_finish_outputs(struct berth_build_stream *stream);
// Its end. `failure` is taken; NULL: `result` is what came of it, under `tags`.
bool berth_build_stream_end(struct berth_build_stream *stream, const struct berth_build_result *result,
			    char *const *tags, GError *failure, GError **error);
