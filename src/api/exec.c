// SPDX-License-Identifier: Apache-2.0
// Execs. A start is answered before the program is executed, as Docker does, so what goes wrong with it is written
// where its output would be; only a detached one fails with its status.
#include "api/relay.h"
#include "api/request-internal.h"
#include "base/error.h"
#include "base/fd.h"

#include <string.h>
#include <sys/socket.h>

#define VERSION_CONSOLE_SIZE 142
#define FRAME_HEADER 8

bool berth_handle_exec_create(struct berth_request *request, GError **error)
{
	g_autoptr(api_exec_config) config = berth_request_document(request, &api_exec_config_document, error);

	if (!config)
		return false;
	if (berth_request_version(request) < VERSION_CONSOLE_SIZE)
		g_clear_pointer(&config->console_size, json_decref);
	if (!config->detach_keys)
		config->detach_keys = g_steal_pointer(&config->detach_keys_lower);
	g_autofree char *id =
		berth_engine_exec_create(berth_request_engine(request), berth_request_argument(request), config, error);
	const struct api_exec_created created = {.id = id};
	return id && berth_reply_document(request, 201, &api_exec_created_document, &created);
}

// The body, or its fields as they are by themselves where there is none.
static struct api_exec_start *read_start(struct berth_request *request, GError **error)
{
	size_t length;

	berth_request_body(request, &length);
	if (length == 0)
		return berth_document_new(&api_exec_start_document);
	struct api_exec_start *start = berth_request_document(request, &api_exec_start_document, error);
	if (start && (berth_request_version(request) < VERSION_CONSOLE_SIZE || !start->tty))
		g_clear_pointer(&start->console_size, json_decref);
	return start;
}

static bool run(struct berth_request *request, int socket, GError **error)
{
	g_autoptr(api_exec_start) start = read_start(request, error);

	if (!start)
		return false;
	int64_t height = json_integer_value(json_array_get(start->console_size, 0));
	int64_t width = json_integer_value(json_array_get(start->console_size, 1));
	const struct berth_engine_exec_start options = {
		.socket = socket,
		.tty = start->tty,
		.height = (unsigned) CLAMP(height, 0, G_MAXUINT16),
		.width = (unsigned) CLAMP(width, 0, G_MAXUINT16),
	};
	return berth_engine_exec_start(request->engine, request->argument, &options, error);
}

// A failure as output: a frame of stdout, or as it is for a terminal.
static void report(struct berth_request *request, int socket, const GError *error)
{
	g_autoptr(api_exec_start) start = read_start(request, NULL);
	g_autofree char *text = g_strconcat(error->message, "\r\n", NULL);
	guint32 size = GUINT32_TO_BE((guint32) strlen(text));
	char header[FRAME_HEADER] = {1};

	g_info("%s %s: %s", request->method, request->path, error->message);
	memcpy(header + 4, &size, sizeof size);
	if (!start || !start->tty)
		send(socket, header, sizeof header, MSG_NOSIGNAL | MSG_DONTWAIT);
	send(socket, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(socket, SHUT_RDWR);
}

static void on_upgraded(struct berth_request *request, int socket, const char *early, size_t length)
{
	g_autoptr(GError) error = NULL;

	if (!berth_relay(request, socket, early, length, run, &error))
		report(request, socket, error);
}

static bool start_detached(struct berth_request *request, GError **error)
{
	return run(request, -1, error) && berth_reply_empty(request, 200);
}

bool berth_handle_exec_start(struct berth_request *request, GError **error)
{
	g_autoptr(api_exec_start) start = read_start(request, error);

	if (!start || !berth_engine_exec_check(request->engine, request->argument, error))
		return false;
	if (start->detach)
		return start_detached(request, error);
	bool frames = !start->tty && berth_request_version(request) >= VERSION_CONSOLE_SIZE;
	berth_reply_upgrade(request, frames ? BERTH_CONTENT_MULTIPLEXED : BERTH_CONTENT_RAW, on_upgraded);
	return true;
}

// Without an upgrade there is output only, written to the connection until it ends.
bool berth_handle_exec_start_raw(struct berth_request *request, GError **error)
{
	g_autoptr(api_exec_start) start = read_start(request, error);

	if (!start || !berth_engine_exec_check(request->engine, request->argument, error))
		return false;
	if (start->detach)
		return start_detached(request, error);
	g_autoptr(api_exec_inspect) inspect = berth_engine_exec_inspect(request->engine, request->argument, error);
	if (!inspect)
		return false;
	if (inspect->open_stdin)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "attaching to stdin of exec %s: the connection must be upgraded; send the "
				       "headers \"Connection: Upgrade\" and \"Upgrade: tcp\"",
				       request->argument);
	berth_stream_begin_raw(request, BERTH_CONTENT_RAW);
	g_autoptr(GError) failure = NULL;
	if (!run(request, berth_stream_fd(request), &failure))
		report(request, berth_stream_fd(request), failure);
	return true;
}

bool berth_handle_exec_resize(struct berth_request *request, GError **error)
{
	unsigned width, height;

	return berth_request_size(request, &width, &height, error) &&
	       berth_engine_exec_resize(berth_request_engine(request), berth_request_argument(request), width, height,
					error) &&
	       berth_reply_empty(request, 200);
}

bool berth_handle_exec_inspect(struct berth_request *request, GError **error)
{
	g_autoptr(api_exec_inspect) inspect =
		berth_engine_exec_inspect(berth_request_engine(request), berth_request_argument(request), error);

	return inspect && berth_reply_document(request, 200, &api_exec_inspect_document, inspect);
}
