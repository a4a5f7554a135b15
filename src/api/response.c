// SPDX-License-Identifier: Apache-2.0
// A request's answer as libmicrohttpd's response: text, shared bytes, a body that is read, a stream of the handler's,
// or the connection that becomes something else.
#include "api/request-internal.h"

#include <linux/sockios.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define STREAM_BLOCK (32 << 10)
#define READ_BLOCK (256 << 10) // of a body whose size is known
#define HEAD_LOOKS 500 // at whether a client has read the head of an upgrade
#define HEAD_LOOK_NANOSECONDS 50000

static ssize_t read_stream(void *data, G_GNUC_UNUSED uint64_t position, char *buffer, size_t size)
{
	ssize_t length = berth_stream_read(data, buffer, size);

	return length > 0 ? length : length == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_body(void *data, G_GNUC_UNUSED uint64_t position, char *buffer, size_t size)
{
	struct berth_request *request = data;
	g_autoptr(GError) error = NULL;
	gssize length = request->read(request->read_data, buffer, size, &error);

	if (length < 0)
		g_warning("%s %s: cut off: %s", request->method, request->path, error->message);
	return length > 0 ? length : length == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void unref_request(void *data)
{
	berth_request_unref(data);
}

// Waits, for a moment at most, until the client has read the head of its answer. docker-py reads it through a buffer
// and what follows beneath that buffer: of a stream that comes with the head, it would miss the beginning.
static void wait_until_read(int socket)
{
	int domain = 0, waiting = 0;

	getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
	if (domain != AF_UNIX) // of others it cannot be known
		return;
	for (int i = 0; i < HEAD_LOOKS && ioctl(socket, SIOCOUTQ, &waiting) == 0 && waiting > 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = HEAD_LOOK_NANOSECONDS}, NULL);
}

static void on_upgrade(void *data, G_GNUC_UNUSED struct MHD_Connection *connection, G_GNUC_UNUSED void *closure,
		       const char *early, size_t length, MHD_socket socket, struct MHD_UpgradeResponseHandle *handle)
{
	struct berth_request *request = data;

	berth_request_settle(request);
	wait_until_read(socket);
	request->upgrade(request, socket, early, length);
	MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
	berth_request_unref(request);
}

static struct MHD_Response *make_response(struct berth_request *request, bool streams)
{
	struct MHD_Response *response;

	if (request->upgrade) {
		response = MHD_create_response_for_upgrade(on_upgrade, berth_request_ref(request));
		MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, request->websocket ? "websocket" : "tcp");
	} else if (streams) {
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream,
							     berth_request_ref(request), unref_request);
		if (request->raw)
			MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	} else if (request->read) {
		response = MHD_create_response_from_callback((uint64_t) request->read_size, READ_BLOCK, read_body,
							     berth_request_ref(request), unref_request);
	} else if (request->reply_bytes) {
		gsize size;
		const void *data = g_bytes_get_data(request->reply_bytes, &size);
		response = MHD_create_response_from_buffer_with_free_callback_cls(
			size, (void *) (uintptr_t) data, (MHD_ContentReaderFreeCallback) g_bytes_unref,
			g_bytes_ref(request->reply_bytes));
	} else {
		char *text = request->reply ? request->reply : g_strdup("");
		response = MHD_create_response_from_buffer_with_free_callback(request->reply_length, text, g_free);
		request->reply = NULL;
	}
	return response;
}

enum MHD_Result berth_response_queue(struct berth_request *request, struct MHD_Connection *connection, bool streams)
{
	if (request->authorized && !berth_authorize_answer(request)) {
		if (streams)
			berth_request_leave(request);
		streams = false;
	}
	struct MHD_Response *response = make_response(request, streams);

	if (streams)
		berth_request_settle(request);
	if (request->reply_type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, request->reply_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, "Berth/" BERTH_VERSION " (linux)");
	MHD_add_response_header(response, "Api-Version", API_VERSION_MAX_TEXT);
	MHD_add_response_header(response, "Ostype", "linux");
	MHD_add_response_header(response, "Docker-Experimental", "false");
	for (guint i = 0; request->headers && i < request->headers->len; i += 2)
		MHD_add_response_header(response, request->headers->pdata[i], request->headers->pdata[i + 1]);
	enum MHD_Result queued = MHD_queue_response(connection, request->status, response);
	if (queued != MHD_YES && request->upgrade)
		berth_request_unref(request);
	MHD_destroy_response(response);
	return queued;
}
