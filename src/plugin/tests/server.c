// SPDX-License-Identifier: Apache-2.0
#include "plugin/tests/server.h"

#include "base/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS 64

struct plugin_server {
	char *path;
	int listener, port;
	plugin_handler_fn *handler;
	void *data;
	GMutex lock; // of the rest
	GString *calls;
	int connections[CONNECTIONS];
	GThread *threads[CONNECTIONS];
	int count;
	GThread *acceptor;
};

struct connection {
	struct plugin_server *server;
	int fd;
};

// Reads until the head is whole, then the body. NULL: the other side is done.
static GString *read_request(int fd, GString *kept, size_t *ret_head)
{
	size_t length = 0;

	for (;;) {
		const char *end = strstr(kept->str, "\r\n\r\n");
		if (end) {
			const char *found = strcasestr(kept->str, "\r\nContent-Length:");
			length = found && found < end ? (size_t) atol(found + 17) : 0;
			*ret_head = (size_t) (end + 4 - kept->str);
			if (kept->len >= *ret_head + length)
				break;
		}
		char buffer[4096];
		ssize_t count = recv(fd, buffer, sizeof buffer, 0);
		if (count <= 0)
			return NULL;
		g_string_append_len(kept, buffer, count);
	}
	GString *request = g_string_new_len(kept->str, (gssize) (*ret_head + length));
	g_string_erase(kept, 0, (gssize) (*ret_head + length));
	return request;
}

static bool send_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t count = send(fd, text, length, MSG_NOSIGNAL);
		if (count <= 0)
			return false;
		text += count;
		length -= (size_t) count;
	}
	return true;
}

static bool answer(struct connection *connection, const GString *request, size_t head)
{
	struct plugin_server *server = connection->server;
	g_autofree char *method =
		g_strndup(request->str + strlen("POST /"), strcspn(request->str + strlen("POST /"), " "));
	BERTH_AUTO_JSON json_t *body =
		request->len > head ? json_loadb(request->str + head, request->len - head, 0, NULL) : NULL;
	int status = 200;

	g_assert_true(g_str_has_prefix(request->str, "POST /"));
	g_mutex_lock(&server->lock);
	g_string_append_printf(server->calls, "%s %s\n", method, request->str + head);
	g_mutex_unlock(&server->lock);
	g_autofree char *text = server->handler(server->data, method, body, &status);
	if (!text)
		return false;
	g_autofree char *whole = g_strdup_printf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
						 "Content-Length: %zu\r\n\r\n%s",
						 status, strlen(text), text);
	return send_all(connection->fd, whole, strlen(whole));
}

static gpointer serve(gpointer data)
{
	struct connection *connection = data;
	GString *kept = g_string_new(NULL);
	bool going = true;

	while (going) {
		size_t head = 0;
		GString *request = read_request(connection->fd, kept, &head);
		going = request && answer(connection, request, head);
		if (request)
			g_string_free(request, TRUE);
	}
	shutdown(connection->fd, SHUT_RDWR); // the number stays ours until the end
	g_string_free(kept, TRUE);
	g_free(connection);
	return NULL;
}

static gpointer accept_all(gpointer data)
{
	struct plugin_server *server = data;

	for (;;) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		struct connection *connection = g_new0(struct connection, 1);
		*connection = (struct connection){server, fd};
		g_mutex_lock(&server->lock);
		g_assert_cmpint(server->count, <, CONNECTIONS);
		server->connections[server->count] = fd;
		server->threads[server->count++] = g_thread_new("plugin", serve, connection);
		g_mutex_unlock(&server->lock);
	}
}

struct plugin_server *plugin_server_new(const char *path, plugin_handler_fn *handler, void *data)
{
	struct plugin_server *server = g_new0(struct plugin_server, 1);
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;

	g_mutex_init(&server->lock);
	server->calls = g_string_new(NULL);
	server->handler = handler;
	server->data = data;
	server->path = g_strdup(path);
	server->listener = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(server->listener, >=, 0);
	if (path) {
		g_strlcpy(local.sun_path, path, sizeof local.sun_path);
		unlink(path);
		g_assert_cmpint(bind(server->listener, (struct sockaddr *) &local, sizeof local), ==, 0);
	} else {
		g_assert_cmpint(bind(server->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
		getsockname(server->listener, (struct sockaddr *) &address, &length);
		server->port = ntohs(address.sin_port);
	}
	g_assert_cmpint(listen(server->listener, 16), ==, 0);
	server->acceptor = g_thread_new("accept", accept_all, server);
	return server;
}

void plugin_server_free(struct plugin_server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	g_thread_join(server->acceptor);
	close(server->listener);
	for (int i = 0; i < server->count; i++) {
		shutdown(server->connections[i], SHUT_RDWR);
		g_thread_join(server->threads[i]);
		close(server->connections[i]);
	}
	if (server->path)
		unlink(server->path);
	g_free(server->path);
	g_string_free(server->calls, TRUE);
	g_mutex_clear(&server->lock);
	g_free(server);
}

int plugin_server_port(const struct plugin_server *server)
{
	return server->port;
}

char *plugin_server_calls(struct plugin_server *server)
{
	g_mutex_lock(&server->lock);
	char *calls = g_strdup(server->calls->str);
	g_mutex_unlock(&server->lock);
	return calls;
}
