// SPDX-License-Identifier: Apache-2.0
#include "monitor/server.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/packet.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define WAITING_MOST 4096 // events; a watcher that lets more wait is cut off
#define WAITING_PASSING 256 // and gets no further passing ones

struct connection {
	struct berth_source source; // first
	struct berth_server *server;
	bool watching;
	struct berth_monitor_request *begins; // of a process, which waits for its turn; NULL: none
	struct berth_packet came; // with it
	GQueue *waiting; // texts of events that it has not read yet; NULL: none
};

struct berth_server {
	struct berth_source listening; // first
	struct berth_loop *loop;
	struct berth_server_setup setup;
	GPtrArray *connections;
	GQueue *beginning; // connections whose `begins` is set, the longest waiting first
};

static void forget_begins(struct connection *connection)
{
	if (!connection->begins)
		return;
	g_clear_pointer(&connection->begins, berth_monitor_request_free);
	berth_packet_clear(&connection->came);
	g_queue_remove(connection->server->beginning, connection);
}

static void close_connection(struct connection *connection)
{
	struct berth_server *server = connection->server;

	berth_source_set(server->loop, &connection->source, 0);
	close(connection->source.fd);
	forget_begins(connection);
	if (connection->waiting)
		g_queue_free_full(connection->waiting, g_free);
	g_ptr_array_remove_fast(server->connections, connection);
	g_free(connection);
}

// Never waits: a peer that does not take its answers is cut off. False if it was.
static bool send_reply(struct connection *connection, const struct berth_monitor_reply *reply)
{
	g_autofree char *text = berth_document_print_text(&berth_monitor_reply_document, reply, 0);

	if (berth_packet_send(connection->source.fd, text, strlen(text), &reply->sent, reply->sent > 0, NULL))
		return true;
	close_connection(connection);
	return false;
}

static bool send_error(struct connection *connection, const GError *error)
{
	g_autofree char *message = g_utf8_make_valid(error->message, -1);
	struct berth_monitor_reply reply = {.message = message};

	reply.error = (char *) berth_error_kind_name(error->domain == BERTH_ERROR ? (enum berth_error) error->code
										  : BERTH_ERROR_INTERNAL);
	return send_reply(connection, &reply);
}

static void begin_watch(struct connection *connection)
{
	const struct berth_monitor_exit *exit = connection->server->setup.ended(connection->server->setup.data);

	connection->watching = true;
	if (exit)
		send_reply(connection, &(struct berth_monitor_reply){.event = (char *) "exited",
								     .exit = (struct berth_monitor_exit *) exit});
}

static void carry_out(struct connection *connection, enum berth_monitor_verb verb,
		      const struct berth_monitor_request *request, int *fds)
{
	const struct berth_server_setup *setup = &connection->server->setup;
	g_autoptr(GError) error = NULL;
	g_autoptr(berth_monitor_reply) reply = berth_document_new(&berth_monitor_reply_document);

	if (verb != BERTH_MONITOR_WATCH && !setup->handle(setup->data, verb, request, fds, reply, &error)) {
		send_error(connection, error);
		return;
	}
	reply->answer = g_strdup(berth_monitor_verb_name(verb));
	bool sent = send_reply(connection, reply);
	if (reply->sent > 0)
		close(reply->sent);
	if (sent && verb == BERTH_MONITOR_WATCH)
		begin_watch(connection);
}

// To begin a process takes long: where many are to begin, the rest of what there is to do comes between them. What
// else this connection asks for waits, too.
static void let_wait(struct connection *connection, struct berth_monitor_request *request, struct berth_packet *packet)
{
	connection->begins = request;
	connection->came = *packet;
	*packet = (struct berth_packet){0};
	g_queue_push_tail(connection->server->beginning, connection);
	berth_source_set(connection->server->loop, &connection->source, 0);
}

bool berth_server_busy(const struct berth_server *server)
{
	return server->beginning->length > 0;
}

void berth_server_begin(struct berth_server *server)
{
	struct connection *connection = g_queue_pop_head(server->beginning);

	if (!connection)
		return;
	g_autoptr(berth_monitor_request) request = g_steal_pointer(&connection->begins);
	BERTH_AUTO_PACKET packet = connection->came;
	connection->came = (struct berth_packet){0};
	berth_source_set(server->loop, &connection->source, EPOLLIN);
	carry_out(connection, BERTH_MONITOR_EXEC, request, packet.fds);
}

// Answers one packet, or lets it wait.
static void serve(struct connection *connection, struct berth_packet *packet)
{
	g_autoptr(GError) error = NULL;
	enum berth_monitor_verb verb;
	bool malformed;
	g_autoptr(berth_monitor_request) request =
		berth_monitor_request_parse(packet->data, packet->length, packet->fd_count, &verb, &malformed, &error);

	if (malformed)
		close_connection(connection);
	else if (!request)
		send_error(connection, error);
	else if (verb == BERTH_MONITOR_EXEC)
		let_wait(connection, g_steal_pointer(&request), packet);
	else
		carry_out(connection, verb, request, packet->fds);
}

static void send_waiting(struct connection *connection)
{
	char *text;

	while ((text = g_queue_peek_head(connection->waiting))) {
		if (!berth_packet_send(connection->source.fd, text, strlen(text), NULL, 0, NULL))
			return;
		g_free(g_queue_pop_head(connection->waiting));
	}
	g_clear_pointer(&connection->waiting, g_queue_free);
	berth_source_set(connection->server->loop, &connection->source, EPOLLIN);
}

static void send_event(struct connection *connection, const char *text, bool passing)
{
	guint waiting = connection->waiting ? connection->waiting->length : 0;

	if (waiting == 0 && berth_packet_send(connection->source.fd, text, strlen(text), NULL, 0, NULL))
		return;
	if (passing && waiting >= WAITING_PASSING)
		return;
	if (waiting >= WAITING_MOST) {
		close_connection(connection);
		return;
	}
	if (!connection->waiting)
		connection->waiting = g_queue_new();
	g_queue_push_tail(connection->waiting, g_strdup(text));
	berth_source_set(connection->server->loop, &connection->source, EPOLLIN | EPOLLOUT);
}

static void connection_ready(struct berth_source *source, uint32_t events)
{
	struct connection *connection = (struct connection *) source;
	BERTH_AUTO_PACKET packet = {0};
	g_autoptr(GError) error = NULL;

	if ((events & EPOLLOUT) && connection->waiting)
		send_waiting(connection);
	if (!(events & ~(uint32_t) EPOLLOUT))
		return;
	int result = berth_packet_receive(source->fd, &packet, &error);
	if (result < 0 && g_error_matches(error, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE))
		return;
	if (result <= 0 || connection->watching)
		close_connection(connection);
	else
		serve(connection, &packet);
}

// Adds a non-blocking socket and says hello. NULL if the peer is gone already.
static struct connection *add_connection(struct berth_server *server, int socket)
{
	struct connection *connection = g_new0(struct connection, 1);

	connection->source = (struct berth_source){.fd = socket, .ready = connection_ready};
	connection->server = server;
	g_ptr_array_add(server->connections, connection);
	berth_source_set(server->loop, &connection->source, EPOLLIN);
	struct berth_monitor_reply hello = {.hello = BERTH_MONITOR_PROTOCOL, .version = (char *) BERTH_VERSION};
	return send_reply(connection, &hello) ? connection : NULL;
}

static void listening_ready(struct berth_source *source, uint32_t events)
{
	struct berth_server *server = (struct berth_server *) source;
	struct ucred peer = {.uid = (uid_t) -1};
	socklen_t length = sizeof peer;
	(void) events;

	berth_fd socket = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (socket < 0 || getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return;
	if (peer.uid == 0 || peer.uid == geteuid())
		add_connection(server, berth_fd_steal(&socket));
}

struct berth_server *berth_server_new(struct berth_loop *loop, const struct berth_server_setup *setup)
{
	struct berth_server *server = g_new0(struct berth_server, 1);

	server->loop = loop;
	server->setup = *setup;
	server->connections = g_ptr_array_new();
	server->beginning = g_queue_new();
	server->listening = (struct berth_source){.fd = setup->listening, .ready = listening_ready};
	berth_source_set(loop, &server->listening, EPOLLIN);
	return server;
}

void berth_server_adopt(struct berth_server *server, int socket, const struct berth_monitor_reply *created)
{
	struct connection *connection = add_connection(server, socket);

	if (connection && created)
		send_reply(connection, created);
}

void berth_server_tell(struct berth_server *server, const struct berth_monitor_reply *event, bool passing)
{
	g_autofree char *text = berth_document_print_text(&berth_monitor_reply_document, event, 0);

	for (unsigned i = server->connections->len; i-- > 0;) {
		struct connection *connection = g_ptr_array_index(server->connections, i);
		if (connection->watching)
			send_event(connection, text, passing);
	}
}

int berth_server_file(const json_t *json, const char *what, GError **error)
{
	g_autofree char *text = berth_json_text(json);
	berth_fd file = memfd_create(what, MFD_CLOEXEC);

	if (file < 0) {
		berth_error_set_errno(error, errno, "%s: make a file", what);
		return -1;
	}
	return berth_write_all(file, text, strlen(text), what, error) ? berth_fd_steal(&file) : -1;
}

void berth_server_close(struct berth_server *server)
{
	berth_source_set(server->loop, &server->listening, 0);
	berth_fd_clear(&server->listening.fd);
}

void berth_server_free(struct berth_server *server)
{
	if (!server)
		return;
	while (server->connections->len > 0)
		close_connection(g_ptr_array_index(server->connections, 0));
	g_ptr_array_unref(server->connections);
	g_queue_free(server->beginning);
	berth_server_close(server);
	g_free(server);
}
