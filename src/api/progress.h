// SPDX-License-Identifier: Apache-2.0
// Progress streams: JSON lines that end in "\r\n". The head goes out with the first line, so that what fails before it
// has an HTTP status of its own; what fails after it is a line, too.
#pragma once

#include "api/request.h"

struct berth_progress_stream {
	struct berth_request *request;
	bool quiet; // only "stream" lines and errors
};

// A berth_progress_fn whose data is the stream.
void berth_progress_write(void *data, const struct api_progress *progress);
// Ends the stream. `failure` (taken) may be NULL.
bool berth_progress_end(struct berth_progress_stream *stream, GError *failure, GError **error);
