// SPDX-License-Identifier: Apache-2.0
// What a container uses: one answer, or one after the other.
#include "api/request.h"
#include "base/error.h"

#include <string.h>

struct samples {
	struct berth_request *request;
	bool stream;
};

static bool write_sample(void *data, const struct api_stats *stats)
{
	struct samples *samples = data;
	struct berth_request *request = samples->request;

	if (!samples->stream)
		return berth_reply_document(request, 200, &api_stats_document, stats);
	if (!berth_stream_begun(request))
		berth_stream_begin(request, BERTH_CONTENT_JSON);
	g_autofree char *text = berth_document_print_text(&api_stats_document, stats, berth_request_version(request));
	g_autofree char *line = g_strconcat(text, "\n", NULL);
	return berth_stream_write(request, line, strlen(line)) && !berth_request_gone(request);
}

bool berth_handle_container_stats(struct berth_request *request, GError **error)
{
	struct samples samples = {request, berth_request_switch(request, "stream", true)};
	bool one = berth_request_switch(request, "one-shot", false);

	if (samples.stream && one)
		return berth_error_set(error, BERTH_ERROR_INVALID, "cannot have stream=true and one-shot=true");
	return berth_engine_container_stats(berth_request_engine(request), berth_request_argument(request),
					    samples.stream ? BERTH_STATS_STREAM
					    : one          ? BERTH_STATS_ONE
							   : BERTH_STATS_TWO,
					    write_sample, &samples, error);
}
