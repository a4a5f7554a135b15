// SPDX-License-Identifier: Apache-2.0
#include "api/build-stream.h"

#include "api/build-stream-internal.h"
#include "base/error.h"
#include "base/limits.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct berth_build_stream *berth_build_stream_new(struct berth_request *request, enum berth_build_manner manner)
{
	struct berth_build_stream *stream = g_new0(struct berth_build_stream, 1);

	stream->request = request;
	stream->manner = manner;
	pthread_mutex_init(&stream->lock, NULL);
	stream->waiting = g_string_new(NULL);
	return stream;
}

static void flow(struct berth_build_stream *stream)
{
	stream->flowing = true;
	berth_stream_begin(stream->request, BERTH_CONTENT_JSON);
	if (stream->waiting->len > 0)
		berth_stream_write(stream->request, stream->waiting->str, stream->waiting->len);
	g_string_truncate(stream->waiting, 0);
}

// The connection's thread closes its end of the body when it has passed on all of it.
static bool was_read(const struct berth_build_stream *stream)
{
	struct pollfd fd = {berth_request_body_fd(stream->request), 0, 0};

	return fd.fd < 0 || (poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP));
}

// A build may have nothing more to tell for long, and need the client to have heard what it told: of agents to lend.
static void *flow_when_read(void *data)
{
	struct berth_build_stream *stream = data;
	struct pollfd fd = {berth_request_body_fd(stream->request), POLLRDHUP, 0};

	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&stream->lock);
	if (!stream->flowing && was_read(stream))
		flow(stream);
	pthread_mutex_unlock(&stream->lock);
	return NULL;
}

void berth_build_stream__put(struct berth_build_stream *stream, const void *data, size_t length)
{
	if (!stream->flowing && was_read(stream))
		flow(stream);
	if (stream->flowing) {
		berth_stream_write(stream->request, data, length);
		return;
	}
	if (!stream->watched)
		stream->watched = pthread_create(&stream->watcher, NULL, flow_when_read, stream) == 0;
	if (stream->waiting->len + length <= BERTH_LIMIT_BUILD_WAITING && !stream->cut) {
		g_string_append_len(stream->waiting, data, (gssize) length);
	} else {
		stream->cut = true;
	}
}

void berth_build_stream__progress(struct berth_build_stream *stream, const struct api_progress *progress)
{
	g_autofree char *text =
		berth_document_print_text(&api_progress_document, progress, berth_request_version(stream->request));
	g_autofree char *line = g_strconcat(text, "\r\n", NULL);

	berth_build_stream__put(stream, line, strlen(line));
}

void berth_build_stream__say(struct berth_build_stream *stream, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	berth_build_stream__progress(stream, &(struct api_progress){.stream = text});
}

void berth_build_stream_event(void *data, const struct berth_build_event *event)
{
	struct berth_build_stream *stream = data;

	pthread_mutex_lock(&stream->lock);
	if (stream->manner == BERTH_BUILD_EVENTS)
		berth_build_events__event(stream, event);
	else if (stream->manner == BERTH_BUILD_DOCKER)
		berth_build_docker__event(stream, event);
	pthread_mutex_unlock(&stream->lock);
}

void berth_build_stream_want(struct berth_build_stream *stream, const char *context)
{
	pthread_mutex_lock(&stream->lock);
	berth_build_events__want(stream, context);
	pthread_mutex_unlock(&stream->lock);
}

// What is left of the body nobody wants.
static void stop_reading(struct berth_build_stream *stream)
{
	int fd = berth_request_body_fd(stream->request);

	if (fd >= 0)
		shutdown(fd, SHUT_RD);
	if (stream->watched)
		pthread_join(stream->watcher, NULL);
	stream->watched = false;
}

void berth_build_stream_free(struct berth_build_stream *stream)
{
	stop_reading(stream);
	berth_build_docker__free(stream);
	berth_build_events__free(stream);
	g_string_free(stream->waiting, TRUE);
	pthread_mutex_destroy(&stream->lock);
	g_free(stream);
}

bool berth_build_stream_end(struct berth_build_stream *stream, const struct berth_build_result *result,
			    char *const *tags, GError *failure, GError **error)
{
	stop_reading(stream);
	if (failure && !stream->flowing && stream->waiting->len == 0) { // with an HTTP status of its own
		g_propagate_error(error, failure);
		return false;
	}
	pthread_mutex_lock(&stream->lock);
	if (!stream->flowing)
		flow(stream);
	if (stream->manner == BERTH_BUILD_EVENTS && failure)
		berth_build_events__fail(stream, failure);
	else if (stream->manner == BERTH_BUILD_EVENTS)
		berth_build_events__end(stream, result);
	else if (failure)
		berth_build_docker__fail(stream, failure);
	else
		berth_build_docker__end(stream, result, tags);
	pthread_mutex_unlock(&stream->lock);
	g_clear_error(&failure);
	return true;
}
