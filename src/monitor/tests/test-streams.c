// SPDX-License-Identifier: Apache-2.0
// The streams between a container's pipes and its clients, with the test in the container's and the clients' place.
#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "monitor/streams.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

struct fixture {
	struct berth_loop loop;
	struct berth_streams *streams;
	char buffer[BERTH_STREAMS_BUFFER];
	int in, out, err; // the container's ends
	int drained, detached, idle;
};

static void on_drained(void *data)
{
	((struct fixture *) data)->drained++;
}

static void on_idle(void *data)
{
	((struct fixture *) data)->idle++;
}

static bool survivors; // of the next fixture

static void on_detached(void *data)
{
	((struct fixture *) data)->detached++;
}

static void begin(struct fixture *fixture, bool terminal, bool stdin_once)
{
	struct berth_streams_setup setup = {.in = -1,
					    .out = -1,
					    .err = -1,
					    .console = -1,
					    .stdin_once = stdin_once,
					    .buffer = fixture->buffer,
					    .drained = on_drained,
					    .detached = on_detached,
					    .survivors = survivors,
					    .queue = survivors ? BERTH_LIMIT_EXEC_QUEUE : 0,
					    .idle = survivors ? on_idle : NULL,
					    .data = fixture};
	int pipes[3][2];

	*fixture = (struct fixture){.in = -1, .out = -1, .err = -1};
	g_assert_true(berth_loop_open(&fixture->loop, NULL));
	if (terminal) {
		struct termios raw;
		g_assert_cmpint(openpty(&setup.console, &fixture->in, NULL, NULL, NULL), ==, 0);
		tcgetattr(fixture->in, &raw);
		cfmakeraw(&raw);
		tcsetattr(fixture->in, TCSANOW, &raw);
		fixture->out = dup(fixture->in);
	} else {
		for (int i = 0; i < 3; i++)
			g_assert_cmpint(pipe2(pipes[i], O_CLOEXEC), ==, 0);
		fixture->in = pipes[0][0];
		fixture->out = pipes[1][1];
		fixture->err = pipes[2][1];
		setup.in = pipes[0][1];
		setup.out = pipes[1][0];
		setup.err = pipes[2][0];
		fcntl(fixture->out, F_SETFL, O_NONBLOCK);
	}
	fixture->streams = berth_streams_new(&fixture->loop, &setup);
}

static void finish(struct fixture *fixture)
{
	berth_streams_free(fixture->streams);
	berth_loop_close(&fixture->loop);
	berth_fd_clear(&fixture->in);
	berth_fd_clear(&fixture->out);
	berth_fd_clear(&fixture->err);
}

// Handles what is ready. The loop must come to rest by itself: spinning is an error.
static void run(struct fixture *fixture)
{
	int turns = 0;
	while (berth_loop_turn(&fixture->loop, 20))
		g_assert_cmpint(++turns, <, 5000);
}

static int attach(struct fixture *fixture, struct berth_monitor_request request)
{
	g_autoptr(GError) error = NULL;
	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	berth_streams_attach(fixture->streams, pair[0], &request, false, &error);
	g_assert_no_error(error);
	return pair[1];
}

static void assert_gets(int fd, const char *expected, size_t length)
{
	char got[256];
	ssize_t count = recv(fd, got, sizeof got, MSG_DONTWAIT);
	g_assert_cmpmem(got, MAX(count, 0), expected, length);
}

static void assert_end(int fd)
{
	char byte;
	g_assert_cmpint(recv(fd, &byte, 1, MSG_DONTWAIT), ==, 0);
}

static void say(int fd, const char *text)
{
	g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t) strlen(text));
}

static void test_frames(void)
{
	struct fixture fixture;
	begin(&fixture, false, false);
	int framed = attach(&fixture, (struct berth_monitor_request){.out = true, .err = true, .frames = true});
	int raw = attach(&fixture, (struct berth_monitor_request){.err = true});
	g_assert_cmpuint(berth_streams_attached(fixture.streams), ==, 2);
	say(fixture.out, "out");
	run(&fixture);
	say(fixture.err, "error");
	run(&fixture);
	assert_gets(framed, "\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\5error", 24);
	assert_gets(raw, "error", 5);
	close(raw); // one that goes is forgotten
	say(fixture.err, "x");
	run(&fixture);
	g_assert_cmpuint(berth_streams_attached(fixture.streams), ==, 1);
	assert_gets(framed, "\2\0\0\0\0\0\0\1x", 9);
	close(framed);
	finish(&fixture);
}

static void test_half_close(void)
{
	for (int once = 0; once < 2; once++) {
		struct fixture fixture;
		char got[16];
		begin(&fixture, false, once);
		struct berth_monitor_request all = {.in = true, .out = true};
		int first = attach(&fixture, all), second = attach(&fixture, all);
		say(second, "b");
		run(&fixture);
		shutdown(second, SHUT_WR); // not the first: stdin stays
		run(&fixture);
		say(first, "a");
		run(&fixture);
		g_assert_cmpint(read(fixture.in, got, sizeof got), ==, 2);
		g_assert_cmpmem(got, 2, "ba", 2);
		shutdown(first, SHUT_WR);
		run(&fixture);
		fcntl(fixture.in, F_SETFL, O_NONBLOCK);
		g_assert_cmpint(read(fixture.in, got, sizeof got), ==, once ? 0 : -1);
		say(fixture.out, "still here"); // the output goes on for both
		run(&fixture);
		assert_gets(first, "still here", 10);
		assert_gets(second, "still here", 10);
		close(first);
		close(second);
		run(&fixture);
		g_assert_cmpuint(berth_streams_clients(fixture.streams), ==, 0);
		finish(&fixture);
	}
}

static void test_input_waits(void)
{
	struct fixture fixture;
	g_autofree char *data = g_malloc(65536);
	size_t sent = 0, got = 0;
	begin(&fixture, false, true);
	int client = attach(&fixture, (struct berth_monitor_request){.in = true});
	for (size_t i = 0; i < 65536; i++)
		data[i] = (char) (i % 251);
	// The container reads nothing: the client can send only what pipe, buffer and socket hold.
	ssize_t count;
	for (int quiet = 0; quiet < 2;) {
		size_t at = sent % (251 * 256);
		count = send(client, data + at, 65536 - at > 4096 ? 4096 : 65536 - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		quiet = count < 0 ? quiet + 1 : 0;
		sent += (size_t) MAX(count, 0);
		g_assert_cmpuint(sent, <, 1 << 20);
		run(&fixture);
	}
	shutdown(client, SHUT_WR);
	run(&fixture);
	// Then it reads, and gets all of it and the end.
	while ((count = read(fixture.in, data, 65536)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			g_assert_cmpint((unsigned char) data[i], ==, (got + (size_t) i) % (251 * 256) % 251);
		got += (size_t) count;
		run(&fixture);
	}
	g_assert_cmpint(count, ==, 0);
	g_assert_cmpuint(got, ==, sent);
	close(client);
	finish(&fixture);
}

// Writes for the container as long as it can.
static size_t write_much(struct fixture *fixture)
{
	static const char block[4096] = {'x'};
	size_t total = 0;
	for (int quiet = 0; quiet < 2;) {
		ssize_t count = write(fixture->out, block, sizeof block);
		quiet = count < 0 ? quiet + 1 : 0;
		total += (size_t) MAX(count, 0);
		while (berth_loop_turn(&fixture->loop, 0))
			;
		if (total > 16 << 20)
			break;
	}
	return total;
}

static size_t read_all(struct fixture *fixture, int fd)
{
	char block[65536];
	size_t total = 0;
	for (ssize_t count; (count = recv(fd, block, sizeof block, MSG_DONTWAIT)) > 0; run(fixture))
		total += (size_t) count;
	return total;
}

static void test_slow_client(void)
{
	struct fixture fixture;
	begin(&fixture, false, false);
	int slow = attach(&fixture, (struct berth_monitor_request){.out = true});
	int only_input = attach(&fixture, (struct berth_monitor_request){.in = true});
	size_t written = write_much(&fixture);
	g_assert_cmpuint(written, >=, BERTH_LIMIT_ATTACH_QUEUE - 65536);
	g_assert_cmpuint(written, <, BERTH_LIMIT_ATTACH_QUEUE + (1 << 20)); // the container waits
	g_assert_cmpuint(read_all(&fixture, slow), ==, written); // until it reads, and nothing is lost
	written = write_much(&fixture);
	close(slow); // one that is gone does not make it wait
	run(&fixture);
	g_assert_cmpuint(write_much(&fixture), >, 16 << 20);
	close(only_input);
	finish(&fixture);
}

static void test_end_delivers(void)
{
	struct fixture fixture;
	begin(&fixture, false, false);
	int slow = attach(&fixture, (struct berth_monitor_request){.out = true});
	int quick = attach(&fixture, (struct berth_monitor_request){.err = true, .in = true});
	say(quick, "input that nobody reads");
	size_t written = write_much(&fixture);
	say(fixture.err, "last words");
	berth_fd_clear(&fixture.out);
	berth_fd_clear(&fixture.err);
	berth_streams_drain(fixture.streams, 10000);
	run(&fixture);
	g_assert_cmpint(fixture.drained, ==, 1); // although the slow client has not read
	berth_streams_let_go(fixture.streams);
	run(&fixture);
	assert_gets(quick, "last words", 10);
	assert_end(quick);
	close(quick);
	run(&fixture);
	g_assert_cmpuint(berth_streams_clients(fixture.streams), ==, 1);
	g_assert_cmpuint(read_all(&fixture, slow), ==, written);
	assert_end(slow);
	close(slow);
	run(&fixture);
	g_assert_cmpuint(berth_streams_clients(fixture.streams), ==, 0);
	// Who attaches now gets the end at once.
	int late = attach(&fixture, (struct berth_monitor_request){.out = true});
	assert_end(late);
	close(late);
	finish(&fixture);
}

static void test_grace(void)
{
	struct fixture fixture;
	begin(&fixture, false, false);
	int client = attach(&fixture, (struct berth_monitor_request){.out = true});
	say(fixture.out, "kept open");
	int64_t begun = g_get_monotonic_time();
	berth_streams_drain(fixture.streams, 100);
	while (!fixture.drained)
		berth_loop_turn(&fixture.loop, -1);
	g_assert_cmpint(g_get_monotonic_time() - begun, <, 5000000);
	assert_gets(client, "kept open", 9);
	close(client);
	finish(&fixture);
}

// What others hold open is not waited for, and what they write then goes nowhere; but what the process itself wrote
// reaches a slow client.
static void test_survivors(void)
{
	for (int slow = 0; slow < 2; slow++) {
		struct fixture fixture;
		survivors = true;
		begin(&fixture, false, true);
		survivors = false;
		int client = attach(&fixture, (struct berth_monitor_request){.out = true});
		size_t written = slow ? write_much(&fixture) : 4;
		g_assert_cmpuint(written, <, BERTH_LIMIT_EXEC_QUEUE + (1 << 20));
		if (!slow)
			say(fixture.out, "mine");
		berth_fd_clear(&fixture.err);
		if (slow) // nobody holds it: it is waited for, however long
			berth_fd_clear(&fixture.out);
		berth_streams_drain(fixture.streams, 50);
		g_usleep(100000);
		run(&fixture);
		g_assert_cmpint(fixture.drained, ==, !slow);
		if (slow) {
			g_assert_cmpuint(read_all(&fixture, client), ==, written);
			g_assert_cmpint(fixture.drained, ==, 1);
		}
		berth_streams_let_go(fixture.streams);
		run(&fixture);
		if (!slow) {
			assert_gets(client, "mine", 4);
			assert_end(client);
			g_assert_cmpuint(write_much(&fixture), >, 16 << 20); // the survivor is not held up
		}
		g_assert_cmpint(fixture.idle, ==, 0);
		close(client);
		run(&fixture);
		g_assert_cmpint(fixture.idle, ==, slow);
		berth_fd_clear(&fixture.out);
		run(&fixture);
		g_assert_cmpint(fixture.idle, ==, 1);
		finish(&fixture);
	}
}

static void test_terminal(void)
{
	struct fixture fixture;
	struct winsize size;
	char got[16];
	g_autoptr(GError) error = NULL;
	begin(&fixture, true, true);
	struct berth_monitor_request request = {.in = true, .out = true, .keys = (char *) "ctrl-p,ctrl-q"};
	int client = attach(&fixture, request), other = attach(&fixture, request);

	g_assert_true(berth_streams_resize(fixture.streams, 120, 40, &error));
	g_assert_cmpint(ioctl(fixture.in, TIOCGWINSZ, &size), ==, 0);
	g_assert_cmpint(size.ws_col, ==, 120);
	g_assert_cmpint(size.ws_row, ==, 40);
	say(client, "l\x10s\x10");
	run(&fixture);
	g_assert_cmpint(read(fixture.in, got, sizeof got), ==, 3); // the second ctrl-p is held back
	g_assert_cmpmem(got, 3, "l\x10s", 3);
	say(fixture.out, "text");
	run(&fixture);
	assert_gets(client, "text", 4);
	say(client, "\x11rest");
	run(&fixture);
	g_assert_cmpint(fixture.detached, ==, 1);
	assert_end(client);
	g_assert_cmpuint(berth_streams_attached(fixture.streams), ==, 1);
	close(client);
	say(fixture.out, "more");
	run(&fixture);
	assert_gets(other, "textmore", 8);
	// Closed by all inside is not the end while the container lives, and does not make the loop spin.
	char *name = g_strdup(ttyname(fixture.in));
	berth_fd_clear(&fixture.in);
	berth_fd_clear(&fixture.out);
	run(&fixture);
	fixture.out = open(name, O_RDWR | O_NOCTTY);
	g_free(name);
	say(fixture.out, "again");
	run(&fixture);
	assert_gets(other, "again", 5);
	say(fixture.out, "bye");
	berth_fd_clear(&fixture.out);
	berth_streams_drain(fixture.streams, 10000);
	run(&fixture);
	g_assert_cmpint(fixture.drained, ==, 1);
	assert_gets(other, "bye", 3);
	close(other);
	finish(&fixture);
}

static void test_refusals(void)
{
	struct fixture fixture;
	g_autoptr(GError) error = NULL;
	int clients[BERTH_LIMIT_ATTACHED], pair[2];
	begin(&fixture, false, false);
	g_assert_false(berth_streams_resize(fixture.streams, 1, 1, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_false(
		berth_streams_attach(fixture.streams, dup(0), &(struct berth_monitor_request){0}, false, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	for (int i = 0; i < BERTH_LIMIT_ATTACHED; i++)
		clients[i] = attach(&fixture, (struct berth_monitor_request){.out = true});
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	g_assert_false(
		berth_streams_attach(fixture.streams, pair[0], &(struct berth_monitor_request){0}, false, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_RESOURCE_EXHAUSTED);
	close(pair[1]);
	for (int i = 0; i < BERTH_LIMIT_ATTACHED; i++)
		close(clients[i]);
	run(&fixture);
	g_assert_cmpuint(berth_streams_clients(fixture.streams), ==, 0);
	finish(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	signal(SIGPIPE, SIG_IGN);
	g_test_add_func("/monitor/streams/frames", test_frames);
	g_test_add_func("/monitor/streams/half-close", test_half_close);
	g_test_add_func("/monitor/streams/input-waits", test_input_waits);
	g_test_add_func("/monitor/streams/slow-client", test_slow_client);
	g_test_add_func("/monitor/streams/end-delivers", test_end_delivers);
	g_test_add_func("/monitor/streams/grace", test_grace);
	g_test_add_func("/monitor/streams/survivors", test_survivors);
	g_test_add_func("/monitor/streams/terminal", test_terminal);
	g_test_add_func("/monitor/streams/refusals", test_refusals);
	return g_test_run();
}
