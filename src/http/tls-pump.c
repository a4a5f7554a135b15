// SPDX-License-Identifier: Apache-2.0
#include "http/tls-pump.h"

#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#define BUFFER (16 << 10) // the most that a record has

struct link {
	gnutls_session_t session;
	int socket, near; // the one that TLS is spoken on, and the plain one
	int failure;
};

// What is on its way in one direction.
struct flow {
	char data[BUFFER];
	size_t start, end;
	bool over; // no more comes
};

static bool is_pending(ssize_t result)
{
	return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED;
}

// From the other side. False: the connection is at its end.
static bool receive(struct link *link, struct flow *in)
{
	ssize_t count = gnutls_record_recv(link->session, in->data, sizeof in->data);

	if (count < 0) {
		link->failure = gnutls_error_is_fatal((int) count) ? (int) count : 0;
		return link->failure == 0;
	}
	in->start = 0;
	in->end = (size_t) count;
	in->over = count == 0;
	if (in->over)
		shutdown(link->near, SHUT_WR);
	return true;
}

static bool pass_in(struct link *link, struct flow *in)
{
	ssize_t count = send(link->near, in->data + in->start, in->end - in->start, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (count < 0)
		return errno == EAGAIN || errno == EINTR;
	in->start += (size_t) count;
	return true;
}

static bool fetch(struct link *link, struct flow *out)
{
	ssize_t count = recv(link->near, out->data, sizeof out->data, MSG_DONTWAIT);

	if (count < 0)
		return errno == EAGAIN || errno == EINTR;
	out->start = 0;
	out->end = (size_t) count;
	out->over = count == 0;
	return true;
}

static bool pass_out(struct link *link, struct flow *out)
{
	ssize_t count = gnutls_record_send(link->session, out->data + out->start, out->end - out->start);

	if (count < 0)
		return is_pending(count);
	out->start += (size_t) count;
	return true;
}

// Waits until something can move. A plain side that is shut in both directions is at its end.
static bool wait_for_some(struct link *link, const struct flow *in, const struct flow *out, struct pollfd *fds)
{
	bool in_full = in->start < in->end, out_full = out->start < out->end;

	if (!in_full && !in->over && gnutls_record_check_pending(link->session) > 0)
		return true;
	fds[0] = (struct pollfd){link->socket,
				 (short) ((in->over  ? POLLRDHUP
					   : in_full ? 0
						     : POLLIN) |
					  (out_full ? POLLOUT : 0)),
				 0};
	fds[1] = (struct pollfd){link->near, (short) ((in_full ? POLLOUT : 0) | (out_full || out->over ? 0 : POLLIN)),
				 0};
	int ready;
	do
		ready = poll(fds, 2, -1);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

int berth_tls_pump(gnutls_session_t session, int socket, int plain)
{
	struct link whole = {session, socket, plain, 0}, *link = &whole;
	g_autofree struct flow *in = g_new0(struct flow, 1), *out = g_new0(struct flow, 1);
	struct pollfd fds[2] = {0};
	bool told = false;

	fcntl(link->socket, F_SETFL, fcntl(link->socket, F_GETFL) | O_NONBLOCK);
	while (wait_for_some(link, in, out, fds)) {
		if (in->start == in->end && !in->over && !receive(link, in))
			break;
		if (in->start < in->end && !pass_in(link, in))
			break;
		if (out->start == out->end && !out->over && !fetch(link, out))
			break;
		if (out->start < out->end && !pass_out(link, out))
			break;
		if (out->over && !told) {
			gnutls_bye(link->session, GNUTLS_SHUT_WR);
			told = true;
		}
		if ((fds[0].revents & (POLLERR | POLLRDHUP)) || (out->over && (in->over || (fds[1].revents & POLLHUP))))
			break;
	}
	return link->failure;
}
