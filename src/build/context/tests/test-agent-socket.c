// SPDX-License-Identifier: Apache-2.0
// A socket for an agent whose clients, or whose agent, stop reading.
#include "base/error.h"
#include "base/fd.h"
#include "build/context/agent-socket.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SOON 8 // seconds, in which a stuck connection is not given up for its silence

struct fixture {
	char *path;
	const char *name;
	int folder;
	struct berth_build_agent_socket *socket;
	GAsyncQueue *agents; // of int + 1: the agent's ends
	gint away, asked; // atomic: there is no agent; how often it was asked for in vain
};

static int lend(void *data, G_GNUC_UNUSED const char *id, bool wait, G_GNUC_UNUSED GError **error)
{
	struct fixture *fixture = data;
	int ends[2];

	g_assert_false(wait);
	if (g_atomic_int_get(&fixture->away)) {
		g_atomic_int_inc(&fixture->asked);
		return -1;
	}
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
	g_async_queue_push(fixture->agents, GINT_TO_POINTER(ends[1] + 1));
	return ends[0];
}

static void set_up(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	g_autoptr(GError) error = NULL;

	fixture->path = g_dir_make_tmp("berth-agent-XXXXXX", &error);
	fixture->folder = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fixture->agents = g_async_queue_new();
	const struct berth_build_agent_options options = {.folder = fixture->folder,
							  .uid = geteuid(),
							  .gid = getegid(),
							  .mode = 0600,
							  .id = "default",
							  .connect = lend,
							  .data = fixture};
	fixture->socket = berth_build_agent_socket_new(&options, &fixture->name, &error);
	g_assert_no_error(error);
}

static void tear_down(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	if (fixture->socket)
		berth_build_agent_socket_free(fixture->socket);
	close(fixture->folder);
	g_assert_cmpint(rmdir(fixture->path), ==, 0); // nothing is left in it
	g_async_queue_unref(fixture->agents);
	g_free(fixture->path);
}

static int dial_only(struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", fixture->path, fixture->name);
	g_assert_cmpint(connect(fd, (const struct sockaddr *) &address, sizeof address), ==, 0);
	return fd;
}

// A connection, and the agent's end of it.
static int dial(struct fixture *fixture, int *ret_agent)
{
	int fd = dial_only(fixture);

	*ret_agent = GPOINTER_TO_INT(g_async_queue_pop(fixture->agents)) - 1;
	return fd;
}

// Writes until nothing has gone on for a while. Returns how much.
static size_t stuff(int fd)
{
	static const char bytes[4096];
	struct pollfd waiting = {fd, POLLOUT, 0};
	size_t total = 0;

	while (poll(&waiting, 1, 200) > 0) {
		ssize_t length = send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		g_assert_true(length > 0 || errno == EAGAIN);
		total += length > 0 ? (size_t) length : 0;
	}
	return total;
}

static void check_talk(int client, int agent)
{
	char text[5] = "";

	g_assert_true(berth_write_all(client, "ping", 4, "the agent", NULL));
	g_assert_cmpint(berth_read_full(agent, text, 4), ==, 4);
	g_assert_cmpstr(text, ==, "ping");
	g_assert_true(berth_write_all(agent, "pong", 4, "the client", NULL));
	g_assert_cmpint(berth_read_full(client, text, 4), ==, 4);
	g_assert_cmpstr(text, ==, "pong");
}

// `backwards`: it is the agent that writes, and the client does not read. The socket ends at once for all that.
static void test_stuck(struct fixture *fixture, const void *backwards)
{
	int agent;
	berth_fd client = dial(fixture, &agent);

	stuff(backwards ? agent : client);
	gint64 before = g_get_monotonic_time();
	berth_build_agent_socket_free(g_steal_pointer(&fixture->socket));
	g_assert_cmpint(g_get_monotonic_time() - before, <, SOON * G_USEC_PER_SEC);
	close(agent);
}

static void test_others(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	int agent, other_agent;
	berth_fd client = dial(fixture, &agent);

	stuff(client);
	stuff(agent);
	berth_fd other = dial(fixture, &other_agent);
	check_talk(other, other_agent);
	close(agent);
	close(other_agent);
}

// All of what was written before it stopped comes when it reads again; the end comes, too.
static void test_late_reader(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	char bytes[4096];
	int agent;
	berth_fd client = dial(fixture, &agent);
	size_t total = stuff(client);
	ssize_t length;

	while (total > 0 && (length = read(agent, bytes, MIN(sizeof bytes, total))) > 0)
		total -= (size_t) length;
	g_assert_cmpuint(total, ==, 0);
	check_talk(client, agent);
	berth_fd_clear(&client);
	g_assert_cmpint(read(agent, bytes, sizeof bytes), ==, 0);
	close(agent);
}

// Others go on while one waits for the agent, which comes later; and the socket ends while one waits.
static void test_late_agent(struct fixture *fixture, G_GNUC_UNUSED const void *data)
{
	int agent, late_agent;
	berth_fd client = dial(fixture, &agent);

	g_atomic_int_set(&fixture->away, 1);
	berth_fd late = dial_only(fixture);
	while (g_atomic_int_get(&fixture->asked) == 0)
		g_usleep(1000);
	check_talk(client, agent);
	g_atomic_int_set(&fixture->away, 0);
	late_agent = GPOINTER_TO_INT(g_async_queue_pop(fixture->agents)) - 1;
	check_talk(late, late_agent);
	g_atomic_int_set(&fixture->away, 1);
	berth_fd last = dial_only(fixture);
	berth_build_agent_socket_free(g_steal_pointer(&fixture->socket));
	close(agent);
	close(late_agent);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/agent-socket/agent-stops", struct fixture, NULL, set_up, test_stuck, tear_down);
	g_test_add("/agent-socket/client-stops", struct fixture, "backwards", set_up, test_stuck, tear_down);
	g_test_add("/agent-socket/others", struct fixture, NULL, set_up, test_others, tear_down);
	g_test_add("/agent-socket/late-reader", struct fixture, NULL, set_up, test_late_reader, tear_down);
	g_test_add("/agent-socket/late-agent", struct fixture, NULL, set_up, test_late_agent, tear_down);
	return g_test_run();
}
