// SPDX-License-Identifier: Apache-2.0
#include "monitor/streams.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/keys.h"
#include "base/limits.h"
#include "base/moment.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CHUNK (32 << 10) // of output, read at once
#define INPUT_CHUNK (8 << 10)
#define FRAME_HEADER 8
#define UNANSWERED_TIMEOUT 60000 // milliseconds after which a TCP peer that acknowledges nothing is gone

struct client {
	struct berth_source source; // first: a source's handler finds its client
	struct berth_streams *streams;
	bool in, out, err, frames;
	bool owns_stdin; // its end of input closes the container's
	bool input_ended;
	bool leaving; // gets what waits for it, and then the end
	bool shut; // our sending side is closed
	struct berth_keys keys;
	GByteArray *queue; // output that waits; NULL: none
	size_t sent; // of the queue
};

struct output {
	struct berth_source source;
	struct berth_streams *streams;
	int stream; // 1, 2
	bool paused;
	bool hung; // the terminal's other side is closed at present
};

struct berth_streams {
	struct berth_loop *loop;
	struct berth_streams_setup setup;
	struct output outputs[2];
	struct berth_source input; // the container's stdin, or the terminal too (then a duplicate)
	struct berth_source grace;
	GByteArray *pending; // input that the container has not read yet; NULL: none
	bool close_input; // when it has
	bool had_stdin_client;
	bool draining, drained, letting_go;
	bool log_failed;
	GPtrArray *clients;
	char chunk[CHUNK];
};

#define CONTAINER_OF(pointer, type, member) ((type *) ((char *) (pointer) -offsetof(type, member)))

static void update_client(struct client *client);
static void resume_outputs(struct berth_streams *streams);

// Clients

static size_t queued(const struct client *client)
{
	return client->queue ? client->queue->len - client->sent : 0;
}

static void forget_queue(struct client *client)
{
	g_clear_pointer(&client->queue, g_byte_array_unref);
	client->sent = 0;
}

static void close_input(struct berth_streams *streams)
{
	if (streams->input.fd < 0)
		return;
	berth_source_set(streams->loop, &streams->input, 0);
	berth_fd_clear(&streams->input.fd);
	g_clear_pointer(&streams->pending, g_byte_array_unref);
}

static void end_client_input(struct client *client)
{
	struct berth_streams *streams = client->streams;

	client->input_ended = true;
	if (!client->owns_stdin)
		return;
	client->owns_stdin = false;
	streams->close_input = true;
	if (!streams->pending)
		close_input(streams);
}

static void drop_client(struct client *client)
{
	struct berth_streams *streams = client->streams;

	if (!client->input_ended)
		end_client_input(client);
	berth_source_set(streams->loop, &client->source, 0);
	close(client->source.fd);
	forget_queue(client);
	g_ptr_array_remove_fast(streams->clients, client);
	g_free(client);
	resume_outputs(streams);
}

// Sends the end of the stream when nothing waits any more.
static void finish_client(struct client *client)
{
	if (client->leaving && !client->shut && queued(client) == 0) {
		shutdown(client->source.fd, SHUT_WR);
		client->shut = true;
	}
}

static void let_go(struct client *client)
{
	client->leaving = true;
	client->in = client->out = client->err = false;
	finish_client(client);
	if (client->shut && client->input_ended)
		drop_client(client);
	else
		update_client(client);
}

// Whether data may be taken from the client: what it sends must have a place to go, or goes nowhere.
static bool wants_input(const struct client *client)
{
	return !client->input_ended && (!client->in || !client->streams->pending);
}

static void update_client(struct client *client)
{
	uint32_t events = (wants_input(client) ? EPOLLIN : 0) | (queued(client) ? EPOLLOUT : 0);
	// A client that only listens is watched for its end (EPOLLHUP and EPOLLERR come unasked). One whose input waits
	// is not: its hang-up would be told again and again.
	if (events == 0 && client->input_ended)
		events = EPOLLERR;
	berth_source_set(client->streams->loop, &client->source, events);
}

// Sends without waiting. Returns the count sent, or -1 if the client is gone.
static ssize_t send_some(struct client *client, struct iovec *parts, size_t count)
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
	ssize_t sent;

	do
		sent = sendmsg(client->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static bool flush_queue(struct client *client)
{
	struct iovec rest = {client->queue->data + client->sent, queued(client)};
	ssize_t sent = send_some(client, &rest, 1);

	if (sent < 0)
		return false;
	client->sent += (size_t) sent;
	if (queued(client) == 0)
		forget_queue(client);
	return true;
}

// Gives output to a client: at once what its socket takes, the rest into its queue. False if the client is gone.
static bool give(struct client *client, int stream, const char *data, size_t length)
{
	uint8_t header[FRAME_HEADER] = {
		(uint8_t) stream, 0, 0, 0, (uint8_t) (length >> 24), (uint8_t) (length >> 16), (uint8_t) (length >> 8),
		(uint8_t) length};
	struct iovec parts[2] = {{header, client->frames ? FRAME_HEADER : 0}, {(void *) data, length}};
	size_t sent = 0;

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
	if (client->sent > CHUNK) {
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

static void update_clients(struct berth_streams *streams)
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
		close_input(streams);
		update_clients(streams);
		return;
	}
	if (written > 0)
		g_byte_array_remove_range(pending, 0, (unsigned) written);
	if (pending->len == 0) {
		g_clear_pointer(&streams->pending, g_byte_array_unref);
		berth_source_set(streams->loop, &streams->input, 0);
		if (streams->close_input)
			close_input(streams);
		update_clients(streams);
	} else if (streams->input.events == 0) {
		berth_source_set(streams->loop, &streams->input, EPOLLOUT);
		update_clients(streams);
	}
}

static void input_ready(struct berth_source *source, uint32_t events)
{
	struct berth_streams *streams = CONTAINER_OF(source, struct berth_streams, input);
	(void) events;
	flush_input(streams);
}

// Takes input from a client. False if it is gone.
static bool take_input(struct client *client)
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
		let_go(client);
		streams->setup.detached(streams->setup.data);
	}
	return true;
}

static void client_ready(struct berth_source *source, uint32_t events)
{
	struct client *client = CONTAINER_OF(source, struct client, source);
	struct berth_streams *streams = client->streams;

	if ((events & EPOLLOUT) && client->queue) {
		if (!flush_queue(client)) {
			drop_client(client);
			return;
		}
		update_client(client);
		resume_outputs(streams);
	}
	if ((events & EPOLLIN) && wants_input(client)) {
		unsigned before = streams->clients->len;
		if (!take_input(client)) {
			drop_client(client);
			return;
		}
		if (streams->clients->len != before)
			return; // it detached and is gone
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		drop_client(client);
		return;
	}
	finish_client(client);
	bool listens = client->out || client->err || queued(client) > 0;
	if (client->input_ended && (client->shut || (!client->leaving && !listens)))
		drop_client(client);
}

bool berth_streams_attach(struct berth_streams *streams, int socket, const struct berth_monitor_request *request,
			  GError **error)
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

	struct client *client = g_new0(struct client, 1);
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
		let_go(client);
	else
		update_client(client);
	return true;
}

unsigned berth_streams_attached(const struct berth_streams *streams)
{
	unsigned count = 0;

	for (unsigned i = 0; i < streams->clients->len; i++)
		count += !((struct client *) g_ptr_array_index(streams->clients, i))->leaving;
	return count;
}

unsigned berth_streams_clients(const struct berth_streams *streams)
{
	return streams->clients->len;
}

// Output

static bool wants_output(const struct client *client, int stream)
{
	return stream == 2 ? client->err : client->out;
}

static bool has_room(const struct berth_streams *streams, int stream)
{
	if (streams->draining)
		return true;
	for (unsigned i = 0; i < streams->clients->len; i++) {
		const struct client *client = g_ptr_array_index(streams->clients, i);
		if (wants_output(client, stream) && queued(client) + FRAME_HEADER + CHUNK > BERTH_LIMIT_ATTACH_QUEUE)
			return false;
	}
	return true;
}

static void resume_outputs(struct berth_streams *streams)
{
	for (int i = 0; i < 2; i++) {
		struct output *output = &streams->outputs[i];
		if (output->paused && has_room(streams, output->stream)) {
			output->paused = false;
			berth_source_set(streams->loop, &output->source, EPOLLIN);
		}
	}
}

static void write_log(struct berth_streams *streams, int stream, size_t length)
{
	g_autoptr(GError) error = NULL;

	if (!streams->setup.log ||
	    berth_log_writer_add(streams->setup.log, stream, streams->chunk, length, berth_moment_now(), &error)) {
		streams->log_failed = false;
		return;
	}
	if (!streams->log_failed) // once for a series of failures
		streams->setup.warn(streams->setup.data, error->message);
	streams->log_failed = true;
}

static void close_output(struct output *output)
{
	struct berth_streams *streams = output->streams;

	if (output->source.fd < 0)
		return;
	berth_source_set(streams->loop, &output->source, 0);
	berth_fd_clear(&output->source.fd);
	if (streams->draining && !streams->drained && streams->outputs[0].source.fd < 0 &&
	    streams->outputs[1].source.fd < 0) {
		streams->drained = true;
		berth_timer_set(streams->loop, &streams->grace, 0);
		streams->setup.drained(streams->setup.data);
	}
}

// A terminal reports EIO while none of its other side is open, which is its end only if the container has ended: until
// then it is waited for by edge, as its hang-up would be told again and again.
static void terminal_hung(struct output *output)
{
	if (output->streams->draining)
		close_output(output);
	else if (!output->hung)
		berth_source_set(output->streams->loop, &output->source, EPOLLIN | EPOLLET);
	output->hung = true;
}

// Reads output once and hands it on. False if nothing was there to read.
static bool take_output(struct output *output)
{
	struct berth_streams *streams = output->streams;
	ssize_t count = read(output->source.fd, streams->chunk, CHUNK);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (count < 0 && errno == EIO && streams->setup.console >= 0) {
		terminal_hung(output);
		return false;
	}
	if (count <= 0) {
		close_output(output);
		return false;
	}
	if (output->hung) {
		output->hung = false;
		berth_source_set(streams->loop, &output->source, EPOLLIN);
	}
	write_log(streams, output->stream, (size_t) count);
	for (unsigned i = streams->clients->len; i-- > 0;) {
		struct client *client = g_ptr_array_index(streams->clients, i);
		if (wants_output(client, output->stream) &&
		    !give(client, output->stream, streams->chunk, (size_t) count))
			drop_client(client);
	}
	return true;
}

static void output_ready(struct berth_source *source, uint32_t events)
{
	struct output *output = CONTAINER_OF(source, struct output, source);
	(void) events;

	if (has_room(output->streams, output->stream)) {
		take_output(output);
	} else {
		output->paused = true;
		berth_source_set(output->streams->loop, source, 0);
	}
}

static void grace_over(struct berth_source *source, uint32_t events)
{
	struct berth_streams *streams = CONTAINER_OF(source, struct berth_streams, grace);
	(void) events;

	// What is in the pipes at this moment is taken, which is at most what they hold; then they are closed.
	for (int i = 0; i < 2; i++) {
		struct output *output = &streams->outputs[i];
		int held = 0;
		if (output->source.fd >= 0)
			ioctl(output->source.fd, FIONREAD, &held);
		for (int left = held / CHUNK + 1; left > 0 && output->source.fd >= 0 && take_output(output); left--)
			;
	}
	for (int i = 0; i < 2; i++)
		close_output(&streams->outputs[i]);
}

void berth_streams_drain(struct berth_streams *streams, unsigned grace)
{
	bool open = false;

	streams->draining = true;
	close_input(streams);
	update_clients(streams);
	for (int i = 0; i < 2; i++) {
		struct output *output = &streams->outputs[i];
		open = open || output->source.fd >= 0;
		if (output->source.fd < 0)
			continue;
		output->paused = output->hung = false;
		berth_source_set(streams->loop, &output->source, 0);
		berth_source_set(streams->loop, &output->source, EPOLLIN);
	}
	if (open) {
		berth_timer_set(streams->loop, &streams->grace, grace);
	} else {
		streams->drained = true;
		streams->setup.drained(streams->setup.data);
	}
}

void berth_streams_let_go(struct berth_streams *streams)
{
	streams->letting_go = true;
	for (unsigned i = streams->clients->len; i-- > 0;)
		let_go(g_ptr_array_index(streams->clients, i));
}

bool berth_streams_resize(struct berth_streams *streams, unsigned width, unsigned height, GError **error)
{
	struct winsize size = {.ws_row = (unsigned short) height, .ws_col = (unsigned short) width};

	if (streams->setup.console < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "resize: the container has no terminal");
	if (streams->outputs[0].source.fd >= 0 && ioctl(streams->outputs[0].source.fd, TIOCSWINSZ, &size) < 0)
		return berth_error_set_errno(error, errno, "resize the container's terminal");
	return true;
}

static void open_output(struct berth_streams *streams, int stream, int fd)
{
	struct output *output = &streams->outputs[stream - 1];

	*output = (struct output){.source = {.fd = fd, .ready = output_ready}, .streams = streams, .stream = stream};
	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	berth_source_set(streams->loop, &output->source, EPOLLIN);
}

struct berth_streams *berth_streams_new(struct berth_loop *loop, const struct berth_streams_setup *setup)
{
	struct berth_streams *streams = g_new0(struct berth_streams, 1);
	bool terminal = setup->console >= 0;

	streams->loop = loop;
	streams->setup = *setup;
	streams->clients = g_ptr_array_new();
	streams->grace = (struct berth_source){.fd = -1, .ready = grace_over};
	open_output(streams, 1, terminal ? setup->console : setup->out);
	open_output(streams, 2, terminal ? -1 : setup->err);
	int in = terminal ? fcntl(setup->console, F_DUPFD_CLOEXEC, 3) : setup->in;
	streams->input = (struct berth_source){.fd = in, .ready = input_ready};
	if (in >= 0)
		fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
	return streams;
}

void berth_streams_free(struct berth_streams *streams)
{
	if (!streams)
		return;
	while (streams->clients->len > 0)
		drop_client(g_ptr_array_index(streams->clients, 0));
	g_ptr_array_unref(streams->clients);
	close_input(streams);
	streams->drained = true;
	for (int i = 0; i < 2; i++)
		close_output(&streams->outputs[i]);
	berth_source_set(streams->loop, &streams->grace, 0);
	berth_fd_clear(&streams->grace.fd);
	g_free(streams);
}
