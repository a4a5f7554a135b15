// SPDX-License-Identifier: Apache-2.0
// All connections of a socket are passed on by its one thread, which never waits for one of them: what cannot be
// written yet is kept, and nothing more is read from where it came; who asks waits until there is a connection to the
// agent.
#include "build/context/agent-socket.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CHUNK (16 << 10)
#define CONNECTIONS 64 // at once
#define PATIENCE 10000000 // microseconds
#define LOOK 100000 // microseconds between two looks for a connection to the agent

// One direction.
struct flow {
	char bytes[CHUNK];
	size_t at, end; // what was read, and is not written yet
};

struct pair {
	int fds[2]; // who asks, and the agent; -1: there is no connection to it yet
	struct flow flows[2]; // from that one to the other
	int64_t moved; // when something was read or written last
};

struct berth_build_agent_socket {
	struct berth_build_agent_options options;
	char *id, *name;
	int listener, end;
	bool running;
	pthread_t thread;
	GPtrArray *pairs; // of struct pair
};

static void free_pair(void *data)
{
	struct pair *pair = data;

	berth_fd_clear(&pair->fds[0]);
	berth_fd_clear(&pair->fds[1]);
	g_free(pair);
}

static bool is_waiting(const struct pair *pair, int from)
{
	return pair->flows[from].end > pair->flows[from].at;
}

static bool retry(ssize_t length)
{
	return length < 0 && (errno == EAGAIN || errno == EINTR);
}

// False: the connection has ended.
static bool pass(struct pair *pair, int from, bool readable)
{
	struct flow *flow = &pair->flows[from];

	if (pair->fds[1] < 0)
		return true;
	if (!is_waiting(pair, from)) {
		ssize_t length = readable ? recv(pair->fds[from], flow->bytes, sizeof flow->bytes, MSG_DONTWAIT) : -1;
		if (!readable || retry(length))
			return true;
		if (length <= 0)
			return false;
		flow->at = 0;
		flow->end = (size_t) length;
		pair->moved = g_get_monotonic_time();
	}
	ssize_t length =
		send(pair->fds[1 - from], flow->bytes + flow->at, flow->end - flow->at, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (length > 0) {
		flow->at += (size_t) length;
		pair->moved = g_get_monotonic_time();
	}
	return length > 0 || retry(length);
}

static void accept_one(struct berth_build_agent_socket *this)
{
	berth_fd client = accept4(this->listener, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0 || this->pairs->len >= CONNECTIONS)
		return;
	struct pair *pair = g_new0(struct pair, 1);
	pair->fds[0] = berth_fd_steal(&client);
	pair->fds[1] = -1;
	pair->moved = g_get_monotonic_time();
	g_ptr_array_add(this->pairs, pair);
}

// For those that have none yet.
static void connect_all(struct berth_build_agent_socket *this)
{
	for (guint i = 0; i < this->pairs->len; i++) {
		struct pair *pair = this->pairs->pdata[i];
		if (pair->fds[1] < 0)
			pair->fds[1] = this->options.connect(this->options.data, this->id, false, NULL);
	}
}

// What is waited for at one of the two. Nothing: not even its end, which is seen when what came from it is written.
static struct pollfd poll_of(const struct pair *pair, int index)
{
	short events = (short) ((is_waiting(pair, index) ? 0 : POLLIN) | (is_waiting(pair, 1 - index) ? POLLOUT : 0));

	return (struct pollfd){events && pair->fds[1] >= 0 ? pair->fds[index] : -1, events, 0};
}

// Milliseconds until one of them has not read for too long, or the agent is to be looked for; -1: neither.
static int time_left(const struct berth_build_agent_socket *this)
{
	int64_t left = -1;

	for (guint i = 0; i < this->pairs->len; i++) {
		const struct pair *pair = this->pairs->pdata[i];
		int64_t own = berth_monotonic_left(pair->moved + PATIENCE);
		if (pair->fds[1] < 0)
			own = MIN(own, LOOK);
		if (pair->fds[1] < 0 || is_waiting(pair, 0) || is_waiting(pair, 1))
			left = left < 0 ? own : MIN(left, own);
	}
	return left < 0 ? -1 : (int) ((left + 999) / 1000);
}

// Who does not read, or whose agent does not come, is dropped: it would be one of those that there may be for as long
// as the socket is.
static bool is_stuck(const struct pair *pair)
{
	return (pair->fds[1] < 0 || is_waiting(pair, 0) || is_waiting(pair, 1)) &&
	       berth_monotonic_left(pair->moved + PATIENCE) == 0;
}

static void *serve(void *data)
{
	struct berth_build_agent_socket *this = data;
	struct pollfd polls[2 + 2 * CONNECTIONS];

	for (;;) {
		connect_all(this);
		guint count = this->pairs->len;
		polls[0] = (struct pollfd){this->end, POLLIN, 0};
		polls[1] = (struct pollfd){this->listener, POLLIN, 0};
		for (guint i = 0; i < 2 * count; i++)
			polls[2 + i] = poll_of(this->pairs->pdata[i / 2], (int) i % 2);
		if (poll(polls, 2 + 2 * count, time_left(this)) < 0) {
			if (errno == EINTR)
				continue;
			return NULL;
		}
		if (polls[0].revents)
			return NULL;
		for (guint i = count; i > 0; i--) {
			struct pair *pair = this->pairs->pdata[i - 1];
			if (!pass(pair, 0, polls[2 * i].revents) || !pass(pair, 1, polls[2 * i + 1].revents) ||
			    is_stuck(pair))
				g_ptr_array_remove_index_fast(this->pairs, i - 1);
		}
		if (polls[1].revents)
			accept_one(this);
	}
}

void berth_build_agent_socket_free(void *data)
{
	struct berth_build_agent_socket *this = data;

	if (this->running) {
		eventfd_write(this->end, 1);
		pthread_join(this->thread, NULL);
	}
	g_ptr_array_unref(this->pairs);
	berth_fd_clear(&this->listener);
	berth_fd_clear(&this->end);
	unlinkat(this->options.folder, this->name, 0);
	g_free(this->id);
	g_free(this->name);
	g_free(this);
}

static bool start(struct berth_build_agent_socket *this, GError **error)
{
	const struct berth_build_agent_options *options = &this->options;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", options->folder, this->name);
	this->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	this->end = eventfd(0, EFD_CLOEXEC);
	if (this->listener < 0 || this->end < 0 || bind(this->listener, (void *) &address, sizeof address) < 0 ||
	    fchownat(options->folder, this->name, options->uid, options->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(options->folder, this->name, options->mode, 0) < 0 || listen(this->listener, CONNECTIONS) < 0)
		return berth_error_set_errno(error, errno, "make a socket for the ssh agent");
	int failure = pthread_create(&this->thread, NULL, serve, this);
	this->running = failure == 0;
	return this->running || berth_error_set_errno(error, failure, "start a thread for the ssh agent");
}

struct berth_build_agent_socket *berth_build_agent_socket_new(const struct berth_build_agent_options *options,
							      const char **ret_name, GError **error)
{
	struct berth_build_agent_socket *this = g_new0(struct berth_build_agent_socket, 1);
	g_autofree char *random = g_uuid_string_random();

	this->options = *options;
	this->id = g_strdup(options->id);
	this->name = g_strndup(random, 8);
	this->listener = this->end = -1;
	this->pairs = g_ptr_array_new_with_free_func(free_pair);
	if (start(this, error)) {
		*ret_name = this->name;
		return this;
	}
	berth_build_agent_socket_free(this);
	return NULL;
}
