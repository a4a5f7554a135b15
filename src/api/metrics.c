// SPDX-License-Identifier: Apache-2.0
#include "api/metrics.h"

#include <string.h>

#define SECONDS 10 // of a connection on which nothing happens
#define CONNECTIONS 32

static enum MHD_Result on_access(void *data, struct MHD_Connection *connection, const char *url, const char *method,
				 G_GNUC_UNUSED const char *version, G_GNUC_UNUSED const char *upload,
				 G_GNUC_UNUSED size_t *upload_size, G_GNUC_UNUSED void **closure)
{
	bool found = strcmp(url, "/metrics") == 0, get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	GString *text = g_string_new(NULL);

	if (found && get)
		berth_engine_metrics(data, text);
	else
		g_string_assign(text, found ? "GET is all there is\n" : "page not found: it is /metrics\n");
	size_t length = text->len;
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback(length, g_string_free(text, FALSE), g_free);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
	enum MHD_Result queued = MHD_queue_response(connection, !found ? 404 : get ? 200 : 405, response);
	MHD_destroy_response(response);
	return queued;
}

struct MHD_Daemon *berth_metrics_start(struct berth_engine *engine, int socket,
				       void (*log)(void *data, const char *format, va_list arguments))
{
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0,
				NULL, NULL, on_access, engine, MHD_OPTION_EXTERNAL_LOGGER, log, NULL,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) SECONDS, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned) CONNECTIONS, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_END);
}
