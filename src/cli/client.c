// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
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

struct connection {
	int fd;
	pid_t pid; // of the ssh or berth-tls that it goes through, or 0
	size_t start, end; // what was read and not taken yet
	char buffer[BERTH_LIMIT_ANSWER_HEADER];
};

struct berth_client {
	char *host; // as it was given
	char *path; // of a unix socket, or NULL
	char *name, *port; // of TCP
	char **ssh; // the command that a connection goes through: ssh, or of TLS berth-tls
	bool no_port; // of TCP: none was named
	char **headers; // further lines of requests
	struct connection *idle; // one is enough: a client has one call at a time besides those that stream
	unsigned version;
};

enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct berth_answer {
	struct berth_client *client;
	struct connection *connection;
	struct berth_call call; // to be sent again in an older version; its texts are owned
	unsigned version; // in which it was sent
	bool waited, over, keep;
	int status;
	char *type, *path_stat;
	enum framing framing;
	uint64_t left; // of the body or of the chunk
	GString *line; // of the JSON line at hand
};

static void connection_free(struct connection *connection)
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
	connection_free(client->idle);
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

static struct connection *connection_open(struct berth_client *client, GError **error)
{
	char byte;

	if (client->idle && recv(client->idle->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return g_steal_pointer(&client->idle);
	g_clear_pointer(&client->idle, connection_free); // the engine has ended it
	pid_t pid;
	int fd = dial(client, &pid, error);
	if (fd < 0)
		return NULL;
	struct connection *connection = g_malloc(sizeof *connection);
	connection->pid = pid;
	connection->fd = fd;
	connection->start = connection->end = 0;
	return connection;
}

static bool send_all(struct connection *connection, const void *data, size_t length)
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
	struct connection *connection;
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

static bool send_produced(struct connection *connection, const struct berth_call *call, GError **error)
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
static bool send_upload(struct connection *connection, int fd, GError **error)
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
static bool lost_ssh(const struct berth_answer *answer, GError **error)
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

static bool send_call(struct berth_answer *answer, GError **error)
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
		return lost_ssh(answer, error);
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
	struct connection *connection = connection_open(client, error);
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
	if (send_call(answer, error))
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
	connection_free(answer->connection);
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

// Reads more into the buffer: 1, 0 at the end, -1 with errno.
static int fill(struct connection *connection)
{
	ssize_t count;

	if (connection->start == connection->end)
		connection->start = connection->end = 0;
	if (connection->end == sizeof connection->buffer && connection->start > 0) {
		memmove(connection->buffer, connection->buffer + connection->start,
			connection->end - connection->start);
		connection->end -= connection->start;
		connection->start = 0;
	}
	do
		count = recv(connection->fd, connection->buffer + connection->end,
			     sizeof connection->buffer - connection->end, 0);
	while (count < 0 && errno == EINTR);
	if (count > 0)
		connection->end += (size_t) count;
	return count > 0 ? 1 : (int) count;
}

static bool broken(const struct berth_answer *answer, int result, GError **error)
{
	if (answer->connection->pid)
		return lost_ssh(answer, error);
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s %s: the engine at %s ended the connection%s%s",
			       answer->call.method, answer->call.path, answer->client->host, result < 0 ? ": " : "",
			       result < 0 ? g_strerror(errno) : "");
}

static bool malformed(const struct berth_answer *answer, const char *what, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "%s %s: what answers at %s is no engine: %s",
			       answer->call.method, answer->call.path, answer->client->host, what);
}

// Takes one line, without its end, from the connection; NULL with *error. Valid until the connection is used again.
static char *take_line(struct berth_answer *answer, GError **error)
{
	struct connection *connection = answer->connection;
	size_t seen = 0;

	for (;;) {
		char *start = connection->buffer + connection->start;
		char *end = memchr(start + seen, '\n', connection->end - connection->start - seen);
		if (end) {
			connection->start += (size_t) (end + 1 - start);
			*end = 0;
			if (end > start && end[-1] == '\r')
				end[-1] = 0;
			return start;
		}
		seen = connection->end - connection->start;
		if (seen == sizeof connection->buffer) {
			malformed(answer, "a line of its answer is too long", error);
			return NULL;
		}
		int result = fill(connection);
		if (result <= 0) {
			broken(answer, result, error);
			return NULL;
		}
	}
}

static void read_header(struct berth_answer *answer, const char *name, const char *value)
{
	if (g_ascii_strcasecmp(name, "Content-Type") == 0) {
		g_free(answer->type);
		answer->type = g_strdup(value);
	} else if (g_ascii_strcasecmp(name, "X-Docker-Container-Path-Stat") == 0) {
		g_free(answer->path_stat);
		answer->path_stat = g_strdup(value);
	} else if (g_ascii_strcasecmp(name, "Content-Length") == 0) {
		answer->framing = FRAMING_LENGTH;
		answer->left = g_ascii_strtoull(value, NULL, 10);
	} else if (g_ascii_strcasecmp(name, "Transfer-Encoding") == 0) {
		answer->framing = FRAMING_CHUNKED;
		answer->left = 0;
	} else if (g_ascii_strcasecmp(name, "Connection") == 0) {
		answer->keep = g_ascii_strcasecmp(value, "close") != 0;
	} else if (g_ascii_strcasecmp(name, "Api-Version") == 0) {
		unsigned major, minor;
		if (sscanf(value, "%3u.%2u", &major, &minor) == 2 && major * 100 + minor < answer->client->version)
			answer->client->version = MAX(major * 100 + minor, API_VERSION_MIN);
	}
}

static bool read_head(struct berth_answer *answer, GError **error)
{
	size_t total = 0;
	char *line = take_line(answer, error);

	if (!line)
		return false;
	if (!g_str_has_prefix(line, "HTTP/1.") || strlen(line) < 12)
		return malformed(answer, "its answer is not HTTP", error);
	answer->keep = line[7] == '1';
	answer->status = atoi(line + 9);
	answer->framing = FRAMING_CLOSE;
	while ((line = take_line(answer, error)) && *line) {
		char *value = strchr(line, ':');
		if (!value)
			return malformed(answer, "a header has no colon", error);
		total += strlen(line);
		if (total > BERTH_LIMIT_ANSWER_HEADER)
			return malformed(answer, "the head of its answer is too long", error);
		*value++ = 0;
		read_header(answer, line, g_strstrip(value));
	}
	if (answer->status == 204 || answer->status == 304 || strcmp(answer->call.method, "HEAD") == 0)
		answer->framing = FRAMING_NONE;
	if (answer->status == 101)
		answer->framing = FRAMING_CLOSE;
	if (answer->framing == FRAMING_CLOSE)
		answer->keep = false;
	answer->over = answer->framing == FRAMING_NONE || (answer->framing == FRAMING_LENGTH && answer->left == 0);
	return line != NULL;
}

static enum berth_error kind_of(int status)
{
	switch (status) {
	case 400:
		return BERTH_ERROR_INVALID;
	case 401:
		return BERTH_ERROR_UNAUTHORIZED;
	case 403:
		return BERTH_ERROR_FORBIDDEN;
	case 404:
		return BERTH_ERROR_NOT_FOUND;
	case 409:
		return BERTH_ERROR_CONFLICT;
	case 501:
		return BERTH_ERROR_NOT_IMPLEMENTED;
	case 503:
		return BERTH_ERROR_UNAVAILABLE;
	default:
		return BERTH_ERROR_INTERNAL;
	}
}

static char *read_body(struct berth_answer *answer, size_t *ret_length, GError **error)
{
	size_t expected = answer->framing == FRAMING_LENGTH ? (size_t) MIN(answer->left, BERTH_LIMIT_JSON) : 0;
	g_autoptr(GString) body = g_string_sized_new(expected);
	char buffer[8192];
	ssize_t count;

	while ((count = berth_answer_read(answer, buffer, sizeof buffer, error)) > 0) {
		if (body->len + (size_t) count > BERTH_LIMIT_JSON) {
			berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
					"%s %s: the answer is longer than the limit of %d bytes", answer->call.method,
					answer->call.path, BERTH_LIMIT_JSON);
			return NULL;
		}
		g_string_append_len(body, buffer, count);
	}
	if (count < 0)
		return NULL;
	*ret_length = body->len;
	return g_string_free(g_steal_pointer(&body), FALSE);
}

// Turns an answer of 400 and more into an error.
static bool refuse(struct berth_answer *answer, GError **error)
{
	size_t length;
	g_autofree char *body = read_body(answer, &length, error);

	if (!body)
		return false;
	g_autoptr(api_error) told = berth_document_parse_text(&api_error_document, body, length, "answer", NULL);
	if (told && told->message && *told->message)
		return berth_error_set(error, kind_of(answer->status), BERTH_CLIENT_ERROR_PREFIX "%s", told->message);
	return berth_error_set(error, kind_of(answer->status), BERTH_CLIENT_ERROR_PREFIX "%s %s: HTTP status %d%s%s",
			       answer->call.method, answer->call.path, answer->status, *body ? ": " : "",
			       g_strstrip(body));
}

bool berth_answer_wait(struct berth_answer *answer, GError **error)
{
	if (answer->waited)
		return true;
	if (!read_head(answer, error))
		return false;
	if (answer->status == 400 && answer->client->version < answer->version && !answer->call.upload) {
		g_autoptr(GError) failure = NULL;
		refuse(answer, &failure); // takes the body, so that the connection can be used again
		struct connection *connection = answer->keep ? g_steal_pointer(&answer->connection) : NULL;
		g_clear_pointer(&answer->connection, connection_free);
		answer->connection = connection ? connection : connection_open(answer->client, error);
		answer->over = false;
		if (!answer->connection || !send_call(answer, error) || !read_head(answer, error))
			return false;
	}
	answer->waited = true;
	if (answer->status >= 400)
		return refuse(answer, error);
	if (answer->call.upgrade && answer->status != 101)
		return malformed(answer, "it did not upgrade the connection", error);
	return true;
}

struct berth_answer *berth_client_call(struct berth_client *client, const struct berth_call *call, GError **error)
{
	g_autoptr(berth_answer) answer = berth_client_begin(client, call, error);

	return answer && berth_answer_wait(answer, error) ? g_steal_pointer(&answer) : NULL;
}

int berth_answer_status(const struct berth_answer *answer)
{
	return answer->status;
}

const char *berth_answer_path_stat(const struct berth_answer *answer)
{
	return answer->path_stat;
}

const char *berth_answer_type(const struct berth_answer *answer)
{
	return answer->type ? answer->type : "";
}

int berth_answer_fd(const struct berth_answer *answer)
{
	return answer->connection->fd;
}

bool berth_answer_ready(const struct berth_answer *answer)
{
	return answer->over || answer->connection->start < answer->connection->end;
}

// Reads the head of the next chunk; false with *error. Sets `over` at the last one.
static bool next_chunk(struct berth_answer *answer, GError **error)
{
	char *end, *line = take_line(answer, error);

	if (!line)
		return false;
	answer->left = g_ascii_strtoull(line, &end, 16);
	if (end == line || (*end && *end != ';'))
		return malformed(answer, "the length of a chunk is no number", error);
	if (answer->left > 0)
		return true;
	while ((line = take_line(answer, error)) && *line) // trailers
		continue;
	answer->over = line != NULL;
	return line != NULL;
}

// A long body of known length goes straight to who wants it.
static ssize_t read_past_buffer(struct berth_answer *answer, void *data, size_t size, GError **error)
{
	ssize_t count;

	do
		count = read(answer->connection->fd, data, (size_t) MIN((uint64_t) size, answer->left));
	while (count < 0 && errno == EINTR);
	if (count <= 0) {
		broken(answer, (int) count, error);
		return -1;
	}
	answer->left -= (uint64_t) count;
	answer->over = answer->left == 0;
	return count;
}

ssize_t berth_answer_read(struct berth_answer *answer, void *data, size_t size, GError **error)
{
	struct connection *connection = answer->connection;

	if (answer->framing == FRAMING_CHUNKED && answer->left == 0 && !answer->over && !next_chunk(answer, error))
		return -1;
	if (answer->over)
		return 0;
	if (connection->start == connection->end && answer->framing == FRAMING_LENGTH &&
	    size > sizeof connection->buffer)
		return read_past_buffer(answer, data, size, error);
	if (connection->start == connection->end) {
		int result = fill(connection);
		if (result < 0 || (result == 0 && answer->framing != FRAMING_CLOSE)) {
			broken(answer, result, error);
			return -1;
		}
		if (result == 0) {
			answer->over = true;
			return 0;
		}
	}
	size_t count = MIN(size, connection->end - connection->start);
	if (answer->framing != FRAMING_CLOSE)
		count = (size_t) MIN((uint64_t) count, answer->left);
	memcpy(data, connection->buffer + connection->start, count);
	connection->start += count;
	answer->left -= answer->framing == FRAMING_CLOSE ? 0 : count;
	if (answer->framing == FRAMING_LENGTH && answer->left == 0)
		answer->over = true;
	if (answer->framing == FRAMING_CHUNKED && answer->left == 0) {
		char *line = take_line(answer, error); // the end of the chunk
		if (!line || *line)
			return line ? malformed(answer, "a chunk is longer than its length", error), -1 : -1;
	}
	return (ssize_t) count;
}

json_t *berth_answer_json(struct berth_answer *answer, GError **error)
{
	size_t length;
	g_autofree char *body = read_body(answer, &length, error);

	if (!body)
		return NULL;
	return length == 0 ? json_null() : berth_json_parse(body, length, "the engine's answer", error);
}

json_t *berth_answer_line(struct berth_answer *answer, GError **error)
{
	char buffer[8192];

	if (!answer->line)
		answer->line = g_string_new(NULL);
	for (;;) {
		char *start = answer->line->str, *end = memchr(start, '\n', answer->line->len);
		bool last = !end && answer->over;
		size_t length = end ? (size_t) (end - start) : answer->line->len;
		if (end || last) {
			bool empty = strspn(start, " \r\n\t") >= length;
			json_t *json = empty ? NULL : berth_json_parse(start, length, "the engine's answer", error);
			g_string_erase(answer->line, 0, (gssize) (end ? length + 1 : length));
			if (empty && end)
				continue;
			return json;
		}
		if (answer->line->len > BERTH_LIMIT_JSON) {
			malformed(answer, "a line of its answer is too long", error);
			return NULL;
		}
		ssize_t count = berth_answer_read(answer, buffer, sizeof buffer, error);
		if (count < 0)
			return NULL;
		g_string_append_len(answer->line, buffer, count);
	}
}

ssize_t berth_answer_read_between(struct berth_answer *answer, void *data, size_t size, GError **error)
{
	if (!answer->line || answer->line->len == 0)
		return berth_answer_read(answer, data, size, error);
	size_t count = MIN(size, answer->line->len);
	memcpy(data, answer->line->str, count);
	g_string_erase(answer->line, 0, (gssize) count);
	return (ssize_t) count;
}

bool berth_answer_has_line(const struct berth_answer *answer)
{
	return answer->over || (answer->line && memchr(answer->line->str, '\n', answer->line->len));
}

json_t *berth_client_json(struct berth_client *client, const char *method, const char *path, const char *body,
			  GError **error)
{
	g_autoptr(berth_answer) answer =
		berth_client_call(client, &(struct berth_call){.method = method, .path = path, .body = body}, error);

	return answer ? berth_answer_json(answer, error) : NULL;
}

void *berth_client_document(struct berth_client *client, const char *method, const char *path, const char *body,
			    const struct berth_document *document, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_client_json(client, method, path, body, error);

	return json ? berth_document_parse(document, json, error) : NULL;
}

bool berth_client_do(struct berth_client *client, const char *method, const char *path, GError **error)
{
	g_autoptr(berth_answer) answer =
		berth_client_call(client, &(struct berth_call){.method = method, .path = path}, error);
	size_t length;

	if (!answer)
		return false;
	g_autofree char *body = read_body(answer, &length, error);
	return body;
}
