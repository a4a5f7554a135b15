// SPDX-License-Identifier: Apache-2.0
// The monitor's side: the queue.
#include "monitor/log-process.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define COMPACT_AT (64 << 10) // bytes that were sent and are still in the queue
#define ROOM (96 << 10) // that must be free for the container to go on
#define ANSWER_SIZE 4096

struct stream_state {
	uint64_t lost; // lines left out that were not told of yet
	bool losing;
	bool cut; // the last byte that came was left out in the middle of a line: so is the line's rest
};

struct berth_log_process {
	struct berth_loop *loop;
	struct berth_log_process_setup setup;
	struct berth_source socket;
	struct berth_source pidfd;
	struct berth_source patience;
	int rest; // a file in memory
	pid_t pid;
	GByteArray *queue;
	size_t sent; // of it
	int64_t lines; // in it
	struct stream_state streams[2];
	uint64_t lost;
	bool ending, ended;
	bool full; // has_room is to be called
	GString *words; // a warning that is not whole yet
};

#define CONTAINER_OF(pointer, type, member) ((type *) ((char *) (pointer) -offsetof(type, member)))

static size_t queued(const struct berth_log_process *process)
{
	return process->queue->len - process->sent;
}

static int64_t count_lines(const uint8_t *data, size_t length)
{
	const uint8_t *end = data + length;
	int64_t lines = 0;

	for (const uint8_t *at = data; at < end && (at = memchr(at, '\n', (size_t) (end - at))); at++)
		lines++;
	return lines;
}

static void end_now(struct berth_log_process *process)
{
	if (process->ended)
		return;
	process->ended = true;
	berth_source_set(process->loop, &process->pidfd, 0);
	berth_timer_set(process->loop, &process->patience, 0);
	berth_source_set(process->loop, &process->socket, 0);
	berth_fd_clear(&process->socket.fd);
	process->setup.ended(process->setup.data);
}

// The end of the stream tells the process that there is no more but what lies in the file.
static void hand_over(struct berth_log_process *process)
{
	if (process->socket.fd >= 0 && !berth_write_all(process->rest, process->queue->data + process->sent,
							queued(process), "a log's rest", NULL))
		process->setup.warn(process->setup.data, "no memory for the end of the output: it is not logged");
	process->sent = process->queue->len;
	if (process->socket.fd >= 0)
		shutdown(process->socket.fd, SHUT_WR);
	if (!process->setup.file || process->socket.fd < 0)
		end_now(process);
}

// The process is gone.
static void fail(struct berth_log_process *process)
{
	if (process->socket.fd < 0)
		return;
	berth_source_set(process->loop, &process->socket, 0);
	berth_fd_clear(&process->socket.fd);
	process->lost += (uint64_t) process->lines;
	process->lines = 0;
	process->sent = process->queue->len;
	if (!process->ending)
		process->setup.warn(process->setup.data, "the log's process has ended: what comes now is not logged");
	if (process->full) {
		process->full = false;
		process->setup.has_room(process->setup.data);
	}
	if (process->ending)
		end_now(process);
}

static void append_packet(struct berth_log_process *process, int stream, const uint8_t *data, size_t length,
			  int64_t time)
{
	struct stream_state *state = &process->streams[stream == 2];
	const struct berth_log_packet packet = {
		.length = (uint32_t) length, .stream = (uint32_t) stream, .time = time, .lost = state->lost};

	state->lost = 0;
	g_byte_array_append(process->queue, (const uint8_t *) &packet, sizeof packet);
	g_byte_array_append(process->queue, data, (unsigned) length);
	if (process->setup.limit_lines > 0)
		process->lines += count_lines(data, length);
}

static bool send_queue(struct berth_log_process *process)
{
	while (queued(process) > 0 && process->socket.fd >= 0) {
		const uint8_t *at = process->queue->data + process->sent;
		ssize_t count =
			send(process->socket.fd, at, MIN(queued(process), COMPACT_AT), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			break;
		if (count < 0) {
			fail(process);
			return false;
		}
		if (process->setup.limit_lines > 0)
			process->lines -= count_lines(at, (size_t) count);
		process->sent += (size_t) count;
	}
	return true;
}

// What was left out is told of when there is room again, not only when more comes.
static bool tell_losses(struct berth_log_process *process)
{
	bool any = false;

	for (int stream = 1; stream <= 2; stream++)
		if (process->streams[stream - 1].lost > 0) {
			append_packet(process, stream, NULL, 0, berth_moment_now());
			any = true;
		}
	return any;
}

static void send_some(struct berth_log_process *process)
{
	do {
		if (!send_queue(process))
			return;
		if (queued(process) == 0) {
			g_byte_array_set_size(process->queue, 0);
			process->sent = 0;
			process->lines = 0;
		}
	} while (queued(process) == 0 && process->socket.fd >= 0 && tell_losses(process));
	if (process->sent > COMPACT_AT) {
		g_byte_array_remove_range(process->queue, 0, (unsigned) process->sent);
		process->sent = 0;
	}
	if (process->socket.fd >= 0)
		berth_source_set(process->loop, &process->socket, EPOLLIN | (queued(process) > 0 ? EPOLLOUT : 0));
	if (process->full && berth_log_process_has_room(process)) {
		process->full = false;
		process->setup.has_room(process->setup.data);
	}
}

static bool fits(const struct berth_log_process *process, size_t length)
{
	return queued(process) == 0 ||
	       ((int64_t) (queued(process) + sizeof(struct berth_log_packet) + length) <= process->setup.limit &&
		(process->setup.limit_lines <= 0 || process->lines < process->setup.limit_lines));
}

// Leaves output out.
static void lose(struct berth_log_process *process, struct stream_state *state, const uint8_t *data, size_t length)
{
	uint64_t lines = (uint64_t) count_lines(data, length);

	state->losing = true;
	state->cut = data[length - 1] != '\n';
	state->lost += lines;
	process->lost += lines;
}

void berth_log_process_add(struct berth_log_process *process, int stream, const void *data, size_t length, int64_t time)
{
	struct stream_state *state = &process->streams[stream == 2];
	const uint8_t *at = data, *end = at + length;

	if (process->socket.fd < 0 || process->ending || length == 0 ||
	    (process->setup.never_waits && !fits(process, length))) {
		if (length > 0)
			lose(process, state, at, length);
		return;
	}
	if (state->losing && state->cut) { // the rest of a line that was left out
		const uint8_t *newline = memchr(at, '\n', length);
		if (!newline)
			return;
		state->lost++;
		process->lost++;
		at = newline + 1;
	}
	state->losing = false;
	if (at < end || state->lost > 0)
		append_packet(process, stream, at, (size_t) (end - at), time);
	if (process->socket.events == EPOLLIN) // else it is told when there is room
		send_some(process);
}

bool berth_log_process_has_room(const struct berth_log_process *process)
{
	if (process->setup.never_waits || process->socket.fd < 0)
		return true;
	bool room = queued(process) + ROOM <= (size_t) process->setup.limit;
	if (!room)
		((struct berth_log_process *) process)->full = true;
	return room;
}

uint64_t berth_log_process_lost(const struct berth_log_process *process)
{
	return process->lost;
}

// What the process has to say.
static void take_words(struct berth_log_process *process, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\n') {
			if (process->words->len < ANSWER_SIZE)
				g_string_append_c(process->words, text[i]);
			continue;
		}
		process->setup.warn(process->setup.data, process->words->str);
		g_string_truncate(process->words, 0);
	}
}

static void socket_ready(struct berth_source *source, uint32_t events)
{
	struct berth_log_process *process = CONTAINER_OF(source, struct berth_log_process, socket);
	char text[ANSWER_SIZE];

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		ssize_t count = recv(source->fd, text, sizeof text, MSG_DONTWAIT);
		if (count > 0)
			take_words(process, text, (size_t) count);
		if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
			fail(process);
			return;
		}
	}
	if (events & EPOLLOUT)
		send_some(process);
}

static void process_ended(struct berth_source *source, uint32_t events)
{
	struct berth_log_process *process = CONTAINER_OF(source, struct berth_log_process, pidfd);
	(void) events;

	berth_source_set(process->loop, source, 0);
	waitpid(process->pid, NULL, WNOHANG);
	process->pid = 0;
	fail(process);
	if (process->ending)
		end_now(process);
}

static void patience_over(struct berth_source *source, uint32_t events)
{
	struct berth_log_process *process = CONTAINER_OF(source, struct berth_log_process, patience);
	(void) events;

	process->setup.warn(process->setup.data, "the log's disk is too slow: the end of the output is not logged");
	if (process->pid > 0)
		kill(process->pid, SIGKILL);
	end_now(process);
}

void berth_log_process_end(struct berth_log_process *process, unsigned patience)
{
	process->ending = true;
	if (process->setup.file)
		berth_timer_set(process->loop, &process->patience, patience);
	for (int stream = 1; stream <= 2; stream++)
		if (process->streams[stream - 1].lost > 0 && process->socket.fd >= 0)
			append_packet(process, stream, NULL, 0, 0);
	hand_over(process);
}

// Reads the process's first line: it has begun, or why not.
static bool has_begun(int socket, GError **error)
{
	g_autoptr(GString) line = g_string_new(NULL);
	char byte;

	while (line->len < ANSWER_SIZE) {
		ssize_t count = read(socket, &byte, 1);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return berth_error_set(error, BERTH_ERROR_INTERNAL, "the log's process has ended");
		if (byte == '\n')
			break;
		g_string_append_c(line, byte);
	}
	if (line->len == 0)
		return true;
	char *blank = strchr(line->str, ' ');
	if (!blank)
		return berth_error_set(error, BERTH_ERROR_INTERNAL, "%s", line->str);
	*blank = 0;
	return berth_error_set(error, berth_error_kind_from_name(line->str), "%s", blank + 1);
}

struct berth_log_process *berth_log_process_start(struct berth_loop *loop, const struct berth_log_process_setup *setup,
						  GError **error)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		berth_error_set_errno(error, errno, "make a pair of sockets for a log");
		return NULL;
	}
	berth_fd ours = pair[0], theirs = pair[1], rest = memfd_create("log", MFD_CLOEXEC);
	pid_t pid = rest < 0 ? -1 : fork();
	if (pid == 0)
		berth_log_worker_run(theirs, rest, setup);
	berth_fd_clear(&theirs);
	if (pid < 0) {
		berth_error_set_errno(error, errno, "start a log's process");
		return NULL;
	}
	if (!has_begun(ours, error)) {
		waitpid(pid, NULL, 0);
		return NULL;
	}
	struct berth_log_process *process = g_new0(struct berth_log_process, 1);
	process->loop = loop;
	process->setup = *setup;
	process->pid = pid;
	process->rest = berth_fd_steal(&rest);
	process->queue = g_byte_array_new();
	process->words = g_string_new(NULL);
	process->socket = (struct berth_source){.fd = berth_fd_steal(&ours), .ready = socket_ready};
	process->pidfd = (struct berth_source){.fd = (int) syscall(SYS_pidfd_open, pid, 0), .ready = process_ended};
	process->patience = (struct berth_source){.fd = -1, .ready = patience_over};
	berth_source_set(loop, &process->socket, EPOLLIN);
	if (process->pidfd.fd >= 0) {
		fcntl(process->pidfd.fd, F_SETFD, FD_CLOEXEC);
		berth_source_set(loop, &process->pidfd, EPOLLIN);
	}
	return process;
}

void berth_log_process_free(struct berth_log_process *process)
{
	if (!process)
		return;
	berth_source_set(process->loop, &process->socket, 0);
	berth_source_set(process->loop, &process->pidfd, 0);
	berth_timer_set(process->loop, &process->patience, 0);
	berth_fd_clear(&process->socket.fd);
	berth_fd_clear(&process->pidfd.fd);
	berth_fd_clear(&process->patience.fd);
	berth_fd_clear(&process->rest);
	g_byte_array_unref(process->queue);
	g_string_free(process->words, TRUE);
	g_free(process);
}
