// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void test_descriptors_travel(void)
{
	g_autoptr(GError) error = NULL;
	int pair[2], pipes[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);

	berth_packet_send(pair[0], "hello", 5, pipes, 2, &error);
	g_assert_no_error(error);
	{
		BERTH_AUTO_PACKET packet = {0};
		g_assert_cmpint(berth_packet_receive(pair[1], &packet, &error), ==, 1);
		g_assert_cmpstr(packet.data, ==, "hello");
		g_assert_cmpint(packet.fd_count, ==, 2);
		g_assert_cmpint(fcntl(packet.fds[0], F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
		g_assert_cmpint(write(packet.fds[1], "x", 1), ==, 1);
	}
	char byte;
	g_assert_cmpint(read(pipes[0], &byte, 1), ==, 1);
	close(pipes[0]);
	close(pipes[1]);
	close(pair[0]);
	BERTH_AUTO_PACKET packet = {0};
	g_assert_cmpint(berth_packet_receive(pair[1], &packet, &error), ==, 0);
	g_assert_no_error(error);
	close(pair[1]);
}

// What was sent is received although the peer closed without having read everything.
static void test_last_words(void)
{
	g_autoptr(GError) error = NULL;
	BERTH_AUTO_PACKET packet = {0}, end = {0};
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_assert_true(berth_packet_send(pair[1], "unread", 6, NULL, 0, &error));
	g_assert_true(berth_packet_send(pair[0], "last", 4, NULL, 0, &error));
	close(pair[0]);
	g_assert_cmpint(berth_packet_receive(pair[1], &packet, &error), ==, 1);
	g_assert_cmpstr(packet.data, ==, "last");
	g_assert_cmpint(berth_packet_receive(pair[1], &end, &error), ==, 0);
	g_assert_no_error(error);
	close(pair[1]);
}

static void *answer_and_close(void *data)
{
	int *fd = data;

	berth_packet_send(*fd, "last", 4, NULL, 0, NULL);
	close(*fd);
	return NULL;
}

// The same while the receiver is at it: the reset comes at any moment.
static void test_last_words_at_once(void)
{
	for (int i = 0; i < 3000; i++) {
		g_autoptr(GError) error = NULL;
		BERTH_AUTO_PACKET packet = {0}, end = {0};
		int pair[2];

		g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
		g_assert_true(berth_packet_send(pair[1], "unread", 6, NULL, 0, &error));
		GThread *thread = g_thread_new("peer", answer_and_close, &pair[0]);
		int received = berth_packet_receive(pair[1], &packet, &error);
		g_assert_no_error(error);
		g_assert_cmpint(received, ==, 1);
		g_assert_cmpint(berth_packet_receive(pair[1], &end, &error), ==, 0);
		g_thread_join(thread);
		close(pair[1]);
	}
}

static void test_limits(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *big = g_malloc0(BERTH_LIMIT_PACKET + 1);
	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);

	g_assert_false(berth_packet_send(pair[0], big, BERTH_LIMIT_PACKET + 1, NULL, 0, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	// A peer that does not keep the limit.
	g_assert_cmpint(send(pair[0], big, BERTH_LIMIT_PACKET + 1, 0), ==, BERTH_LIMIT_PACKET + 1);
	BERTH_AUTO_PACKET packet = {0};
	g_assert_cmpint(berth_packet_receive(pair[1], &packet, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_null(packet.data);

	close(pair[1]);
	g_clear_error(&error);
	g_assert_false(berth_packet_send(pair[0], "x", 1, NULL, 0, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	close(pair[0]);
}

static void test_sockets_in_deep_folders(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *base = g_dir_make_tmp("berth-packet-XXXXXX", NULL);
	g_autoptr(GString) path = g_string_new(base);
	while (path->len < 300)
		g_string_append(path, "/a-folder-with-a-long-name");
	berth_fd folder = berth_open_folder(path->str, true, 0700, &error);
	g_assert_no_error(error);

	g_assert_cmpint(berth_socket_connect_at(folder, "s", SOCK_SEQPACKET, &error), ==, -1);
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE);
	g_clear_error(&error);
	berth_fd listener = berth_socket_listen_at(folder, "s", SOCK_SEQPACKET, &error);
	g_assert_no_error(error);
	struct stat status;
	g_assert_cmpint(fstatat(folder, "s", &status, 0), ==, 0);
	g_assert_cmpint(status.st_mode & 0777, ==, 0600);
	berth_fd client = berth_socket_connect_at(folder, "s", SOCK_SEQPACKET, &error);
	g_assert_no_error(error);
	g_assert_cmpint(client, >=, 0);
	berth_remove_tree_at(AT_FDCWD, base, &error);
	g_assert_no_error(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/packet/descriptors-travel", test_descriptors_travel);
	g_test_add_func("/packet/limits", test_limits);
	g_test_add_func("/packet/last-words", test_last_words);
	g_test_add_func("/packet/last-words-at-once", test_last_words_at_once);
	g_test_add_func("/packet/sockets-in-deep-folders", test_sockets_in_deep_folders);
	return g_test_run();
}
