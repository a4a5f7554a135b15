// SPDX-License-Identifier: Apache-2.0
// Bodies in pieces, both ways: socket pairs between the connection's thread and the handler's. What a handler writes
// waits in the kernel, bounded, until the client takes it; a slow client slows its handler and nobody else.
#include "api/request-internal.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/lock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#define WAIT_NANOSECONDS 250000000 // between two looks at a client whose answer has not begun

static bool open_pair(int *near, int *far, GError **error)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_error_set_errno(error, errno, "making a pair of sockets for a request");
	*near = pair[0];
	*far = pair[1];
	return true;
}

// The byte makes the difference between the body's end and a client that left in the middle of it: a unix socket that
// is closed with something unread in it gives the other side ECONNRESET, where an emptied one gives the end of file.
bool berth_stream_open(struct berth_request *request, bool upload, GError **error)
{
	if (open_pair(&request->stream_near, &request->stream_far, error) &&
	    (!upload || (open_pair(&request->upload_near, &request->upload_far, error) &&
			 berth_write_all(request->upload_far, "", 1, "a request's body", error))))
		return true;
	berth_stream_close(request);
	return false;
}

void berth_stream_close(struct berth_request *request)
{
	berth_fd_clear(&request->stream_near);
	berth_fd_clear(&request->stream_far);
	berth_fd_clear(&request->upload_near);
	berth_fd_clear(&request->upload_far);
}

void berth_upload_write(struct berth_request *request, const void *data, size_t length)
{
	if (request->upload_near >= 0 && !berth_write_all(request->upload_near, data, length, "a request's body", NULL))
		berth_fd_clear(&request->upload_near);
}

void berth_upload_end(struct berth_request *request)
{
	char byte;

	if (request->upload_near >= 0)
		berth_read_full(request->upload_near, &byte, 1);
	berth_fd_clear(&request->upload_near);
}

void berth_request_leave(struct berth_request *request)
{
	g_atomic_int_set(&request->gone, 1);
	berth_fd_clear(&request->upload_near);
	berth_fd_clear(&request->stream_near);
}

bool berth_request_gone(const struct berth_request *request)
{
	return g_atomic_int_get(&request->gone) != 0 || berth_api_stopping(request->api);
}

static void begin(struct berth_request *request, const char *content_type, bool raw)
{
	pthread_mutex_lock(&request->lock);
	if (!request->begun) {
		request->status = 200;
		request->reply_type = g_strdup(content_type);
		request->raw = raw;
		request->begun = true;
		pthread_cond_signal(&request->changed);
	}
	pthread_mutex_unlock(&request->lock);
}

void berth_stream_begin(struct berth_request *request, const char *content_type)
{
	begin(request, content_type, false);
}

void berth_stream_begin_raw(struct berth_request *request, const char *content_type)
{
	begin(request, content_type, true);
}

bool berth_stream_begun(const struct berth_request *request)
{
	return request->begun; // only the handler's thread, which asks, ever sets it
}

bool berth_stream_write(struct berth_request *request, const void *data, size_t length)
{
	return berth_write_all(request->stream_far, data, length, "the client", NULL);
}

bool berth_stream_write_tar(void *data, const void *bytes, size_t length)
{
	struct berth_request *request = data;

	if (!berth_stream_begun(request))
		berth_stream_begin(request, "application/x-tar");
	return berth_stream_write(request, bytes, length);
}

int berth_stream_fd(const struct berth_request *request)
{
	return request->stream_far;
}

// What poll() tells of a client that has gone. A unix peer that only shut its sending side still listens; of a TCP peer
// that cannot be known. Setting TCP_NODELAY pushes out what the HTTP library left behind with MSG_MORE.
static short leaving(int socket)
{
	int domain = AF_UNIX;

	getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
	if (domain == AF_UNIX)
		return 0;
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return POLLRDHUP;
}

// Whether the client has left before anything was answered.
static bool has_left(const struct berth_request *request)
{
	struct pollfd fd = {request->client, leaving(request->client), 0};

	return request->client >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR | POLLRDHUP));
}

bool berth_stream_wait(struct berth_request *request)
{
	pthread_mutex_lock(&request->lock);
	while (!request->begun && !request->ended) {
		// A handler that has not begun has no other way to learn it: it may wait for a registry.
		if (!berth_cond_wait_for(&request->changed, &request->lock, WAIT_NANOSECONDS) && has_left(request))
			g_atomic_int_set(&request->gone, 1);
	}
	bool begun = request->begun;
	pthread_mutex_unlock(&request->lock);
	return begun;
}

ssize_t berth_stream_read(struct berth_request *request, void *data, size_t size)
{
	struct pollfd fds[] = {{request->stream_near, POLLIN, 0}, {request->client, leaving(request->client), 0}};
	ssize_t count;

	do {
		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
			return -1;
		if (fds[0].revents == 0 && fds[1].revents != 0)
			return -1;
	} while (fds[0].revents == 0);
	do
		count = read(request->stream_near, data, size);
	while (count < 0 && errno == EINTR);
	if (count != 0)
		return count;
	pthread_mutex_lock(&request->lock);
	bool failed = request->failed;
	pthread_mutex_unlock(&request->lock);
	return failed ? -1 : 0;
}
