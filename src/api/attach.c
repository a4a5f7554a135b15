// SPDX-License-Identifier: Apache-2.0
// Attach. With `Upgrade: tcp` the client's own socket goes to the engine, and through it to the container's monitor:
// output does not pass through here. Only for a client that sent input together with its request, which the HTTP
// library has read already, the connection's thread passes bytes on.
#include "api/request-internal.h"
#include "api/status.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/keys.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define RELAY_BUFFER (16 << 10)

static struct berth_engine_attach attach_of(const struct berth_request *request)
{
	const char *keys = berth_request_text(request, "detachKeys");

	return (struct berth_engine_attach){
		.in = berth_request_switch(request, "stdin", false),
		.out = berth_request_switch(request, "stdout", false),
		.err = berth_request_switch(request, "stderr", false),
		.logs = berth_request_switch(request, "logs", false),
		.stream = berth_request_switch(request, "stream", false),
		.detach_keys = keys && *keys ? keys : NULL,
	};
}

static const char *content_type(const struct berth_request *request, bool tty)
{
	return !tty && berth_request_version(request) >= 142 ? BERTH_CONTENT_MULTIPLEXED : BERTH_CONTENT_RAW;
}

// One direction of a relay.
struct pump {
	int from, to;
	bool over; // the end was read and passed on
};

// Moves what is there; false when a side is broken.
static bool pump_some(struct pump *pump)
{
	char buffer[RELAY_BUFFER];
	ssize_t count = read(pump->from, buffer, sizeof buffer);

	if (count < 0)
		return errno == EINTR || errno == EAGAIN;
	if (count == 0) {
		pump->over = true;
		return shutdown(pump->to, SHUT_WR) == 0;
	}
	return berth_write_all(pump->to, buffer, (size_t) count, "an attached client", NULL);
}

// Passes bytes between the client and the engine's side until both directions have ended.
static void relay(const struct berth_api *api, int client, int engine, const char *early, size_t length)
{
	struct pump in = {client, engine, false}, out = {engine, client, false};

	fcntl(client, F_SETFL, fcntl(client, F_GETFL) & ~O_NONBLOCK);
	if (!berth_write_all(engine, early, length, "an attached client", NULL))
		return;
	while (!out.over && !berth_api_stopping(api)) {
		struct pollfd fds[] = {{in.over ? -1 : client, POLLIN, 0}, {engine, POLLIN, 0}};
		if (poll(fds, G_N_ELEMENTS(fds), 1000) < 0 && errno != EINTR)
			return;
		if ((fds[1].revents && !pump_some(&out)) || (fds[0].revents && !pump_some(&in)))
			return;
	}
}

// After the head only a raw answer can tell of a failure.
static void report(struct berth_request *request, int socket, const GError *error)
{
	g_autofree char *text = g_strdup_printf("HTTP/1.1 %u Error\r\nContent-Type: text/plain\r\n\r\n%s\n",
						berth_status_of(error), error->message);

	g_warning("%s %s: after the upgrade: %s", request->method, request->path, error->message);
	send(socket, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(socket, SHUT_RDWR);
}

static void on_upgraded(struct berth_request *request, int socket, const char *early, size_t length)
{
	struct berth_engine_attach attach = attach_of(request);
	g_autoptr(GError) error = NULL;
	int pair[2] = {-1, -1};

	if (length > 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		berth_error_set_errno(&error, errno, "making a pair of sockets for an attached client");
		report(request, socket, error);
		return;
	}
	berth_fd near = pair[0];
	berth_fd far = length > 0 ? pair[1] : fcntl(socket, F_DUPFD_CLOEXEC, 3);
	if (!berth_engine_container_attach(request->engine, request->argument, far, &attach, &error)) {
		report(request, socket, error);
		return;
	}
	berth_fd_clear(&far);
	if (near >= 0)
		relay(request->api, socket, near, early, length);
}

static bool check_keys(const struct berth_request *request, GError **error)
{
	const char *text = berth_request_text(request, "detachKeys");
	struct berth_keys keys;

	return !text || !*text || berth_keys_parse(text, &keys, error);
}

bool berth_handle_container_attach(struct berth_request *request, GError **error)
{
	bool tty;

	if (!check_keys(request, error) ||
	    !berth_engine_container_attach_check(request->engine, request->argument, &tty, error))
		return false;
	berth_reply_upgrade(request, content_type(request, tty), on_upgraded);
	return true;
}

// Without an upgrade there is output only, written to the connection until it ends.
bool berth_handle_container_attach_raw(struct berth_request *request, GError **error)
{
	struct berth_engine_attach attach = attach_of(request);
	bool tty;

	if (attach.in)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "attaching to stdin of container %s: the connection must be upgraded; send the "
				       "headers \"Connection: Upgrade\" and \"Upgrade: tcp\"",
				       request->argument);
	if (!check_keys(request, error) ||
	    !berth_engine_container_attach_check(request->engine, request->argument, &tty, error))
		return false;
	berth_stream_begin_raw(request, content_type(request, tty));
	return berth_engine_container_attach(request->engine, request->argument, berth_stream_fd(request), &attach,
					     error);
}
