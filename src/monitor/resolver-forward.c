// SPDX-License-Identifier: Apache-2.0
// Questions that are handed on. Each has a socket of its own, connected to the server: so the kernel chooses a random
// port and lets nothing in but what the server sends to it. It goes as it came, but for its id, over UDP or TCP as it
// came: EDNS and everything else in it is between asker and server. A server that does not answer in time, refuses or
// fails is followed by the next one.
#include "monitor/resolver-internal.h"

#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

struct forward {
	struct berth_source source; // the socket to the server; first
	GList link; // in the resolver's
	struct berth_resolver *resolver;
	struct berth_resolver_servers *servers;
	uint8_t order[BERTH_LIMIT_DNS_SERVERS]; // in which they are asked
	unsigned turn; // how many were asked before, over all attempts
	int64_t until; // this one is waited for
	int64_t patience; // all are
	struct berth_resolver_asker asker;
	uint16_t id; // the asker's
	size_t payload, question_end;
	GByteArray *received; // over TCP
	size_t sent; // over TCP, length included
	size_t length;
	uint8_t query[]; // two bytes of length, as over TCP; and the query, with our id
};

static struct berth_resolver_server *server_of(struct forward *forward)
{
	return &forward->servers->list[forward->order[forward->turn % forward->servers->count]];
}

static void hang_up(struct forward *forward)
{
	if (forward->source.fd < 0)
		return;
	berth_source_set(forward->resolver->loop, &forward->source, 0);
	berth_fd_clear(&forward->source.fd);
}

static void forward_free(struct forward *forward)
{
	hang_up(forward);
	g_queue_unlink(&forward->resolver->forwards, &forward->link);
	berth_resolver__servers_unref(forward->servers);
	if (forward->received)
		g_byte_array_unref(forward->received);
	g_free(forward);
}

// The answer, whose id becomes the asker's again. It is the question's end.
static void deliver(struct forward *forward, uint8_t *message, size_t length)
{
	const struct berth_resolver_asker *asker = &forward->asker;

	berth_dns_set_id(message, forward->id);
	if (asker->client) {
		berth_resolver__client_answer(asker->client, message, length);
	} else {
		if (length > forward->payload)
			length = berth_dns_truncate(message, length, forward->question_end);
		sendto(forward->resolver->udp.fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL, &asker->address.any,
		       sizeof asker->address);
	}
	forward_free(forward);
}

static void fail(struct forward *forward)
{
	uint8_t message[BERTH_LIMIT_DNS_QUERY];
	struct berth_dns_query query;

	memcpy(message, forward->query + 2, forward->length);
	berth_dns_read_query(message, forward->length, &query);
	size_t length = berth_dns_answer_code(message, sizeof message, &query, BERTH_DNS_SERVER_FAILURE);
	deliver(forward, message, length);
}

static bool send_query(struct forward *forward);

// Asks the server whose turn it is, or those after it. False: nobody is left.
static bool ask_servers(struct forward *forward)
{
	const struct berth_resolver_servers *servers = forward->servers;

	for (; forward->turn < servers->count * servers->attempts; forward->turn++) {
		int64_t now = g_get_monotonic_time();
		if (now >= forward->patience)
			return false;
		forward->until = MIN(now + servers->timeout * G_TIME_SPAN_MILLISECOND, forward->patience);
		if (send_query(forward)) {
			berth_resolver__wake_at(forward->resolver, forward->until);
			return true;
		}
		hang_up(forward);
	}
	return false;
}

static void next_server(struct forward *forward, bool keep_socket)
{
	if (!keep_socket)
		hang_up(forward);
	forward->turn++;
	if (!ask_servers(forward))
		fail(forward);
}

// What the server sent. False: it is not the answer.
static bool take_answer(struct forward *forward, uint8_t *message, size_t length)
{
	if (!berth_dns_answers(message, length, forward->query + 2, forward->question_end))
		return false;
	enum berth_dns_code code = berth_dns_code(message);
	bool failed =
		code == BERTH_DNS_SERVER_FAILURE || code == BERTH_DNS_REFUSED || code == BERTH_DNS_NOT_IMPLEMENTED;
	berth_resolver__server_answered(server_of(forward));
	if (failed && forward->turn + 1 < forward->servers->count)
		next_server(forward, false);
	else
		deliver(forward, message, length);
	return true;
}

static void udp_ready(struct berth_source *source, uint32_t events)
{
	struct forward *forward = (struct forward *) source;
	g_autofree uint8_t *message = g_malloc(BERTH_DNS_MESSAGE);
	ssize_t length = recv(source->fd, message, BERTH_DNS_MESSAGE, MSG_DONTWAIT);
	(void) events;

	if (length >= 0)
		take_answer(forward, message, (size_t) length); // what is none is passed over
	else if (errno != EAGAIN && errno != EINTR)
		next_server(forward, false); // nobody listens there
}

// Sends what is left of the query. False: the connection failed.
static bool tcp_send(struct forward *forward)
{
	ssize_t sent = send(forward->source.fd, forward->query + forward->sent, forward->length + 2 - forward->sent,
			    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	forward->sent += (size_t) sent;
	bool whole = forward->sent == forward->length + 2;
	berth_source_set(forward->resolver->loop, &forward->source, whole ? EPOLLIN : EPOLLOUT);
	return true;
}

// Reads what is there of the answer. False: the connection failed, or what came is not the answer. The question may be
// answered, and `forward` gone, when it returns true.
static bool tcp_receive(struct forward *forward)
{
	uint8_t part[4096];
	GByteArray *received = forward->received;
	ssize_t length = recv(forward->source.fd, part, sizeof part, MSG_DONTWAIT);

	if (length <= 0)
		return length < 0 && (errno == EAGAIN || errno == EINTR);
	g_byte_array_append(received, part, (guint) length);
	if (received->len < 2)
		return true;
	size_t whole = (size_t) (received->data[0] << 8 | received->data[1]);
	return received->len < 2 + whole || take_answer(forward, received->data + 2, whole);
}

static void tcp_ready(struct berth_source *source, uint32_t events)
{
	struct forward *forward = (struct forward *) source;
	bool sending = forward->sent < forward->length + 2;
	(void) events;

	if (!(sending ? tcp_send(forward) : tcp_receive(forward)))
		next_server(forward, false);
}

static bool open_server(struct forward *forward)
{
	const union berth_resolver_address *address = &server_of(forward)->address;
	bool stream = forward->asker.client != NULL;
	socklen_t length = address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
	uint16_t id;

	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return false;
	berth_dns_set_id(forward->query + 2, id);
	forward->source.ready = stream ? tcp_ready : udp_ready;
	forward->source.fd =
		socket(address->any.sa_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (forward->source.fd < 0)
		return false;
	int result = connect(forward->source.fd, &address->any, length);
	if (result < 0 && (!stream || errno != EINPROGRESS))
		return false;
	if (stream) {
		forward->sent = 0;
		if (!forward->received)
			forward->received = g_byte_array_new();
		g_byte_array_set_size(forward->received, 0);
	} else if (send(forward->source.fd, forward->query + 2, forward->length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		return false;
	}
	berth_source_set(forward->resolver->loop, &forward->source, stream ? EPOLLOUT : EPOLLIN);
	return forward->source.events != 0;
}

static bool send_query(struct forward *forward)
{
	// The only server is asked again from where it was asked before: an answer that was late is one, too.
	if (forward->source.fd >= 0)
		return send(forward->source.fd, forward->query + 2, forward->length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	return open_server(forward);
}

// Askers repeat a question that takes long; the answer is on its way already.
static bool is_repeated(struct berth_resolver *resolver, const uint8_t *message, const struct berth_dns_query *query,
			const struct berth_resolver_asker *asker)
{
	size_t name = BERTH_DNS_HEADER;

	for (GList *link = asker->client ? NULL : resolver->forwards.head; link; link = link->next) {
		struct forward *forward = link->data;
		if (!forward->asker.client && forward->id == query->id &&
		    forward->question_end == query->question_end &&
		    memcmp(&forward->asker.address, &asker->address, sizeof asker->address) == 0 &&
		    memcmp(forward->query + 2 + name, message + name, query->question_end - name) == 0)
			return true;
	}
	return false;
}

bool berth_resolver__forward(struct berth_resolver *resolver, const uint8_t *message, size_t length,
			     const struct berth_dns_query *query, const struct berth_resolver_asker *asker)
{
	if (is_repeated(resolver, message, query, asker))
		return true;
	if (resolver->forwards.length >= BERTH_LIMIT_DNS_FORWARDS)
		return false;
	struct berth_resolver_servers *servers = berth_resolver__servers(
		&resolver->servers, resolver->settings->servers, resolver->setup.host_file, resolver->setup.port);
	struct forward *forward = g_malloc0(sizeof *forward + 2 + length);
	forward->source.fd = -1;
	forward->link.data = forward;
	forward->resolver = resolver;
	forward->servers = berth_resolver__servers_ref(servers);
	forward->asker = *asker;
	forward->id = query->id;
	forward->payload = query->payload;
	forward->question_end = query->question_end;
	forward->length = length;
	forward->query[0] = (uint8_t) (length >> 8);
	forward->query[1] = (uint8_t) length;
	memcpy(forward->query + 2, message, length);
	forward->patience = g_get_monotonic_time() + BERTH_LIMIT_DNS_PATIENCE * G_USEC_PER_SEC;
	berth_resolver__servers_order(servers, forward->order);
	g_queue_push_tail_link(&resolver->forwards, &forward->link);
	if (ask_servers(forward))
		return true;
	forward_free(forward);
	return false;
}

int64_t berth_resolver__forwards_expire(struct berth_resolver *resolver, int64_t now)
{
	int64_t next = 0;

	for (GList *link = resolver->forwards.head; link;) {
		struct forward *forward = link->data;
		link = link->next; // only this one may go, and a later one's turn does not come sooner
		if (forward->until > now) {
			next = next == 0 ? forward->until : MIN(next, forward->until);
			continue;
		}
		berth_resolver__server_lost(server_of(forward));
		next_server(forward, forward->servers->count == 1 && !forward->asker.client);
	}
	return next;
}

void berth_resolver__forwards_drop(struct berth_resolver *resolver, const struct berth_resolver_client *client)
{
	for (GList *link = resolver->forwards.head; link;) {
		struct forward *forward = link->data;
		link = link->next;
		if (!client || forward->asker.client == client)
			forward_free(forward);
	}
}
