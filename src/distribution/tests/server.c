// SPDX-License-Identifier: Apache-2.0
#include "distribution/tests/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REFUSAL "HTTP/1.1 400 Bad Request\r\n\r\n"

struct server {
	handler_fn *handler;
	void *data;
	int listener;
	char *authority;
	unsigned port;
	GThread *thread;
	int connections, requests; // atomic
	pthread_mutex_t lock; // of below
	GPtrArray *threads;
	GHashTable *open; // descriptors
};

struct connection {
	struct server *server;
	int fd;
};

static bool receive(int fd, GString *into)
{
	char bytes[65536];
	ssize_t count = read(fd, bytes, sizeof bytes);

	if (count > 0)
		g_string_append_len(into, bytes, count);
	return count > 0;
}

void answer_raw(const struct request *request, const void *bytes, gsize length)
{
	for (gsize sent = 0; sent < length;) {
		ssize_t count = send(request->fd, (const char *) bytes + sent, length - sent, MSG_NOSIGNAL);
		if (count <= 0)
			return;
		sent += (gsize) count;
	}
}

void answer(const struct request *request, int status, const char *headers, const void *body, gsize length)
{
	g_autofree char *head = g_strdup_printf("HTTP/1.1 %d Status\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n%s\r\n",
						status, length, headers);

	answer_raw(request, head, strlen(head));
	if (!g_str_equal(request->method, "HEAD"))
		answer_raw(request, body, length);
}

void answer_text(const struct request *request, int status, const char *headers, const char *text)
{
	answer(request, status, headers, text, strlen(text));
}

char *request_header(const struct request *request, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(request->head, "\r\n", -1);
	size_t length = strlen(name);

	for (size_t i = 0; lines[i]; i++)
		if (g_ascii_strncasecmp(lines[i], name, length) == 0 && lines[i][length] == ':')
			return g_strstrip(g_strdup(lines[i] + length + 1));
	return NULL;
}

// The head and the body of one request from what was read and what comes. False at the end.
static bool read_request(struct connection *connection, GString *input, struct request *ret)
{
	char *end;

	while (!(end = strstr(input->str, "\r\n\r\n"))) {
		if (!receive(connection->fd, input))
			return false;
		if (input->str[0] == 0x16) { // a ClientHello, by which TLS begins: this is no such server
			answer_raw(&(struct request){.fd = connection->fd}, REFUSAL, strlen(REFUSAL));
			return false;
		}
	}
	ret->head = g_strndup(input->str, (gsize) (end - input->str));
	g_string_erase(input, 0, end + 4 - input->str);
	g_autofree char *length = request_header(ret, "Content-Length");
	gsize wanted = length ? (gsize) g_ascii_strtoull(length, NULL, 10) : 0;
	g_auto(GStrv) words = g_strsplit(ret->head, " ", 3);
	ret->method = g_strdup(words[0]);
	ret->target = g_strdup(words[1]);
	ret->fd = connection->fd;
	while (input->len < wanted && receive(connection->fd, input))
		;
	ret->body = g_string_new_len(input->str, (gssize) MIN(wanted, input->len));
	g_string_erase(input, 0, (gssize) ret->body->len);
	return true;
}

static void clear_request(struct request *request)
{
	g_free(request->method);
	g_free(request->target);
	g_free(request->head);
	if (request->body)
		g_string_free(request->body, TRUE);
}

static void *serve(void *data)
{
	struct connection *connection = data;
	struct server *server = connection->server;
	g_autoptr(GString) input = g_string_new(NULL);
	bool close_it = false;

	for (int count = 0; !close_it; count++) {
		struct request request = {0};
		if (!read_request(connection, input, &request))
			break;
		if (count == 0)
			g_atomic_int_inc(&server->connections);
		g_atomic_int_inc(&server->requests);
		server->handler(&request, server->data);
		close_it = request.close;
		clear_request(&request);
	}
	pthread_mutex_lock(&server->lock);
	g_hash_table_remove(server->open, GINT_TO_POINTER(connection->fd));
	close(connection->fd);
	pthread_mutex_unlock(&server->lock);
	g_free(connection);
	return NULL;
}

static void *listen_for(void *data)
{
	struct server *server = data;

	for (;;) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
		if (fd < 0)
			return NULL;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		struct connection *connection = g_new0(struct connection, 1);
		*connection = (struct connection){server, fd};
		pthread_mutex_lock(&server->lock);
		g_hash_table_add(server->open, GINT_TO_POINTER(fd));
		g_ptr_array_add(server->threads, g_thread_new("connection", serve, connection));
		pthread_mutex_unlock(&server->lock);
	}
}

struct server *server_new(handler_fn *handler, void *data)
{
	struct server *server = g_new0(struct server, 1);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;

	server->handler = handler;
	server->data = data;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(server->listener, (struct sockaddr *) &address, length), ==, 0);
	g_assert_cmpint(listen(server->listener, 64), ==, 0);
	g_assert_cmpint(getsockname(server->listener, (struct sockaddr *) &address, &length), ==, 0);
	server->port = ntohs(address.sin_port);
	server->authority = g_strdup_printf("127.0.0.1:%u", server->port);
	pthread_mutex_init(&server->lock, NULL);
	server->threads = g_ptr_array_new();
	server->open = g_hash_table_new(NULL, NULL);
	server->thread = g_thread_new("listener", listen_for, server);
	return server;
}

void server_free(struct server *server)
{
	GHashTableIter iterator;
	void *fd;

	shutdown(server->listener, SHUT_RDWR);
	g_thread_join(server->thread);
	close(server->listener);
	pthread_mutex_lock(&server->lock);
	g_hash_table_iter_init(&iterator, server->open);
	while (g_hash_table_iter_next(&iterator, &fd, NULL))
		shutdown(GPOINTER_TO_INT(fd), SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	for (guint i = 0; i < server->threads->len; i++)
		g_thread_join(server->threads->pdata[i]);
	g_ptr_array_unref(server->threads);
	g_hash_table_unref(server->open);
	pthread_mutex_destroy(&server->lock);
	g_free(server->authority);
	g_free(server);
}

const char *server_authority(const struct server *server)
{
	return server->authority;
}

unsigned server_port(const struct server *server)
{
	return server->port;
}

int server_connections(const struct server *server)
{
	return g_atomic_int_get(&server->connections);
}

int server_requests(const struct server *server)
{
	return g_atomic_int_get(&server->requests);
}
