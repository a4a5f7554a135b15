// SPDX-License-Identifier: Apache-2.0
// Output, its end, and the streams as a whole.
#include "monitor/streams-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#define CHUNK BERTH_STREAMS_BUFFER
#define WIDE_PIPE (256 << 10) // of a container that fills what it has
#define SURVIVORS_LIMIT (128 << 10) // of what is in a pipe that others hold open, at the end

static bool wants_output(const struct berth_streams_client *client, int stream)
{
	return !client->replay && (stream == 2 ? client->err : client->out);
}

static bool has_room(const struct berth_streams *streams, int stream)
{
	size_t limit = streams->setup.queue ? streams->setup.queue : BERTH_LIMIT_ATTACH_QUEUE;

	if (streams->draining && !streams->setup.survivors)
		return true;
	if (streams->setup.log && !berth_log_output_has_room(streams->setup.log))
		return false;
	for (unsigned i = 0; i < streams->clients->len; i++) {
		const struct berth_streams_client *client = g_ptr_array_index(streams->clients, i);
		if (wants_output(client, stream) && berth_streams__queued(client) + BERTH_FRAME_HEADER + CHUNK > limit)
			return false;
	}
	return true;
}

void berth_streams_resume(struct berth_streams *streams)
{
	for (int i = 0; i < 2; i++) {
		struct berth_streams_output *output = &streams->outputs[i];
		if (output->paused && has_room(streams, output->stream)) {
			output->paused = false;
			berth_source_set(streams->loop, &output->source, EPOLLIN);
		}
	}
}

static void leave_to_survivors(struct berth_streams *streams);

static void close_output(struct berth_streams_output *output)
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
	if (streams->grace_is_over && !streams->drained)
		leave_to_survivors(streams);
	berth_streams__tell_idle(streams);
}

// A terminal reports EIO while none of its other side is open, which is its end only if the container has ended: until
// then it is waited for by edge, as its hang-up would be told again and again.
static void terminal_hung(struct berth_streams_output *output)
{
	if (output->streams->draining)
		close_output(output);
	else if (!output->hung)
		berth_source_set(output->streams->loop, &output->source, EPOLLIN | EPOLLET);
	output->hung = true;
}

// Reads output once and hands it on. False if nothing was there to read.
static bool take_output(struct berth_streams_output *output)
{
	struct berth_streams *streams = output->streams;
	ssize_t count = read(output->source.fd, streams->setup.buffer, CHUNK);

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
	if (count == CHUNK && !output->wide && streams->setup.console < 0) {
		fcntl(output->source.fd, F_SETPIPE_SZ, WIDE_PIPE);
		output->wide = true;
	}
	if (streams->setup.log)
		berth_log_output_add(streams->setup.log, output->stream, streams->setup.buffer, (size_t) count);
	if (streams->setup.output)
		streams->setup.output(streams->setup.data, streams->setup.buffer, (size_t) count);
	for (unsigned i = streams->clients->len; i-- > 0;) {
		struct berth_streams_client *client = g_ptr_array_index(streams->clients, i);
		if (wants_output(client, output->stream) &&
		    !berth_streams__give(client, output->stream, streams->setup.buffer, (size_t) count))
			berth_streams__drop_client(client);
	}
	return true;
}

static void output_ready(struct berth_source *source, uint32_t events)
{
	struct berth_streams_output *output = CONTAINER_OF(source, struct berth_streams_output, source);
	(void) events;

	if (has_room(output->streams, output->stream)) {
		take_output(output);
	} else {
		output->paused = true;
		berth_source_set(output->streams->loop, source, 0);
	}
}

// Whether somebody has the other side of it open.
static bool is_held(const struct berth_streams_output *output)
{
	struct pollfd fd = {output->source.fd, POLLIN, 0};

	return poll(&fd, 1, 0) < 1 || !(fd.revents & POLLHUP);
}

// Takes what is in the pipe at this moment, which is at most what it holds.
static void take_held(struct berth_streams_output *output, int limit)
{
	int held = 0;

	if (output->source.fd >= 0)
		ioctl(output->source.fd, FIONREAD, &held);
	for (int left = MIN(held, limit) / CHUNK + 1; left > 0 && output->source.fd >= 0 && take_output(output); left--)
		;
}

// Only what nobody else holds open is waited for any longer.
static void leave_to_survivors(struct berth_streams *streams)
{
	for (int i = 0; i < 2; i++) {
		struct berth_streams_output *output = &streams->outputs[i];
		if (output->source.fd >= 0 && !is_held(output))
			return;
	}
	for (int i = 0; i < 2; i++)
		take_held(&streams->outputs[i], SURVIVORS_LIMIT);
	if (streams->drained)
		return;
	streams->drained = true;
	streams->setup.drained(streams->setup.data);
	berth_streams_resume(streams);
}

static void grace_over(struct berth_source *source, uint32_t events)
{
	struct berth_streams *streams = CONTAINER_OF(source, struct berth_streams, grace);
	(void) events;

	berth_timer_set(streams->loop, source, 0);
	if (streams->setup.survivors) {
		streams->grace_is_over = true;
		leave_to_survivors(streams);
		return;
	}
	for (int i = 0; i < 2; i++)
		take_held(&streams->outputs[i], G_MAXINT);
	for (int i = 0; i < 2; i++)
		close_output(&streams->outputs[i]);
}

void berth_streams_drain(struct berth_streams *streams, unsigned grace)
{
	bool open = false;

	streams->draining = true;
	berth_streams__close_input(streams);
	berth_streams__update_clients(streams);
	for (int i = 0; i < 2; i++) {
		struct berth_streams_output *output = &streams->outputs[i];
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
		berth_streams__let_go(g_ptr_array_index(streams->clients, i));
}

bool berth_streams_resize(struct berth_streams *streams, unsigned width, unsigned height, GError **error)
{
	struct winsize size = {.ws_row = (unsigned short) height, .ws_col = (unsigned short) width};

	if (streams->setup.console < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "resize: there is no terminal");
	if (streams->outputs[0].source.fd >= 0 && ioctl(streams->outputs[0].source.fd, TIOCSWINSZ, &size) < 0)
		return berth_error_set_errno(error, errno, "resize the terminal");
	return true;
}

static void open_output(struct berth_streams *streams, int stream, int fd)
{
	struct berth_streams_output *output = &streams->outputs[stream - 1];

	*output = (struct berth_streams_output){
		.source = {.fd = fd, .ready = output_ready}, .streams = streams, .stream = stream};
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
	streams->input = (struct berth_source){.fd = in, .ready = berth_streams__input_ready};
	if (in >= 0)
		fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
	return streams;
}

void berth_streams_free(struct berth_streams *streams)
{
	if (!streams)
		return;
	while (streams->clients->len > 0)
		berth_streams__drop_client(g_ptr_array_index(streams->clients, 0));
	g_ptr_array_unref(streams->clients);
	berth_streams__close_input(streams);
	streams->drained = true;
	for (int i = 0; i < 2; i++)
		close_output(&streams->outputs[i]);
	berth_source_set(streams->loop, &streams->grace, 0);
	berth_fd_clear(&streams->grace.fd);
	g_free(streams);
}
