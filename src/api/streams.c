// SPDX-License-Identifier: Apache-2.0
// Handlers that answer over time: wait, logs, events.
#include "api/request.h"
#include "base/error.h"
#include "base/moment.h"

#include <string.h>

#define FRAME_HEADER 8

static bool request_gone(void *data)
{
	return berth_request_gone(data);
}

static bool wait_condition(const char *text, enum berth_wait_condition *ret, GError **error)
{
	static const char *const names[] = {
		[BERTH_WAIT_NOT_RUNNING] = "not-running",
		[BERTH_WAIT_NEXT_EXIT] = "next-exit",
		[BERTH_WAIT_REMOVED] = "removed",
	};

	*ret = BERTH_WAIT_NOT_RUNNING;
	if (!text || !*text)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum berth_wait_condition) i;
			return true;
		}
	return berth_error_set(error, BERTH_ERROR_INVALID, "invalid condition: \"%s\"", text);
}

// The head goes out when the wait is registered, so that a client that starts the container after it misses nothing.
bool berth_handle_container_wait(struct berth_request *request, GError **error)
{
	enum berth_wait_condition condition;

	if (!wait_condition(berth_request_text(request, "condition"), &condition, error))
		return false;
	struct berth_wait *wait = berth_engine_wait_register(berth_request_engine(request),
							     berth_request_argument(request), condition, error);
	if (!wait)
		return false;
	berth_stream_begin(request, BERTH_CONTENT_JSON);
	g_autoptr(api_container_wait) result = NULL;
	bool waited = berth_engine_wait(wait, request_gone, request, &result, error);
	berth_wait_free(wait);
	if (!waited)
		return false;
	g_autofree char *text =
		berth_document_print_text(&api_container_wait_document, result, berth_request_version(request));
	g_autofree char *line = g_strconcat(text, "\n", NULL);
	berth_stream_write(request, line, strlen(line));
	return true;
}

struct log_stream {
	struct berth_request *request;
	GString *frame; // of the record at hand; kept for its memory
	bool frames, timestamps, details;
};

static bool write_record(void *data, int stream, int64_t time, const char *text, size_t length)
{
	struct log_stream *logs = data;
	GString *frame = logs->frame;

	if (!text)
		return !berth_request_gone(logs->request);
	g_string_truncate(frame, 0);
	if (logs->frames)
		g_string_append_len(frame, "\0\0\0\0\0\0\0\0", FRAME_HEADER);
	if (logs->timestamps) {
		char moment[BERTH_MOMENT_SIZE];
		berth_moment_format(time, moment);
		g_string_append(frame, moment);
		g_string_append_c(frame, ' ');
	}
	if (logs->details) // what the log options label, env and tag add; there are none of them in this version
		g_string_append_c(frame, ' ');
	g_string_append_len(frame, text, (gssize) length);
	if (logs->frames) {
		guint32 size = GUINT32_TO_BE((guint32) (frame->len - FRAME_HEADER));
		frame->str[0] = (char) stream;
		memcpy(frame->str + 4, &size, sizeof size);
	}
	return berth_stream_write(logs->request, frame->str, frame->len) && !berth_request_gone(logs->request);
}

static bool read_tail(const char *text, int64_t *ret, GError **error)
{
	char *end;

	*ret = -1;
	if (!text || !*text || strcmp(text, "all") == 0)
		return true;
	int64_t count = g_ascii_strtoll(text, &end, 10);
	if (*end != '\0')
		return berth_error_set(error, BERTH_ERROR_INVALID, "tail: \"%s\" is neither a number nor \"all\"",
				       text);
	*ret = MAX(count, -1);
	return true;
}

bool berth_handle_container_logs(struct berth_request *request, GError **error)
{
	struct berth_engine *engine = berth_request_engine(request);
	const char *container = berth_request_argument(request);
	struct berth_engine_logs query = {
		.out = berth_request_switch(request, "stdout", false),
		.err = berth_request_switch(request, "stderr", false),
		.follow = berth_request_switch(request, "follow", false),
		.since = berth_request_moment(request, "since"),
		.until = berth_request_moment(request, "until"),
	};

	if (!query.out && !query.err)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Bad parameters: must specify at least one of 'stdout' or 'stderr'");
	if (!read_tail(berth_request_text(request, "tail"), &query.tail, error))
		return false;
	g_autoptr(api_container_inspect) inspect = berth_engine_container_inspect(engine, container, false, error);
	if (!inspect)
		return false;
	bool tty = inspect->config && inspect->config->tty;
	g_autoptr(GString) frame = g_string_sized_new(256);
	struct log_stream logs = {
		.request = request,
		.frame = frame,
		.frames = !tty,
		.timestamps = berth_request_switch(request, "timestamps", false),
		.details = berth_request_switch(request, "details", false),
	};
	berth_stream_begin(request, !tty && berth_request_version(request) >= 142 ? BERTH_CONTENT_MULTIPLEXED
										  : BERTH_CONTENT_RAW);
	g_autoptr(GError) failure = NULL;
	if (!berth_engine_container_logs(engine, inspect->id, &query, write_record, &logs, &failure) &&
	    !berth_request_gone(request)) {
		if (logs.frames) { // Docker's third stream: what went wrong with the log
			write_record(&(struct log_stream){request, frame, true, false, false}, 3, 0, failure->message,
				     strlen(failure->message));
		}
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	return true;
}

struct event_stream {
	struct berth_request *request;
	unsigned version;
};

static bool write_event(void *data, const struct api_event *event)
{
	struct event_stream *events = data;

	if (!event)
		return !berth_request_gone(events->request);
	g_autofree char *text = berth_document_print_text(&api_event_document, event, events->version);
	g_autofree char *line = g_strconcat(text, "\n", NULL);
	return berth_stream_write(events->request, line, strlen(line)) && !berth_request_gone(events->request);
}

// The engine would find what is wrong with filters only when the head is out.
static const char *const event_filters[] = {"config", "container", "daemon", "event",  "image",
					    "label",  "network",   "node",   "plugin", "scope",
					    "secret", "service",   "type",   "volume", NULL};

bool berth_handle_events(struct berth_request *request, GError **error)
{
	struct event_stream events = {request, berth_request_version(request)};
	int64_t since = berth_request_moment(request, "since"), until = berth_request_moment(request, "until");
	g_autoptr(GHashTable) filters = NULL;

	if (!berth_request_filters(request, &filters, error) ||
	    !berth_request_check_filters(filters, event_filters, error))
		return false;
	if (since == 0 && berth_request_text(request, "since"))
		since = 1; // "0" asks for all there are
	if (until != 0 && since > until)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "`since` time (%s) cannot be after `until` time (%s)",
				       berth_request_text(request, "since"), berth_request_text(request, "until"));
	berth_stream_begin(request, BERTH_CONTENT_JSON);
	g_autoptr(GError) failure = NULL;
	if (berth_engine_events(berth_request_engine(request), since, until, filters, write_event, &events, &failure) ||
	    g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CANCELED))
		return true;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}
