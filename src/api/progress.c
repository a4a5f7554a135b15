// SPDX-License-Identifier: Apache-2.0
#include "api/progress.h"

#include <string.h>

void berth_progress_write(void *data, const struct api_progress *progress)
{
	struct berth_progress_stream *stream = data;

	if (stream->quiet && !progress->stream && !progress->error)
		return;
	g_autofree char *text =
		berth_document_print_text(&api_progress_document, progress, berth_request_version(stream->request));
	g_autofree char *line = g_strconcat(text, "\r\n", NULL);
	berth_stream_begin(stream->request, BERTH_CONTENT_JSON);
	berth_stream_write(stream->request, line, strlen(line));
}

bool berth_progress_end(struct berth_progress_stream *stream, GError *failure, GError **error)
{
	if (!failure) {
		berth_stream_begin(stream->request, BERTH_CONTENT_JSON);
		return true;
	}
	if (!berth_stream_begun(stream->request)) {
		g_propagate_error(error, failure);
		return false;
	}
	struct api_error_detail detail = {.message = failure->message};
	struct api_progress progress = {.error = failure->message, .error_detail = &detail};
	berth_progress_write(stream, &progress);
	g_error_free(failure);
	return true;
}
