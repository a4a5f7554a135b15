// SPDX-License-Identifier: Apache-2.0
// A container's namespace from the engine's side: the way there and back, and the resolver's sockets.
#include "network/tests/scene.h"

#include "base/error.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PATIENCE 2000
#define DOUBT 200

static ino_t own_namespace(void)
{
	struct stat status;

	g_assert_cmpint(stat("/proc/thread-self/ns/net", &status), ==, 0);
	return status.st_ino;
}

static bool note_namespace(void *data, GError **error)
{
	*(ino_t *) data = own_namespace();
	return berth_error_set(error, BERTH_ERROR_INVALID, "seen");
}

static void test_there_and_back(void)
{
	struct scene scene;
	struct scene_container container;
	ino_t host, inside = 0;

	if (!scene_open(&scene, "one"))
		return;
	host = own_namespace();
	scene_container_open(&scene, &container);
	g_assert_cmpuint(own_namespace(), ==, host);
	g_assert_false(berth_sandbox_run(container.sandbox, note_namespace, &inside, &scene.error));
	g_assert_error(scene.error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&scene.error);
	g_assert_cmpuint(own_namespace(), ==, host);
	g_assert_cmpuint(inside, !=, host);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	g_assert_null(berth_sandbox_open(file, &scene.error));
	g_assert_nonnull(scene.error);
	close(file);
	g_assert_cmpuint(own_namespace(), ==, host);
	scene_container_close(&container);
	scene_close(&scene);
}

// The resolver

struct client {
	int type;
	const char *address;
	bool server; // binds
	int fd;
};

static bool open_socket(void *data, GError **error)
{
	struct client *client = data;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};

	inet_pton(AF_INET, client->address, &address.sin_addr);
	client->fd = socket(AF_INET, client->type | SOCK_CLOEXEC, 0);
	if ((client->server ? bind : connect)(client->fd, (struct sockaddr *) &address, sizeof address) < 0)
		return berth_error_set_errno(error, errno, "%s", client->address);
	return !client->server || client->type != SOCK_STREAM || listen(client->fd, 1) == 0;
}

static int socket_inside(struct scene_container *container, int type, const char *address, bool server)
{
	struct client client = {type, address, server, -1};
	g_autoptr(GError) error = NULL;

	berth_sandbox_run(container->sandbox, open_socket, &client, &error);
	g_assert_no_error(error);
	return client.fd;
}

static bool readable(int fd, int patience)
{
	struct pollfd wait = {fd, POLLIN, 0};

	return poll(&wait, 1, patience) == 1;
}

// A query by UDP, and its answer: that is taken by a connected socket, so it came from port 53.
static void exchange_udp(int client, int server)
{
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	char text[8];

	g_assert_cmpint(send(client, "query", 5, 0), ==, 5);
	g_assert_true(readable(server, PATIENCE));
	g_assert_cmpint(recvfrom(server, text, sizeof text, 0, (struct sockaddr *) &from, &length), ==, 5);
	g_assert_cmpint(sendto(server, "answer", 6, 0, (struct sockaddr *) &from, length), ==, 6);
	g_assert_true(readable(client, PATIENCE));
	g_assert_cmpint(recv(client, text, sizeof text, 0), ==, 6);
}

static void exchange_tcp(int client, int listener)
{
	char text[8];

	g_assert_true(readable(listener, PATIENCE));
	berth_fd server = accept(listener, NULL, NULL);
	g_assert_cmpint(send(client, "query", 5, 0), ==, 5);
	g_assert_true(readable(server, PATIENCE));
	g_assert_cmpint(recv(server, text, sizeof text, 0), ==, 5);
	g_assert_cmpint(send(server, "answer", 6, 0), ==, 6);
	g_assert_true(readable(client, PATIENCE));
	g_assert_cmpint(recv(client, text, sizeof text, 0), ==, 6);
}

static void exchange_all(struct scene_container *container, int udp, int tcp)
{
	berth_fd udp_client = socket_inside(container, SOCK_DGRAM, "127.0.0.11", false);
	berth_fd tcp_client = socket_inside(container, SOCK_STREAM, "127.0.0.11", false);

	exchange_udp(udp_client, udp);
	exchange_tcp(tcp_client, tcp);
}

static void test_resolver(void)
{
	struct scene scene;
	struct scene_container container;
	int udp = -1, tcp = -1;

	if (!scene_open(&scene, "one"))
		return;
	scene_container_open(&scene, &container);
	g_assert_true(berth_sandbox_resolver(container.sandbox, &udp, &tcp, &scene.error));
	g_assert_no_error(scene.error);
	exchange_all(&container, udp, tcp);

	// A server of the container's own, on all addresses: it gets what is meant for it, and no more.
	berth_fd own_udp = socket_inside(&container, SOCK_DGRAM, "0.0.0.0", true);
	berth_fd own_tcp = socket_inside(&container, SOCK_STREAM, "0.0.0.0", true);
	exchange_all(&container, udp, tcp);
	g_assert_false(readable(own_udp, DOUBT));
	g_assert_false(readable(own_tcp, 0));
	berth_fd to_own_udp = socket_inside(&container, SOCK_DGRAM, "127.0.0.1", false);
	berth_fd to_own_tcp = socket_inside(&container, SOCK_STREAM, "127.0.0.1", false);
	exchange_udp(to_own_udp, own_udp);
	exchange_tcp(to_own_tcp, own_tcp);
	g_assert_false(readable(udp, 0));

	// A second time the rules lead to the new sockets.
	close(udp);
	close(tcp);
	g_assert_true(berth_sandbox_resolver(container.sandbox, &udp, &tcp, &scene.error));
	exchange_all(&container, udp, tcp);
	close(udp);
	close(tcp);
	scene_container_close(&container);
	scene_close(&scene);
}

// Where connections are tracked, nothing is seen of our port.
static void test_resolver_tracked(void)
{
	struct scene scene;
	struct scene_container container;
	int udp = -1, tcp = -1;

	if (!scene_open(&scene, "one"))
		return;
	scene_container_open(&scene, &container);
	if (!scene_try(container.namespace,
		       "nft 'add table ip t; add chain ip t o { type filter hook output priority 0; };"
		       "add rule ip t o ct state invalid counter drop;"
		       "add rule ip t o ip daddr 127.0.0.11 udp dport != 53 ct state new ct direction original "
		       "ct original proto-dst != 53 drop'")) {
		g_test_skip("nft(8) with connection tracking is needed");
	} else {
		g_assert_true(berth_sandbox_resolver(container.sandbox, &udp, &tcp, &scene.error));
		exchange_all(&container, udp, tcp);
		exchange_all(&container, udp, tcp);
		close(udp);
		close(tcp);
	}
	scene_container_close(&container);
	scene_close(&scene);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sandbox/there-and-back", test_there_and_back);
	g_test_add_func("/sandbox/resolver", test_resolver);
	g_test_add_func("/sandbox/resolver-tracked", test_resolver_tracked);
	return g_test_run();
}
