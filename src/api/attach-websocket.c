// SPDX-License-Identifier: Apache-2.0
// Attach by WebSocket: the connection's thread stands between the client's frames and the raw streams of the container,
// without ever blocking on one side while the other has something to say.
#include "api/request-internal.h"
#include "api/status.h"
#include "api/websocket.h"
#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER (16 << 10)
#define WAITING_LIMIT (64 << 10) // bytes for the client, above which no more are made
#define PATIENCE 1000 // milliseconds between two looks at whether the API stops
#define CLOSE_PATIENCE (2 * G_USEC_PER_SEC) // for the client's part of closing
#define BINARY_SINCE 128 // version since which output comes in binary frames, in text frames before

struct bridge {
	const struct berth_api *api;
	int client, engine; // both do not block
	struct berth_websocket_parser parser;
	GByteArray *to_client, *to_engine;
	GByteArray *tail; // text only: the beginning of a character whose end has not come yet
	bool text;
	bool output_over; // the container's
	bool close_sent, close_got;
	int64_t deadline; // of the client's part of closing
};

static void close_once(struct bridge *bridge, unsigned code)
{
	if (bridge->close_sent)
		return;
	berth_websocket_append_close(bridge->to_client, code);
	bridge->close_sent = true;
	bridge->deadline = g_get_monotonic_time() + CLOSE_PATIENCE;
}

// Text frames must be UTF-8, which a program's output need not be.
static void append_text(struct bridge *bridge, const unsigned char *data, size_t length)
{
	const char *end;

	g_byte_array_append(bridge->tail, data, (guint) length);
	const char *text = (const char *) bridge->tail->data;
	gssize all = (gssize) bridge->tail->len, whole = all;
	if (!g_utf8_validate(text, all, &end) && all - (end - text) < 4 &&
	    g_utf8_get_char_validated(end, all - (end - text)) == (gunichar) -2)
		whole = end - text;
	g_autofree char *valid = g_utf8_make_valid(text, whole);
	if (whole > 0)
		berth_websocket_append(bridge->to_client, BERTH_WEBSOCKET_TEXT, valid, strlen(valid));
	g_byte_array_remove_range(bridge->tail, 0, (guint) whole);
}

static bool read_output(struct bridge *bridge)
{
	unsigned char buffer[BUFFER];
	ssize_t count = read(bridge->engine, buffer, sizeof buffer);

	if (count < 0)
		return errno == EAGAIN || errno == EINTR;
	if (count == 0) {
		bridge->output_over = true;
		close_once(bridge, BERTH_WEBSOCKET_NORMAL);
	} else if (bridge->text) {
		append_text(bridge, buffer, (size_t) count);
	} else {
		berth_websocket_append(bridge->to_client, BERTH_WEBSOCKET_BINARY, buffer, (size_t) count);
	}
	return true;
}

static void take(struct bridge *bridge, unsigned char *bytes, size_t length)
{
	struct berth_websocket_piece piece = {.event = BERTH_WEBSOCKET_DATA};

	for (size_t at = 0; (at < length || piece.event != BERTH_WEBSOCKET_MORE) && !bridge->close_got;) {
		at += berth_websocket_parse(&bridge->parser, bytes + at, length - at, &piece);
		if (piece.event == BERTH_WEBSOCKET_DATA) {
			g_byte_array_append(bridge->to_engine, piece.data, (guint) piece.length);
		} else if (piece.event == BERTH_WEBSOCKET_PINGED && !bridge->close_sent) {
			berth_websocket_append(bridge->to_client, BERTH_WEBSOCKET_PONG, piece.data, piece.length);
		} else if (piece.event == BERTH_WEBSOCKET_CLOSED || piece.event == BERTH_WEBSOCKET_BROKEN) {
			close_once(bridge, piece.code);
			bridge->close_got = true;
		}
	}
}

static bool read_input(struct bridge *bridge)
{
	unsigned char buffer[BUFFER];
	ssize_t count = recv(bridge->client, buffer, sizeof buffer, MSG_DONTWAIT);

	if (count < 0)
		return errno == EAGAIN || errno == EINTR;
	take(bridge, buffer, (size_t) count);
	return count > 0;
}

static bool write_some(int socket, GByteArray *bytes)
{
	ssize_t count = send(socket, bytes->data, bytes->len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (count < 0)
		return errno == EAGAIN || errno == EINTR;
	g_byte_array_remove_range(bytes, 0, (guint) count);
	return true;
}

static short wanted(bool in, bool out)
{
	return (short) ((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}

// One look at both sides. False: it is over.
static bool step(struct bridge *bridge)
{
	bool room = bridge->to_client->len < WAITING_LIMIT;
	struct pollfd fds[] = {
		{bridge->client,
		 wanted(room && bridge->to_engine->len == 0 && !bridge->close_got, bridge->to_client->len > 0), 0},
		{bridge->engine, wanted(room && !bridge->output_over, bridge->to_engine->len > 0), 0},
	};

	if (bridge->close_sent && bridge->to_client->len == 0 && bridge->close_got)
		return false;
	if (bridge->close_sent && g_get_monotonic_time() > bridge->deadline)
		return false;
	if (bridge->output_over || bridge->close_sent)
		fds[1].fd = -1;
	if (poll(fds, G_N_ELEMENTS(fds), PATIENCE) < 0 && errno != EINTR)
		return false;
	if (berth_api_stopping(bridge->api))
		close_once(bridge, BERTH_WEBSOCKET_GOING_AWAY);
	if ((fds[1].revents & POLLOUT) && !write_some(bridge->engine, bridge->to_engine))
		g_byte_array_set_size(bridge->to_engine, 0); // nobody reads the input any more
	if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) && (fds[1].events & POLLIN) && !read_output(bridge))
		close_once(bridge, BERTH_WEBSOCKET_NORMAL);
	if ((fds[0].revents & POLLOUT) && !write_some(bridge->client, bridge->to_client))
		return false;
	if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) && !read_input(bridge))
		return false;
	return true;
}

static void run(struct bridge *bridge, const char *early, size_t length)
{
	bridge->to_client = g_byte_array_new();
	bridge->to_engine = g_byte_array_new();
	bridge->tail = g_byte_array_new();
	g_autofree unsigned char *first = g_memdup2(early, length);
	if (length > 0)
		take(bridge, first, length);
	while (step(bridge))
		;
	g_byte_array_unref(bridge->to_client);
	g_byte_array_unref(bridge->to_engine);
	g_byte_array_unref(bridge->tail);
}

// The handshake is over: what goes wrong is told by closing.
static void fail(const struct berth_request *request, int socket, const GError *error)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autofree char *message = g_utf8_make_valid(error->message, -1);
	size_t length = MIN(strlen(message), BERTH_WEBSOCKET_CONTROL - 2);
	unsigned char payload[BERTH_WEBSOCKET_CONTROL] = {BERTH_WEBSOCKET_FAILED >> 8, BERTH_WEBSOCKET_FAILED & 0xff};

	while (length > 0 && !g_utf8_validate(message, (gssize) length, NULL))
		length--;
	memcpy(payload + 2, message, length);
	berth_websocket_append(out, BERTH_WEBSOCKET_CLOSE, payload, length + 2);
	g_warning("%s %s: after the upgrade: %s", request->method, request->path, error->message);
	send(socket, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(socket, SHUT_RDWR);
}

static void on_upgraded(struct berth_request *request, int socket, const char *early, size_t length)
{
	struct berth_engine_attach attach = berth_attach_of(request);
	g_autoptr(GError) error = NULL;
	int pair[2];

	attach.raw = true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		berth_error_set_errno(&error, errno, "making a pair of sockets for an attached client");
		fail(request, socket, error);
		return;
	}
	berth_fd near = pair[0], far = pair[1];
	if (!berth_engine_container_attach(request->engine, request->argument, far, &attach, &error)) {
		fail(request, socket, error);
		return;
	}
	berth_fd_clear(&far);
	struct bridge bridge = {
		.api = request->api, .client = socket, .engine = near, .text = request->version < BINARY_SINCE};
	run(&bridge, early, length);
	shutdown(socket, SHUT_RDWR);
}

bool berth_handle_container_attach_websocket(struct berth_request *request, GError **error)
{
	bool tty;

	if (!request->upgrade_to || g_ascii_strcasecmp(request->upgrade_to, "websocket") != 0)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "attaching by WebSocket to container %s: send the headers \"Connection: "
				       "Upgrade\" and \"Upgrade: websocket\"",
				       request->argument);
	if (g_strcmp0(request->websocket_version, "13") != 0) {
		berth_reply_header(request, "Sec-WebSocket-Version", "13");
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Sec-WebSocket-Version: \"%s\": only 13 is spoken here",
				       request->websocket_version ? request->websocket_version : "");
	}
	g_autofree char *accept = berth_websocket_accept(request->websocket_key);
	if (!accept)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Sec-WebSocket-Key: must be 16 bytes in base64, not \"%s\"",
				       request->websocket_key ? request->websocket_key : "");
	if (!berth_attach_check(request, &tty, error))
		return false;
	berth_reply_header(request, "Sec-WebSocket-Accept", accept);
	request->websocket = true;
	berth_reply_upgrade(request, NULL, on_upgraded);
	return true;
}
