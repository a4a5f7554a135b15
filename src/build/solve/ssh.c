// SPDX-License-Identifier: Apache-2.0
// RUN --mount=type=ssh: a socket in the step, behind which the agent of the caller of the build answers. Each
// connection is passed on by the one thread of its socket.
#include "build/solve/mounts.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CHUNK (16 << 10)
#define CONNECTIONS 64 // at once
#define MODE 0600

struct berth_step_agent {
	struct berth_building *building;
	char *id, *name; // name: of the socket in the work folder
	int listener, end;
	pthread_t thread;
	GArray *pairs; // of int[2]: who asks, and the agent
};

static bool pass(int from, int to)
{
	char chunk[CHUNK];
	ssize_t length = read(from, chunk, sizeof chunk);

	return length > 0 && berth_write_all(to, chunk, (size_t) length, "the agent", NULL);
}

static void accept_one(struct berth_step_agent *this)
{
	berth_fd client = accept4(this->listener, NULL, NULL, SOCK_CLOEXEC);
	const struct berth_build_request *request = this->building->request;

	if (client < 0 || this->pairs->len >= CONNECTIONS)
		return;
	int agent = request->agent(request->data, this->id, NULL);
	if (agent < 0)
		return;
	int pair[2] = {berth_fd_steal(&client), agent};
	g_array_append_vals(this->pairs, pair, 1);
}

static int *pair_at(struct berth_step_agent *this, guint index)
{
	return (int *) (void *) (this->pairs->data + index * 2 * sizeof(int));
}

static void drop(struct berth_step_agent *this, guint index)
{
	close(pair_at(this, index)[0]);
	close(pair_at(this, index)[1]);
	g_array_remove_index_fast(this->pairs, index);
}

static void *serve(void *data)
{
	struct berth_step_agent *this = data;
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

void berth_step_agent_free(void *data)
{
	struct berth_step_agent *this = data;

	if (this->thread) {
		eventfd_write(this->end, 1);
		pthread_join(this->thread, NULL);
	}
	while (this->pairs->len > 0)
		drop(this, this->pairs->len - 1);
	g_array_unref(this->pairs);
	berth_fd_clear(&this->listener);
	berth_fd_clear(&this->end);
	unlinkat(this->building->work, this->name, 0);
	g_free(this->id);
	g_free(this->name);
	g_free(this);
}

static bool open_socket(struct berth_step_agent *this, const struct berth_dockerfile_mount *mount, int *ret_fd,
			GError **error)
{
	int work = this->building->work;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uid_t uid = mount->has_uid ? mount->uid : 0;
	gid_t gid = mount->has_gid ? mount->gid : 0;

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", work, this->name);
	this->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	this->end = eventfd(0, EFD_CLOEXEC);
	if (this->listener < 0 || this->end < 0 || bind(this->listener, (void *) &address, sizeof address) < 0 ||
	    fchownat(work, this->name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(work, this->name, mount->has_mode ? mount->mode & 07777 : MODE, 0) < 0 ||
	    listen(this->listener, CONNECTIONS) < 0 ||
	    (*ret_fd = openat(work, this->name, O_PATH | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return berth_error_set_errno(error, errno, "make a socket for the ssh agent");
	int failure = pthread_create(&this->thread, NULL, serve, this);
	if (failure == 0)
		return true;
	this->thread = 0;
	berth_fd_clear(ret_fd);
	return berth_error_set_errno(error, failure, "start a thread for the ssh agent");
}

struct berth_step_agent *berth_step_agent_new(struct berth_building *building, const char *id,
					      const struct berth_dockerfile_mount *mount, int *ret_fd, GError **error)
{
	const struct berth_build_request *request = building->request;
	g_autofree char *random = g_uuid_string_random();
	berth_fd there = request->agent ? request->agent(request->data, id, NULL) : -1;

	if (there < 0) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "unset ssh agent \"%s\": the build needs --ssh %s", id,
				id);
		return NULL;
	}
	struct berth_step_agent *this = g_new0(struct berth_step_agent, 1);
	this->building = building;
	this->id = g_strdup(id);
	this->name = g_strndup(random, 8);
	this->listener = this->end = -1;
	this->pairs = g_array_new(FALSE, FALSE, 2 * sizeof(int));
	if (open_socket(this, mount, ret_fd, error))
		return this;
	berth_step_agent_free(this);
	return NULL;
}
