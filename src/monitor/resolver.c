// SPDX-License-Identifier: Apache-2.0
#include "monitor/resolver-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/moment.h"

#include <fcntl.h>
#include <string.h>

#define BATCH 16 // datagrams taken and answered at once

struct berth_resolver *berth_resolver_new(struct berth_loop *loop, const struct berth_resolver_setup *setup)
{
	struct berth_resolver *resolver = g_new0(struct berth_resolver, 1);

	resolver->loop = loop;
	resolver->setup = *setup;
	resolver->udp.fd = resolver->tcp.fd = resolver->timer.fd = -1;
	return resolver;
}

// Questions

size_t berth_resolver__ask(struct berth_resolver *resolver, uint8_t *message, size_t length, size_t limit,
			   const struct berth_resolver_asker *asker)
{
	struct berth_dns_query query;
	struct berth_dns_answer answer;
	int code = berth_dns_read_query(message, length, &query);

	if (code < 0)
		return 0;
	if (!asker->client)
		limit = MIN(limit, query.payload);
	if (code == BERTH_DNS_NO_ERROR && (query.type == BERTH_DNS_AXFR || query.type == BERTH_DNS_IXFR))
		code = BERTH_DNS_REFUSED;
	if (code != BERTH_DNS_NO_ERROR)
		return berth_dns_answer_code(message, limit, &query, (enum berth_dns_code) code);
	if (query.class == BERTH_DNS_CLASS_IN || query.class == BERTH_DNS_CLASS_ANY) {
		// The query behind the question is not needed any more once the name is known.
		berth_dns_answer_begin(&answer, message, limit, &query);
		if (berth_resolver__names_answer(resolver->names, &query, &answer))
			return berth_dns_answer_end(&answer, BERTH_DNS_NO_ERROR);
	}
	if (resolver->settings->forward && berth_resolver__forward(resolver, message, length, &query, asker))
		return 0;
	return berth_dns_answer_code(message, limit, &query, BERTH_DNS_SERVER_FAILURE);
}

// Time

static void timer_ready(struct berth_source *source, uint32_t events)
{
	struct berth_resolver *resolver =
		(struct berth_resolver *) ((char *) source - offsetof(struct berth_resolver, timer));
	(void) events;

	berth_timer_set(resolver->loop, &resolver->timer, 0);
	resolver->timer_at = 0;
	int64_t now = g_get_monotonic_time();
	int64_t forwards = berth_resolver__forwards_expire(resolver, now);
	int64_t clients = berth_resolver__clients_expire(resolver, now);
	if (forwards > 0)
		berth_resolver__wake_at(resolver, forwards);
	if (clients > 0)
		berth_resolver__wake_at(resolver, clients);
}

void berth_resolver__wake_at(struct berth_resolver *resolver, int64_t moment)
{
	if (resolver->timer_at > 0 && resolver->timer_at <= moment)
		return;
	int64_t wait = berth_monotonic_left(moment);
	resolver->timer.ready = timer_ready;
	// Rounded up, or it would come too early.
	if (berth_timer_set(resolver->loop, &resolver->timer, (unsigned) (wait / 1000 + 1)))
		resolver->timer_at = moment;
}

// UDP

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	struct berth_resolver_asker askers[BATCH];
	uint8_t data[BATCH][BERTH_LIMIT_DNS_QUERY];
};

static void send_answers(int socket, struct batch *batch, unsigned count)
{
	for (unsigned sent = 0; sent < count;) {
		int done = sendmmsg(socket, batch->messages + sent, count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done < 0 && errno == EAGAIN)
			return; // its receiver is too slow, and asks again
		sent += done > 0 ? (unsigned) done : 1;
	}
}

void berth_resolver__begin(struct berth_resolver *resolver)
{
	if (!resolver->names)
		resolver->names = berth_resolver__names_new(resolver->settings);
	berth_resolver__names_refresh(resolver->names);
}

static void udp_ready(struct berth_source *source, uint32_t events)
{
	struct berth_resolver *resolver =
		(struct berth_resolver *) ((char *) source - offsetof(struct berth_resolver, udp));
	g_autofree struct batch *batch = g_malloc(sizeof *batch);
	unsigned answers = 0;
	(void) events;

	memset(batch->messages, 0, sizeof batch->messages);
	memset(batch->askers, 0, sizeof batch->askers);
	for (unsigned i = 0; i < BATCH; i++) {
		batch->pieces[i] = (struct iovec){batch->data[i], sizeof batch->data[i]};
		batch->messages[i].msg_hdr.msg_iov = &batch->pieces[i];
		batch->messages[i].msg_hdr.msg_iovlen = 1;
		batch->messages[i].msg_hdr.msg_name = &batch->askers[i].address;
		batch->messages[i].msg_hdr.msg_namelen = sizeof batch->askers[i].address;
	}
	int count = recvmmsg(source->fd, batch->messages, BATCH, MSG_DONTWAIT, NULL);
	berth_resolver__begin(resolver);
	for (int i = 0; i < count; i++) {
		struct mmsghdr *message = &batch->messages[i];
		if (message->msg_hdr.msg_flags & MSG_TRUNC)
			continue;
		size_t length = berth_resolver__ask(resolver, batch->data[i], message->msg_len, sizeof batch->data[i],
						    &batch->askers[i]);
		if (length == 0)
			continue;
		batch->pieces[i].iov_len = length;
		// The headers of those that are answered move together.
		batch->messages[answers++].msg_hdr = message->msg_hdr;
	}
	send_answers(source->fd, batch, answers);
}

// Settings

static bool check_socket(int socket, int type, bool listening, GError **error)
{
	int found = 0, accepts = 0;
	socklen_t length = sizeof found;

	if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &found, &length) < 0 ||
	    getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) < 0 ||
	    fcntl(socket, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return berth_error_set_errno(error, errno, "resolver: use a socket");
	return (found == type && accepts == listening) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "resolver: a socket is not what it has to be: %s",
			       listening ? "one that listens for TCP" : "one for UDP");
}

static void close_sockets(struct berth_resolver *resolver)
{
	berth_resolver__forwards_drop(resolver, NULL);
	berth_resolver__clients_close(resolver);
	if (resolver->udp.fd >= 0)
		berth_source_set(resolver->loop, &resolver->udp, 0);
	if (resolver->tcp.fd >= 0)
		berth_source_set(resolver->loop, &resolver->tcp, 0);
	berth_fd_clear(&resolver->udp.fd);
	berth_fd_clear(&resolver->tcp.fd);
}

static bool take_sockets(struct berth_resolver *resolver, int *fds, GError **error)
{
	if (fds[0] < 0 && resolver->udp.fd < 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "resolver: no sockets were given yet");
	if (fds[0] < 0)
		return true;
	if (!check_socket(fds[0], SOCK_DGRAM, false, error) || !check_socket(fds[1], SOCK_STREAM, true, error))
		return false;
	close_sockets(resolver);
	resolver->udp = (struct berth_source){.fd = berth_fd_steal(&fds[0]), .ready = udp_ready};
	berth_source_set(resolver->loop, &resolver->udp, EPOLLIN);
	berth_resolver__listen(resolver, berth_fd_steal(&fds[1]));
	return true;
}

bool berth_resolver_set(struct berth_resolver *resolver, const struct berth_monitor_resolver *settings, int *fds,
			GError **error)
{
	if (!take_sockets(resolver, fds, error))
		return false;
	g_clear_pointer(&resolver->names, berth_resolver__names_free);
	g_clear_pointer(&resolver->servers, berth_resolver__servers_unref);
	berth_document_free(&berth_monitor_resolver_document, resolver->settings);
	resolver->settings = berth_document_copy(&berth_monitor_resolver_document, settings);
	return true;
}

void berth_resolver_free(struct berth_resolver *resolver)
{
	if (!resolver)
		return;
	close_sockets(resolver);
	berth_timer_set(resolver->loop, &resolver->timer, 0);
	berth_fd_clear(&resolver->timer.fd);
	g_clear_pointer(&resolver->names, berth_resolver__names_free);
	g_clear_pointer(&resolver->servers, berth_resolver__servers_unref);
	berth_document_free(&berth_monitor_resolver_document, resolver->settings);
	g_free(resolver);
}
