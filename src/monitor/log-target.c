// SPDX-License-Identifier: Apache-2.0
#include "monitor/log-target.h"

#include "base/error.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

const struct berth_log_target_kind *berth_log_target_find(const char *name, GError **error)
{
	static const struct berth_log_target_kind *const kinds[] = {&berth_log_syslog, &berth_log_journald,
								    &berth_log_fluentd};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_strcmp0(kinds[i]->name, name) == 0)
			return kinds[i];
	berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
			"log driver '%s': this monitor (version %s) does not know it", name, BERTH_VERSION);
	return NULL;
}

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct protocol {
	const char *prefix;
	int family, type; // AF_UNSPEC: IPv4 or IPv6
};

static const struct protocol *find_protocol(const char *address)
{
	static const struct protocol protocols[] = {
		{"unix:", AF_UNIX, SOCK_STREAM},
		{"unixgram:", AF_UNIX, SOCK_DGRAM},
		{"tcp:", AF_UNSPEC, SOCK_STREAM},
		{"udp:", AF_UNSPEC, SOCK_DGRAM},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++)
		if (g_str_has_prefix(address, protocols[i].prefix))
			return &protocols[i];
	return NULL;
}

bool berth_log_is_stream(const char *address)
{
	const struct protocol *protocol = find_protocol(address);
	return protocol && protocol->type == SOCK_STREAM;
}

// Reads "127.0.0.1:514" or "[::1]:514".
static bool read_host(const char *text, union address *ret, socklen_t *ret_length)
{
	const char *colon = strrchr(text, ':');
	guint64 port;

	if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXUINT16, &port, NULL))
		return false;
	bool bracketed = *text == '[' && colon > text && colon[-1] == ']';
	g_autofree char *host = g_strndup(text + bracketed, (size_t) (colon - text) - 2 * bracketed);
	if (inet_pton(AF_INET, host, &ret->in.sin_addr) == 1) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons((uint16_t) port);
		*ret_length = sizeof ret->in;
		return true;
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons((uint16_t) port);
	*ret_length = sizeof ret->in6;
	return inet_pton(AF_INET6, host, &ret->in6.sin6_addr) == 1;
}

static bool read_address(const char *text, const struct protocol *protocol, union address *ret, socklen_t *ret_length)
{
	const char *rest = text + strlen(protocol->prefix);

	memset(ret, 0, sizeof *ret);
	if (protocol->family != AF_UNIX)
		return read_host(rest, ret, ret_length);
	ret->un.sun_family = AF_UNIX;
	*ret_length = sizeof ret->un;
	return g_strlcpy(ret->un.sun_path, rest, sizeof ret->un.sun_path) < sizeof ret->un.sun_path;
}

// Waits for what was begun by connect().
static int finish_connect(int socket)
{
	struct pollfd polled = {socket, POLLOUT, 0};
	int problem = 0;

	if (poll(&polled, 1, BERTH_LOG_CONNECT_TIMEOUT) == 0)
		return ETIMEDOUT;
	return getsockopt(socket, SOL_SOCKET, SO_ERROR, &problem, &(socklen_t){sizeof problem}) < 0 ? errno : problem;
}

int berth_log_connect(const char *text, GError **error)
{
	const struct protocol *protocol = find_protocol(text);
	union address address;
	socklen_t length;

	if (!protocol || !read_address(text, protocol, &address, &length)) {
		berth_error_set(error, BERTH_ERROR_INVALID, "log address %s: not an address", text);
		return -1;
	}
	berth_fd made = socket(address.any.sa_family, protocol->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int problem = 0;
	if (made < 0 || connect(made, &address.any, length) < 0)
		problem = made >= 0 && errno == EINPROGRESS ? finish_connect(made) : errno;
	if (problem == 0)
		return berth_fd_steal(&made);
	berth_error_set_errno(error, problem, "connect to %s", text);
	return -1;
}

// Milliseconds that are left; -1: no end is in sight.
static int64_t patience_left(struct berth_log_patience *patience)
{
	int64_t now = g_get_monotonic_time();

	if (patience->deadline == 0 && poll(&(struct pollfd){patience->alive, POLLRDHUP, 0}, 1, 0) > 0)
		patience->deadline = now + BERTH_LOG_LAST_PATIENCE * 1000;
	return patience->deadline == 0 ? -1 : MAX((patience->deadline - now) / 1000, 0);
}

bool berth_log_wait(struct berth_log_patience *patience, int socket, short events, int64_t timeout)
{
	int64_t end = timeout < 0 ? G_MAXINT64 : g_get_monotonic_time() + timeout * 1000;

	for (;;) {
		int64_t left = patience_left(patience), rest = end == G_MAXINT64 ? -1 : end - g_get_monotonic_time();
		if (left == 0 || (rest < 0 && end != G_MAXINT64))
			return false;
		if (rest >= 0 && (left < 0 || rest / 1000 < left))
			left = rest / 1000 + 1;
		struct pollfd polled[] = {{socket, events, 0},
					  {patience->deadline == 0 ? patience->alive : -1, POLLRDHUP, 0}};
		if (poll(polled, G_N_ELEMENTS(polled), (int) left) > 0 && polled[0].revents)
			return true;
	}
}

bool berth_log_send(int socket, const void *data, size_t length, struct berth_log_patience *patience, GError **error)
{
	const uint8_t *at = data;

	while (length > 0) {
		ssize_t count = send(socket, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count >= 0) {
			at += count;
			length -= (size_t) count;
			if (patience->deadline != 0 && count > 0) // it is slow, but takes what it gets
				patience->deadline = g_get_monotonic_time() + BERTH_LOG_LAST_PATIENCE * 1000;
		} else if (errno == EAGAIN) {
			if (!berth_log_wait(patience, socket, POLLOUT, -1))
				return berth_error_set_errno(error, ETIMEDOUT, "send a log");
		} else if (errno != EINTR) {
			return berth_error_set_errno(error, errno, "send a log");
		}
	}
	return true;
}
