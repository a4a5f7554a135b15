// SPDX-License-Identifier: Apache-2.0
// All connections of a socket are passed on by its one thread.
#include "build/context/agent-socket.h"

#include "base/error.h"
#include "base/fd.h"

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
#define PATIENCE 10 // seconds

struct berth_build_agent_socket {
	struct berth_build_agent_options options;
	char *id, *name;
	int listener, end;
	bool running;
	pthread_t thread;
	GArray *pairs; // of int[2]: who asks, and the agent
};

static bool pass(int from, int to)
{
	char chunk[CHUNK];
	ssize_t length = read(from, chunk, sizeof chunk);

	return length > 0 && berth_write_all(to, chunk, (size_t) length, "the agent", NULL);
}

// Who does not read is dropped: the others wait for the same thread.
static void set_patience(int fd)
{
	const struct timeval time = {.tv_sec = PATIENCE};

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

static void accept_one(struct berth_build_agent_socket *this)
{
	berth_fd client = accept4(this->listener, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0 || this->pairs->len >= CONNECTIONS)
		return;
	int agent = this->options.connect(this->options.data, this->id, NULL);
	if (agent < 0)
		return;
	set_patience(client);
	set_patience(agent);
	int pair[2] = {berth_fd_steal(&client), agent};
	g_array_append_vals(this->pairs, pair, 1);
}

static int *pair_at(struct berth_build_agent_socket *this, guint index)
{
	return (int *) (void *) (this->pairs->data + index * 2 * sizeof(int));
}

static void drop(struct berth_build_agent_socket *this, guint index)
{
	close(pair_at(this, index)[0]);
	close(pair_at(this, index)[1]);
	g_array_remove_index_fast(this->pairs, index);
}

static void *serve(void *data)
{
	struct berth_build_agent_socket *this = data;
	struct pollfd polls[2 + 2 * CONNECTIONS];

	for (;;) {
		guint count = this->pairs->len;
		polls[0] = (struct pollfd){this->end, POLLIN, 0};
		polls[1] = (struct pollfd){this->listener, POLLIN, 0};
		for (guint i = 0; i < 2 * count; i++)
			polls[2 + i] = (struct pollfd){pair_at(this, i / 2)[i % 2], POLLIN, 0};
		if (poll(polls, 2 + 2 * count, -1) < 0 && errno != EINTR)
			return NULL;
		if (polls[0].revents)
			return NULL;
		for (guint i = count; i > 0; i--) {
			int *pair = pair_at(this, i - 1);
			if ((polls[2 * i].revents && !pass(pair[0], pair[1])) ||
			    (polls[2 * i + 1].revents && !pass(pair[1], pair[0])))
				drop(this, i - 1);
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
	while (this->pairs->len > 0)
		drop(this, this->pairs->len - 1);
	g_array_unref(this->pairs);
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
	this->pairs = g_array_new(FALSE, FALSE, 2 * sizeof(int));
	if (start(this, error)) {
		*ret_name = this->name;
		return this;
	}
	berth_build_agent_socket_free(this);
	return NULL;
}
