// SPDX-License-Identifier: Apache-2.0
// What the resolver's files share. resolver.c has the UDP side and answers a question; resolver-names.c knows names;
// resolver-tcp.c has the TCP side; resolver-forward.c hands questions on, to those of resolver-servers.c.
#pragma once

#include "monitor/dns-message.h"
#include "monitor/resolver.h"

#include <sys/socket.h>

// Names (resolver-names.c)

// Which file a path led to.
struct berth_resolver_stamp {
	uint64_t device, inode;
	int64_t seconds, nanoseconds, size;
};
// Looks at the path; an absent file has a stamp of zeros. Whether it changed.
bool berth_resolver__stamp(const char *path, struct berth_resolver_stamp *stamp);

struct berth_resolver_names;
struct berth_resolver_names *berth_resolver__names_new(const struct berth_monitor_resolver *settings);
void berth_resolver__names_free(struct berth_resolver_names *names);
// Whoever is asked from now on is asked about the files as they are now.
void berth_resolver__names_refresh(struct berth_resolver_names *names);
// Adds to the answer what is known of the query's name. False: the name is not known.
bool berth_resolver__names_answer(struct berth_resolver_names *names, const struct berth_dns_query *query,
				  struct berth_dns_answer *answer);

// Servers (resolver-servers.c)

union berth_resolver_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct berth_resolver_server {
	union berth_resolver_address address;
	unsigned losses; // questions without an answer since the last answer
	int64_t dead_until; // moment on the monotonic clock, microseconds
};
// A list that a question keeps until it is answered, while a newer one may take its place.
struct berth_resolver_servers {
	unsigned references;
	unsigned count;
	unsigned timeout; // milliseconds for one answer
	unsigned attempts; // how often all are asked
	bool rotate; // each question begins with another one
	unsigned next; // where it begins
	struct berth_resolver_stamp stamp; // of the host's file
	struct berth_resolver_server list[];
};
// The servers to ask now; `*current` (NULL at first) is kept up to date. `addresses` NULL or empty: the host's.
struct berth_resolver_servers *berth_resolver__servers(struct berth_resolver_servers **current, char *const *addresses,
						       const char *host_file, uint16_t port);
struct berth_resolver_servers *berth_resolver__servers_ref(struct berth_resolver_servers *servers);
void berth_resolver__servers_unref(struct berth_resolver_servers *servers);
// The order in which a question asks them: numbers into the list, those that are alive first.
void berth_resolver__servers_order(struct berth_resolver_servers *servers, uint8_t *ret);
void berth_resolver__server_lost(struct berth_resolver_server *server);
void berth_resolver__server_answered(struct berth_resolver_server *server);

// Questions

struct berth_resolver_client; // a TCP connection

// Who asked.
struct berth_resolver_asker {
	struct berth_resolver_client *client; // NULL: by UDP, from `address`
	union berth_resolver_address address;
};

struct berth_resolver {
	struct berth_loop *loop;
	struct berth_resolver_setup setup;
	struct berth_monitor_resolver *settings;
	struct berth_source udp, tcp, timer;
	int64_t timer_at; // when the timer fires; 0: it does not
	struct berth_resolver_names *names; // NULL: nobody asked yet
	struct berth_resolver_servers *servers; // NULL: nothing was handed on yet
	GQueue forwards; // of struct forward
	GQueue clients; // of struct berth_resolver_client
};

// Questions follow, which see the names as they are now.
void berth_resolver__begin(struct berth_resolver *resolver);
// Answers the query in the buffer in place: returns the answer's length, at most `limit`. 0: no answer now, for it was
// none or is handed on.
size_t berth_resolver__ask(struct berth_resolver *resolver, uint8_t *message, size_t length, size_t limit,
			   const struct berth_resolver_asker *asker);

// Has berth_resolver__expire() called at that moment (g_get_monotonic_time()) or before.
void berth_resolver__wake_at(struct berth_resolver *resolver, int64_t moment);

// Hands the query on (resolver-forward.c). False: too many wait, or there is no server.
bool berth_resolver__forward(struct berth_resolver *resolver, const uint8_t *message, size_t length,
			     const struct berth_dns_query *query, const struct berth_resolver_asker *asker);
// What has waited long enough until `now` asks the next server, or is answered. Returns when the next one has, 0: none.
int64_t berth_resolver__forwards_expire(struct berth_resolver *resolver, int64_t now);
// Forgets the questions of a client that is gone; NULL: all of them.
void berth_resolver__forwards_drop(struct berth_resolver *resolver, const struct berth_resolver_client *client);

// TCP (resolver-tcp.c)
void berth_resolver__listen(struct berth_resolver *resolver, int socket);
// A late answer; its question waits no more.
void berth_resolver__client_answer(struct berth_resolver_client *client, const uint8_t *message, size_t length);
int64_t berth_resolver__clients_expire(struct berth_resolver *resolver, int64_t now);
void berth_resolver__clients_close(struct berth_resolver *resolver);
