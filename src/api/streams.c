// SPDX-License-Identifier: Apache-2.0
// Handlers that answer over time: wait, logs, events.
#include "api/request.h"
#include "base/error.h"
#include "base/frame.h"
#include "base/json.h"
#include "base/moment.h"
#include "spec/api-container.h"
#include "spec/api-system.h"

#include <string.h>

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

#define LOG_BUFFER (64 << 10) // of records, written at once

struct log_stream {
	struct berth_request *request;
	GByteArray *out; // what is not written yet
	GString *details; // of the attributes that were seen last
	char *attributes; // those
	bool frames, timestamps, with_details;
};

static int compare_text(const void *first, const void *second, G_GNUC_UNUSED void *data)
{
	return strcmp(*(const char *const *) first, *(const char *const *) second);
}

// Attributes as Docker shows them: name=value, sorted, escaped, with commas between.
static void make_details(struct log_stream *logs, const char *attributes, size_t length)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(attributes, length, "attributes", NULL);
	g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
	const char *name;
	json_t *value;

	json_object_foreach(json, name, value)
	{
		const char *text = json_string_value(value);
		g_autofree char *left = g_uri_escape_string(name, " ", false);
		g_autofree char *right = g_uri_escape_string(text ? text : "", " ", false);
		char *part = g_strdup_printf("%s=%s", left, right);
		g_ptr_array_add(parts, g_strdelimit(part, " ", '+'));
	}
	g_ptr_array_sort_with_data(parts, compare_text, NULL);
	g_string_truncate(logs->details, 0);
	for (guint i = 0; i < parts->len; i++)
		g_string_append_printf(logs->details, "%s%s", i ? "," : "", (char *) parts->pdata[i]);
}

// Most records have the same attributes as the one before.
static void append_details(struct log_stream *logs, const struct berth_engine_log_record *record)
{
	size_t length = record->attributes ? record->attributes_length : 0;
	const char *attributes = length ? record->attributes : "";

	if (!logs->attributes || strncmp(logs->attributes, attributes, length) != 0 || logs->attributes[length]) {
		g_free(logs->attributes);
		logs->attributes = g_strndup(attributes, length);
		make_details(logs, attributes, length);
	}
	g_byte_array_append(logs->out, (const uint8_t *) logs->details->str, (guint) logs->details->len);
	g_byte_array_append(logs->out, (const uint8_t *) " ", 1);
}

static bool flush_records(struct log_stream *logs)
{
	bool written = berth_stream_write(logs->request, logs->out->data, logs->out->len);

	g_byte_array_set_size(logs->out, 0);
	return written && !berth_request_gone(logs->request);
}

static bool write_record(void *data, const struct berth_engine_log_record *record)
{
	struct log_stream *logs = data;
	GByteArray *out = logs->out;

	if (!record)
		return flush_records(logs);
	guint begin = out->len;
	if (logs->frames)
		g_byte_array_set_size(out, begin + BERTH_FRAME_HEADER);
	if (logs->timestamps) {
		char moment[BERTH_MOMENT_SIZE];
		berth_moment_format(record->time, moment);
		moment[BERTH_MOMENT_SIZE - 1] = ' '; // in place of its end
		g_byte_array_append(out, (const uint8_t *) moment, BERTH_MOMENT_SIZE);
	}
	if (logs->with_details)
		append_details(logs, record);
	g_byte_array_append(out, (const uint8_t *) record->text, (guint) record->length);
	if (logs->frames)
		berth_frame_header(out->data + begin, record->stream, out->len - begin - BERTH_FRAME_HEADER);
	return out->len < LOG_BUFFER || flush_records(logs);
}

// Docker's third stream: what went wrong with the log.
static void write_failure(struct log_stream *logs, const char *message)
{
	const struct berth_engine_log_record record = {.stream = 3, .text = message, .length = strlen(message)};

	logs->timestamps = logs->with_details = false;
	write_record(logs, &record);
	flush_records(logs);
}

static void log_stream_clear(struct log_stream *logs)
{
	g_byte_array_unref(logs->out);
	g_string_free(logs->details, TRUE);
	g_free(logs->attributes);
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
	bool tty;
	if (!berth_engine_container_logs_check(engine, container, &tty, error))
		return false;
	__attribute__((cleanup(log_stream_clear))) struct log_stream logs = {
		.request = request,
		.out = g_byte_array_new(),
		.details = g_string_new(NULL),
		.frames = !tty,
		.timestamps = berth_request_switch(request, "timestamps", false),
		.with_details = berth_request_switch(request, "details", false),
	};
	berth_stream_begin(request, !tty && berth_request_version(request) >= 142 ? BERTH_CONTENT_MULTIPLEXED
										  : BERTH_CONTENT_RAW);
	g_autoptr(GError) failure = NULL;
	bool read = berth_engine_container_logs(engine, container, &query, write_record, &logs, &failure);
	flush_records(&logs);
	if (read || berth_request_gone(request))
		return true;
	if (logs.frames)
		write_failure(&logs, failure->message);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
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

	if (!berth_request_filters(request, &filters, error) || !berth_filters_check(filters, event_filters, error))
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
