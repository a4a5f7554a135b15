// SPDX-License-Identifier: Apache-2.0
// Connections to the engine, and requests on them; what is answered is read by client-answer.c.
#include "cli/client-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "cli/ssh.h"
#include "spec/api.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define UPLOAD_CHUNK (64 << 10)
#define DEFAULT_PORT "2375"
#define DEFAULT_TLS_PORT "2376"

void berth_client__disconnect(struct berth_client_connection *connection)
{
	if (!connection)
		return;
	berth_fd_clear(&connection->fd);
	g_free(connection);
}

static bool parse_tcp(struct berth_client *client, const char *address, GError **error)
{
	const char *colon = strrchr(address, ':'), *bracket = strchr(address, ']');

	if (colon && bracket && colon < bracket)
		colon = NULL;
	client->name = colon ? g_strndup(address, (size_t) (colon - address)) : g_strdup(address);
	client->no_port = !colon || !colon[1];
	client->port = g_strdup(client->no_port ? DEFAULT_PORT : colon + 1);
	if (*client->name == '[' && bracket) { // of IPv6
		char *inner = g_strndup(client->name + 1, strlen(client->name) - 2);
		g_free(client->name);
		client->name = inner;
	}
	if (!*client->name)
		g_free(client->name), client->name = g_strdup("127.0.0.1");
	if (strchr(client->name, '/') || strspn(client->port, "0123456789") != strlen(client->port))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "host \"%s\": expected unix:///path or tcp://name:port", client->host);
	return true;
}

struct berth_client *berth_client_new(const char *host, GError **error)
{
	struct berth_client *client = g_new0(struct berth_client, 1);

	client->host = g_strdup(host);
	client->version = API_VERSION_MAX;
	bool fine = true;
	if (g_str_has_prefix(host, "unix://") && host[7] == '/')
		client->path = g_strdup(host + 7);
	else if (g_str_has_prefix(host, "tcp://"))
		fine = parse_tcp(client, host + 6, error);
	else if (g_str_has_prefix(host, "ssh://"))
		fine = (client->ssh = berth_ssh_command(host, error)) != NULL;
	else if (g_str_has_prefix(host, "http"))
		fine = berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"host \"%s\": this version speaks to unix:///path, tcp://name:port and ssh://name", host);
	else
		fine = berth_error_set(
			error, BERTH_ERROR_INVALID,
			"host \"%s\": expected unix:///path, tcp://name:port or ssh://[user@]name[:port]", host);
	if (fine && client->path && strlen(client->path) >= sizeof((struct sockaddr_un *) NULL)->sun_path)
		fine = berth_error_set(error, BERTH_ERROR_INVALID, "host \"%s\": the path is longer than %zu bytes",
				       host, sizeof((struct sockaddr_un *) NULL)->sun_path - 1);
	if (fine)
		return client;
	berth_client_free(client);
	return NULL;
}

void berth_client_free(struct berth_client *client)
{
	if (!client)
		return;
	berth_client__disconnect(client->idle);
	g_free(client->host);
	g_free(client->path);
	g_free(client->name);
	g_free(client->port);
	g_strfreev(client->ssh);
	g_strfreev(client->headers);
	g_free(client);
}

void berth_client_set_headers(struct berth_client *client, char *const *headers)
{
	g_strfreev(client->headers);
	client->headers = g_strdupv((char **) (uintptr_t) headers);
}

bool berth_client_is_tcp(const struct berth_client *client)
{
	return client->name != NULL;
}

void berth_client_speak_tls(struct berth_client *client, const char *const *words)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	if (client->no_port) {
		g_free(client->port);
		client->port = g_strdup(DEFAULT_TLS_PORT);
	}
	g_strv_builder_addv(builder, (const char **) (uintptr_t) words);
	g_strv_builder_add(builder, client->name);
	g_strv_builder_add(builder, client->port);
	client->ssh = g_strv_builder_end(builder);
}

const char *berth_client_host(const struct berth_client *client)
{
	return client->host;
}

unsigned berth_client_version(const struct berth_client *client)
{
	return client->version;
}

static bool unreachable(const struct berth_client *client, const char *cause, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
			       "Cannot connect to the Berth engine at %s: %s. Is berthd running?", client->host, cause);
}

static int connect_unix(const struct berth_client *client, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	berth_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, client->path, sizeof address.sun_path);
	if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof address) < 0) {
		unreachable(client, g_strerror(errno), error);
		return -1;
	}
	return berth_fd_steal(&fd);
}

static int connect_tcp(const struct berth_client *client, GError **error)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses = NULL;
	int failure = getaddrinfo(client->name, client->port, &hints, &addresses);
	berth_fd fd = -1;

	if (failure != 0) {
		unreachable(client, gai_strerror(failure), error);
		return -1;
	}
	for (struct addrinfo *at = addresses; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0)
			berth_fd_clear(&fd);
	}
	int saved = errno;
	freeaddrinfo(addresses);
	if (fd < 0)
		unreachable(client, g_strerror(saved), error);
	else
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return berth_fd_steal(&fd);
}

static int dial(const struct berth_client *client, pid_t *ret_pid, GError **error)
{
	*ret_pid = 0;
	if (client->ssh)
		return berth_ssh_spawn(client->ssh, ret_pid, error);
	return client->path ? connect_unix(client, error) : connect_tcp(client, error);
}

int berth_client_dial(struct berth_client *client, GError **error)
{
	pid_t pid;

	return dial(client, &pid, error);
}

struct berth_client_connection *berth_client__connect(struct berth_client *client, GError **error)
{
	char byte;

	if (client->idle && recv(client->idle->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return g_steal_pointer(&client->idle);
	g_clear_pointer(&client->idle, berth_client__disconnect); // the engine has ended it
	pid_t pid;
	int fd = dial(client, &pid, error);
	if (fd < 0)
		return NULL;
	struct berth_client_connection *connection = g_malloc(sizeof *connection);
	connection->pid = pid;
	connection->fd = fd;
	connection->start = connection->end = 0;
	return connection;
}

static bool send_all(struct berth_client_connection *connection, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t count = send(connection->fd, at, length, MSG_NOSIGNAL);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return false;
		at += count;
		length -= (size_t) count;
	}
	return true;
}

struct producing {
	struct berth_client_connection *connection;
	char *chunk; // room for its head, and what waits to be sent
	size_t filled;
	bool refused; // the engine does not take any more: its answer tells why
};

static bool send_chunk(struct producing *this)
{
	char head[16];
	int length = g_snprintf(head, sizeof head, "%zx\r\n", this->filled);

	if (this->filled == 0)
		return true;
	memcpy(this->chunk + 16 - length, head, (size_t) length);
	memcpy(this->chunk + 16 + this->filled, "\r\n", 2);
	this->refused = !send_all(this->connection, this->chunk + 16 - length, (size_t) length + this->filled + 2);
	this->filled = 0;
	return !this->refused;
}

static bool produce_piece(void *to, const void *bytes, size_t length)
{
	struct producing *this = to;

	for (const char *next = bytes; length > 0;) {
		size_t part = MIN(length, UPLOAD_CHUNK - 2 - this->filled);
		memcpy(this->chunk + 16 + this->filled, next, part);
		this->filled += part;
		next += part;
		length -= part;
		if (this->filled == UPLOAD_CHUNK - 2 && !send_chunk(this))
			return false;
	}
	return true;
}

static bool send_produced(struct berth_client_connection *connection, const struct berth_call *call, GError **error)
{
	g_autofree char *chunk = g_malloc(UPLOAD_CHUNK + 16);
	struct producing this = {connection, chunk, 0, false};
	GError *problem = NULL;

	bool done = call->produce(call->produce_data, produce_piece, &this, &problem) && send_chunk(&this);
	if (this.refused) {
		g_clear_error(&problem);
		return true;
	}
	if (problem) {
		g_propagate_error(error, problem);
		return false;
	}
	return done && (send_all(connection, "0\r\n\r\n", 5) || errno == EPIPE || errno == ECONNRESET);
}

// Sends what the descriptor gives as chunks. An engine that refuses answers before the end: then its answer tells why.
static bool send_upload(struct berth_client_connection *connection, int fd, GError **error)
{
	g_autofree char *chunk = g_malloc(UPLOAD_CHUNK + 16);

	for (;;) {
		ssize_t count = read(fd, chunk + 16, UPLOAD_CHUNK - 2);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return berth_error_set_errno(error, errno, "reading what is to be sent");
		if (count == 0)
			return send_all(connection, "0\r\n\r\n", 5) || errno == EPIPE || errno == ECONNRESET;
		char head[16];
		int length = g_snprintf(head, sizeof head, "%zx\r\n", (size_t) count);
		memcpy(chunk + 16 - length, head, (size_t) length);
		memcpy(chunk + 16 + count, "\r\n", 2);
		if (!send_all(connection, chunk + 16 - length, (size_t) (length + count + 2)))
			return true;
	}
}

// The ssh of a connection is gone: what it says of itself it said on standard error.
bool berth_client__lost_ssh(const struct berth_answer *answer, GError **error)
{
	berth_fd_clear(&answer->connection->fd);
	g_autofree char *why = berth_ssh_end(answer->connection->pid);
	answer->connection->pid = 0;
	if (answer->client->name) // berth-tls has told why
		return berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				       "Cannot connect to the Berth engine at %s over TLS", answer->client->host);
	return berth_error_set(
		error, BERTH_ERROR_UNAVAILABLE,
		"Cannot connect to the Berth engine at %s: %s. Does ssh reach that machine, and is berth (or "
		"docker) installed there?",
		answer->client->host, why);
}

bool berth_client__send_call(struct berth_answer *answer, GError **error)
{
	const struct berth_call *call = &answer->call;
	g_autoptr(GString) head = g_string_sized_new(1024);
	size_t length = call->body ? strlen(call->body) : 0;

	answer->version = answer->client->version;
	g_string_append_printf(head, "%s /v%u.%u%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: berth/" BERTH_VERSION "\r\n",
			       call->method, answer->version / 100, answer->version % 100, call->path,
			       answer->client->name ? answer->client->name : "berth");
	for (char *const *line = answer->client->headers; line && *line; line++)
		g_string_append_printf(head, "%s\r\n", *line);
	if (call->upgrade)
		g_string_append(head, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
	if (call->registry_auth)
		g_string_append_printf(head, "X-Registry-Auth: %s\r\n", call->registry_auth);
	if (call->registry_config)
		g_string_append_printf(head, "X-Registry-Config: %s\r\n", call->registry_config);
	if (call->build_parts)
		g_string_append(head, "X-Berth-Build: 1\r\n");
	if (call->body)
		g_string_append(head, "Content-Type: application/json\r\n");
	if (call->upload)
		g_string_append(head, "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n");
	else if (call->body || strcmp(call->method, "POST") == 0)
		g_string_append_printf(head, "Content-Length: %zu\r\n\r\n", length);
	else
		g_string_append(head, "\r\n");
	if (call->body)
		g_string_append_len(head, call->body, (gssize) length);
	bool sent = send_all(answer->connection, head->str, head->len);
	int failure = errno;
	explicit_bzero(head->str, head->len); // it may have a secret
	if (!sent && answer->connection->pid)
		return berth_client__lost_ssh(answer, error);
	if (!sent)
		return unreachable(answer->client, g_strerror(failure), error);
	if (call->upload && call->produce)
		return send_produced(answer->connection, call, error);
	return !call->upload || send_upload(answer->connection, call->upload_fd, error);
}

// Asks for the version first: an upload cannot be sent again.
static bool negotiate(struct berth_client *client, GError **error)
{
	return berth_client_do(client, "GET", "/_ping", error);
}

struct berth_answer *berth_client_begin(struct berth_client *client, const struct berth_call *call, GError **error)
{
	if (call->upload && !negotiate(client, error))
		return NULL;
	struct berth_client_connection *connection = berth_client__connect(client, error);
	if (!connection)
		return NULL;
	struct berth_answer *answer = g_new0(struct berth_answer, 1);
	answer->client = client;
	answer->connection = connection;
	answer->call = *call;
	answer->call.path = g_strdup(call->path);
	answer->call.body = g_strdup(call->body);
	answer->call.registry_auth = g_strdup(call->registry_auth);
	answer->call.registry_config = g_strdup(call->registry_config);
	if (berth_client__send_call(answer, error))
		return answer;
	berth_answer_free(answer);
	return NULL;
}

// Bodies and headers may have secrets.
static void forget(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	g_free(text);
}

void berth_answer_free(struct berth_answer *answer)
{
	if (!answer)
		return;
	if (answer->over && answer->keep && !answer->client->idle)
		answer->client->idle = g_steal_pointer(&answer->connection);
	berth_client__disconnect(answer->connection);
	g_free((char *) answer->call.path);
	forget((char *) answer->call.body);
	forget((char *) answer->call.registry_auth);
	forget((char *) answer->call.registry_config);
	g_free(answer->type);
	g_free(answer->path_stat);
	if (answer->line)
		g_string_free(answer->line, TRUE);
	g_free(answer);
}
