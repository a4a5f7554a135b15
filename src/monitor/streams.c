// SPDX-License-Identifier: Apache-2.0
// Clients and their input.
#include "monitor/streams-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define INPUT_CHUNK (8 << 10)
#define UNANSWERED_TIMEOUT 60000 // milliseconds after which a TCP peer that acknowledges nothing is gone
#define REPLAY_CHUNK (128 << 10) // of what was logged, read at once
#define QUEUE_SLACK BERTH_STREAMS_BUFFER // what was sent of a queue, before the rest is moved to its beginning

static void update_client(struct berth_streams_client *client);

size_t berth_streams__queued(const struct berth_streams_client *client)
{
	return client->queue ? client->queue->len - client->sent : 0;
}

static void forget_queue(struct berth_streams_client *client)
{
	g_clear_pointer(&client->queue, g_byte_array_unref);
	client->sent = 0;
}

void berth_streams__close_input(struct berth_streams *streams)
{
	if (streams->input.fd < 0)
		return;
	berth_source_set(streams->loop, &streams->input, 0);
	berth_fd_clear(&streams->input.fd);
	g_clear_pointer(&streams->pending, g_byte_array_unref);
}

static void end_client_input(struct berth_streams_client *client)
{
	struct berth_streams *streams = client->streams;

	client->input_ended = true;
	if (!client->owns_stdin)
		return;
	client->owns_stdin = false;
	streams->close_input = true;
	if (!streams->pending)
		berth_streams__close_input(streams);
}

void berth_streams__tell_idle(const struct berth_streams *streams)
{
	if (streams->setup.idle && streams->clients->len == 0 && streams->outputs[0].source.fd < 0 &&
	    streams->outputs[1].source.fd < 0)
		streams->setup.idle(streams->setup.data);
}

void berth_streams__drop_client(struct berth_streams_client *client)
{
	struct berth_streams *streams = client->streams;

	if (!client->input_ended)
		end_client_input(client);
	berth_source_set(streams->loop, &client->source, 0);
	close(client->source.fd);
	forget_queue(client);
	berth_log_replay_free(client->replay);
	g_ptr_array_remove_fast(streams->clients, client);
	g_free(client);
	berth_streams_resume(streams);
	berth_streams__tell_idle(streams);
}

// Sends the end of the stream when nothing waits any more.
static void finish_client(struct berth_streams_client *client)
{
	if (client->leaving && !client->shut && berth_streams__queued(client) == 0 && !client->replay) {
		shutdown(client->source.fd, SHUT_WR);
		client->shut = true;
	}
}

void berth_streams__let_go(struct berth_streams_client *client)
{
	client->leaving = true;
	client->in = client->out = client->err = false;
	finish_client(client);
	if (client->shut && client->input_ended)
		berth_streams__drop_client(client);
	else
		update_client(client);
}

// Whether data may be taken from the client: what it sends must have a place to go, or goes nowhere.
static bool wants_input(const struct berth_streams_client *client)
{
	return !client->input_ended && (!client->in || !client->streams->pending);
}

static void update_client(struct berth_streams_client *client)
{
	bool waits = berth_streams__queued(client) > 0 || client->replay;
	uint32_t events = (wants_input(client) ? EPOLLIN : 0) | (waits ? EPOLLOUT : 0);
	// A client that only listens is watched for its end (EPOLLHUP and EPOLLERR come unasked). One whose input waits
	// is not: its hang-up would be told again and again.
	if (events == 0 && client->input_ended)
		events = EPOLLERR;
	berth_source_set(client->streams->loop, &client->source, events);
}

// Sends without waiting. Returns the count sent, or -1 if the client is gone.
static ssize_t send_some(struct berth_streams_client *client, struct iovec *parts, size_t count)
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	ssize_t sent;

	do
		sent = sendmsg(client->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static bool flush_queue(struct berth_streams_client *client)
{
	struct iovec rest = {client->queue->data + client->sent, berth_streams__queued(client)};
	ssize_t sent = send_some(client, &rest, 1);

	if (sent < 0)
		return false;
	client->sent += (size_t) sent;
	if (berth_streams__queued(client) == 0)
		forget_queue(client);
	return true;
}

// Gives more of what was logged. False if the client is gone.
static bool feed(struct berth_streams_client *client)
{
	if (!client->replay || berth_streams__queued(client) > 0)
		return true;
	client->queue = g_byte_array_new();
	if (!berth_log_replay_more(client->replay, client->queue, REPLAY_CHUNK))
		g_clear_pointer(&client->replay, berth_log_replay_free);
	return flush_queue(client);
}

bool berth_streams__give(struct berth_streams_client *client, int stream, const char *data, size_t length)
{
	uint8_t header[BERTH_FRAME_HEADER];
	struct iovec parts[2] = {{header, client->frames ? BERTH_FRAME_HEADER : 0}, {(void *) data, length}};
	size_t sent = 0;

	berth_frame_header(header, stream, length);
	if (!client->queue) {
		ssize_t count = send_some(client, parts, 2);
		if (count < 0)
			return false;
		sent = (size_t) count;
	}
	if (sent == parts[0].iov_len + length)
		return true;
	if (!client->queue)
		client->queue = g_byte_array_new();
	if (client->sent > QUEUE_SLACK) {
		g_byte_array_remove_range(client->queue, 0, (unsigned) client->sent);
		client->sent = 0;
	}
	for (int i = 0; i < 2; i++) {
		size_t skip = MIN(sent, parts[i].iov_len);
		sent -= skip;
		g_byte_array_append(client->queue, (uint8_t *) parts[i].iov_base + skip,
				    (unsigned) (parts[i].iov_len - skip));
	}
	update_client(client);
	return true;
}

// Input

void berth_streams__update_clients(struct berth_streams *streams)
{
	for (unsigned i = 0; i < streams->clients->len; i++)
		update_client(g_ptr_array_index(streams->clients, i));
}

// Writes what waits to the container. What a container that has closed its stdin is sent goes nowhere.
static void flush_input(struct berth_streams *streams)
{
	GByteArray *pending = streams->pending;
	ssize_t written;

	do
		written = write(streams->input.fd, pending->data, pending->len);
	while (written < 0 && errno == EINTR);
	if (written < 0 && errno != EAGAIN) {
		berth_streams__close_input(streams);
		berth_streams__update_clients(streams);
		return;
	}
	if (written > 0)
		g_byte_array_remove_range(pending, 0, (unsigned) written);
	if (pending->len == 0) {
		g_clear_pointer(&streams->pending, g_byte_array_unref);
		berth_source_set(streams->loop, &streams->input, 0);
		if (streams->close_input)
			berth_streams__close_input(streams);
		berth_streams__update_clients(streams);
	} else if (streams->input.events == 0) {
		berth_source_set(streams->loop, &streams->input, EPOLLOUT);
		berth_streams__update_clients(streams);
	}
}

void berth_streams__input_ready(struct berth_source *source, uint32_t events)
{
	struct berth_streams *streams = CONTAINER_OF(source, struct berth_streams, input);
	(void) events;
	flush_input(streams);
}

// Takes input from a client. False if it is gone.
static bool take_input(struct berth_streams_client *client)
{
	struct berth_streams *streams = client->streams;
	uint8_t data[INPUT_CHUNK];
	ssize_t count = recv(client->source.fd, data, sizeof data, MSG_DONTWAIT);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (count < 0)
		return false;
	if (count == 0) {
		end_client_input(client);
		update_client(client);
		return true;
	}
	if (!client->in || streams->input.fd < 0)
		return true; // nobody reads it
	streams->pending = g_byte_array_new();
	bool leaves = berth_keys_filter(&client->keys, data, (size_t) count, streams->pending);
	if (streams->pending->len > 0)
		flush_input(streams);
	else
		g_clear_pointer(&streams->pending, g_byte_array_unref);
	if (leaves) {
		berth_streams__let_go(client);
		streams->setup.detached(streams->setup.data);
	}
	return true;
}

static void client_ready(struct berth_source *source, uint32_t events)
{
	struct berth_streams_client *client = CONTAINER_OF(source, struct berth_streams_client, source);
	struct berth_streams *streams = client->streams;

	if ((events & EPOLLOUT) && (client->queue || client->replay)) {
		if ((client->queue && !flush_queue(client)) || !feed(client)) {
			berth_streams__drop_client(client);
			return;
		}
		update_client(client);
		berth_streams_resume(streams);
	}
	if ((events & EPOLLIN) && wants_input(client)) {
		unsigned before = streams->clients->len;
		if (!take_input(client)) {
			berth_streams__drop_client(client);
			return;
		}
		if (streams->clients->len != before)
			return; // it detached and is gone
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		berth_streams__drop_client(client);
		return;
	}
	finish_client(client);
	bool listens = client->out || client->err || berth_streams__queued(client) > 0 || client->replay;
	if (client->input_ended && (client->shut || (!client->leaving && !listens)))
		berth_streams__drop_client(client);
}

bool berth_streams_attach(struct berth_streams *streams, int socket, const struct berth_monitor_request *request,
			  bool log, GError **error)
{
	int type = 0, on = 1, timeout = UNANSWERED_TIMEOUT;
	socklen_t length = sizeof type;

	if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM) {
		close(socket);
		return berth_error_set(error, BERTH_ERROR_INVALID, "attach: the descriptor is no stream socket");
	}
	if (streams->clients->len >= BERTH_LIMIT_ATTACHED) {
		close(socket);
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "attach: %d clients are attached, which is the limit", BERTH_LIMIT_ATTACHED);
	}
	setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout); // fails on a unix socket
	struct berth_log_replay *replay = NULL;
	GError *failure = NULL;
	if (log && streams->setup.log)
		replay =
			berth_log_replay_new(streams->setup.log, request->out, request->err, request->frames, &failure);
	if (failure) {
		close(socket);
		g_propagate_error(error, failure);
		return false;
	}

	struct berth_streams_client *client = g_new0(struct berth_streams_client, 1);
	client->replay = replay;
	client->source = (struct berth_source){.fd = socket, .ready = client_ready};
	client->streams = streams;
	client->in = request->in;
	client->out = request->out;
	client->err = request->err;
	client->frames = request->frames;
	if (streams->setup.console >= 0)
		berth_keys_parse(request->keys, &client->keys, NULL); // was checked
	if (client->in && !streams->had_stdin_client && streams->input.fd >= 0) {
		streams->had_stdin_client = true;
		client->owns_stdin = streams->setup.stdin_once && streams->setup.console < 0;
	}
	g_ptr_array_add(streams->clients, client);
	if (streams->letting_go)
		berth_streams__let_go(client);
	else
		update_client(client);
	return true;
}

unsigned berth_streams_attached(const struct berth_streams *streams)
{
	unsigned count = 0;

	for (unsigned i = 0; i < streams->clients->len; i++)
		count += !((struct berth_streams_client *) g_ptr_array_index(streams->clients, i))->leaving;
	return count;
}

unsigned berth_streams_clients(const struct berth_streams *streams)
{
	return streams->clients->len;
}
