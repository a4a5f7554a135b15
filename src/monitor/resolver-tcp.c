// SPDX-License-Identifier: Apache-2.0
// The resolver's TCP connections. Questions on one may follow each other without waiting, and are answered in the order
// in which their answers are there. A connection on which nothing happens for a while is closed; so is one that sends
// more than a question can be long.
#include "monitor/resolver-internal.h"

#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>

struct berth_resolver_client {
	struct berth_source source; // first
	GList link; // in the resolver's
	struct berth_resolver *resolver;
	GByteArray *in, *out; // questions not answered yet, answers not sent yet
	unsigned waiting; // questions that were handed on
	bool ended; // it sends no more
	int64_t until; // it is closed unless something happens
};

static void client_close(struct berth_resolver_client *client)
{
	struct berth_resolver *resolver = client->resolver;

	berth_resolver__forwards_drop(resolver, client);
	berth_source_set(resolver->loop, &client->source, 0);
	close(client->source.fd);
	g_queue_unlink(&resolver->clients, &client->link);
	g_byte_array_unref(client->in);
	g_byte_array_unref(client->out);
	g_free(client);
	berth_source_set(resolver->loop, &resolver->tcp, EPOLLIN); // there is room again
}

static bool is_full(const struct berth_resolver_client *client)
{
	return client->out->len >= BERTH_LIMIT_DNS_OUTPUT;
}

// The length of the next question. False: it is not there whole.
static bool has_question(const struct berth_resolver_client *client, size_t at, size_t *ret_length)
{
	if (client->in->len < at + 2)
		return false;
	*ret_length = (size_t) (client->in->data[at] << 8 | client->in->data[at + 1]);
	return client->in->len >= at + 2 + *ret_length || *ret_length > BERTH_LIMIT_DNS_QUERY;
}

// What is waited for follows from what there is to do.
static void client_wait(struct berth_resolver_client *client)
{
	uint32_t events = client->ended || is_full(client) ? 0 : EPOLLIN;
	size_t length;

	if (client->out->len > 0 || has_question(client, 0, &length))
		events |= EPOLLOUT;
	berth_source_set(client->resolver->loop, &client->source, events);
}

static void client_touch(struct berth_resolver_client *client)
{
	client->until = g_get_monotonic_time() + BERTH_LIMIT_DNS_IDLE * G_USEC_PER_SEC;
	berth_resolver__wake_at(client->resolver, client->until);
}

static void add_answer(struct berth_resolver_client *client, const uint8_t *message, size_t length)
{
	const uint8_t prefix[2] = {(uint8_t) (length >> 8), (uint8_t) length};

	g_byte_array_append(client->out, prefix, sizeof prefix);
	g_byte_array_append(client->out, message, (guint) length);
}

// It is sent when the loop comes to it: nothing can fail here, while others are at work.
void berth_resolver__client_answer(struct berth_resolver_client *client, const uint8_t *message, size_t length)
{
	client->waiting--;
	add_answer(client, message, length);
	client_touch(client);
	client_wait(client);
}

// Answers the questions that are there whole, while there is room for answers. False: one is too long.
static bool answer_all(struct berth_resolver_client *client)
{
	g_autofree uint8_t *message = g_malloc(BERTH_DNS_MESSAGE);
	struct berth_resolver_asker asker = {.client = client};
	size_t at = 0, length;

	berth_resolver__begin(client->resolver);
	while (!is_full(client) && has_question(client, at, &length)) {
		if (length > BERTH_LIMIT_DNS_QUERY)
			return false;
		memcpy(message, client->in->data + at + 2, length);
		at += 2 + length;
		unsigned forwards = client->resolver->forwards.length;
		size_t answer = berth_resolver__ask(client->resolver, message, length, BERTH_DNS_MESSAGE, &asker);
		if (answer > 0)
			add_answer(client, message, answer);
		client->waiting += client->resolver->forwards.length - forwards;
	}
	if (at > 0)
		g_byte_array_remove_range(client->in, 0, (guint) at);
	return true;
}

static bool client_receive(struct berth_resolver_client *client)
{
	uint8_t part[BERTH_LIMIT_DNS_QUERY];
	ssize_t length = recv(client->source.fd, part, sizeof part, MSG_DONTWAIT);

	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	if (length == 0) {
		client->ended = true;
		return true;
	}
	g_byte_array_append(client->in, part, (guint) length);
	client_touch(client);
	return true;
}

static bool client_send(struct berth_resolver_client *client)
{
	ssize_t sent = send(client->source.fd, client->out->data, client->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	if (sent > 0) {
		g_byte_array_remove_range(client->out, 0, (guint) sent);
		client_touch(client);
	}
	return true;
}

static void client_ready(struct berth_source *source, uint32_t events)
{
	struct berth_resolver_client *client = (struct berth_resolver_client *) source;
	bool good = !(events & (EPOLLERR | EPOLLHUP));

	if (good && events & EPOLLIN && !is_full(client))
		good = client_receive(client);
	good = good && answer_all(client);
	if (good && client->out->len > 0)
		good = client_send(client);
	bool over = client->out->len == 0 && client->waiting == 0 && client->ended;
	if (good && !over)
		client_wait(client);
	else
		client_close(client);
}

static void listening_ready(struct berth_source *source, uint32_t events)
{
	struct berth_resolver *resolver =
		(struct berth_resolver *) ((char *) source - offsetof(struct berth_resolver, tcp));
	(void) events;

	int socket = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (socket < 0) {
		// Without a descriptor to spare it would be tried again at once, for ever.
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			berth_source_set(resolver->loop, source, 0);
			berth_resolver__wake_at(resolver, g_get_monotonic_time() + G_USEC_PER_SEC);
		}
		return;
	}
	struct berth_resolver_client *client = g_new0(struct berth_resolver_client, 1);
	client->source = (struct berth_source){.fd = socket, .ready = client_ready};
	client->link.data = client;
	client->resolver = resolver;
	client->in = g_byte_array_new();
	client->out = g_byte_array_new();
	g_queue_push_tail_link(&resolver->clients, &client->link);
	client_touch(client);
	client_wait(client);
	if (resolver->clients.length >= BERTH_LIMIT_DNS_CLIENTS)
		berth_source_set(resolver->loop, &resolver->tcp, 0);
}

void berth_resolver__listen(struct berth_resolver *resolver, int socket)
{
	resolver->tcp = (struct berth_source){.fd = socket, .ready = listening_ready};
	berth_source_set(resolver->loop, &resolver->tcp, EPOLLIN);
}

int64_t berth_resolver__clients_expire(struct berth_resolver *resolver, int64_t now)
{
	int64_t next = 0;

	for (GList *link = resolver->clients.head; link;) {
		struct berth_resolver_client *client = link->data;
		link = link->next;
		// Who waits for us is not idle; how long that can take is limited.
		if (client->until <= now && client->waiting == 0)
			client_close(client);
		else if (client->waiting == 0)
			next = next == 0 ? client->until : MIN(next, client->until);
	}
	if (resolver->clients.length < BERTH_LIMIT_DNS_CLIENTS)
		berth_source_set(resolver->loop, &resolver->tcp, EPOLLIN);
	return next;
}

void berth_resolver__clients_close(struct berth_resolver *resolver)
{
	while (resolver->clients.head)
		client_close(resolver->clients.head->data);
}
