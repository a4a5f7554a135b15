// SPDX-License-Identifier: Apache-2.0
#include "api/relay.h"

#include "api/request-internal.h"
#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#define RELAY_BUFFER (16 << 10)

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

bool berth_relay(struct berth_request *request, int socket, const char *early, size_t length, berth_relay_fn *give,
		 GError **error)
{
	int pair[2] = {-1, -1};

	if (length > 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "making a pair of sockets for an attached client");
	berth_fd near = pair[0];
	berth_fd far = length > 0 ? pair[1] : fcntl(socket, F_DUPFD_CLOEXEC, 3);
	if (!give(request, far, error))
		return false;
	berth_fd_clear(&far);
	if (near >= 0)
		relay(request->api, socket, near, early, length);
	return true;
}
