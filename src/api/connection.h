// SPDX-License-Identifier: Apache-2.0
// The connections that there are, and who is at their other end. Each takes a thread, and there is a limit to their
// number: when most of it is used up, a new one takes the place of the one that has waited longest without a whole
// request. So clients that connect and say nothing, or say it slowly, do not keep others out.
#pragma once

#include <glib.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

// Who is there, by their certificate.
struct berth_peer {
	char *user; // its common name
	char *certificates[2]; // PEM, and NULL
};
void berth_peer_free(struct berth_peer *peer);

struct berth_connections {
	pthread_mutex_t lock;
	GQueue waiting; // of struct berth_connection, the longest first
	unsigned count;
	GHashTable *peers; // struct berth_peer by descriptor, until their connection begins
};
struct berth_connection;

void berth_connections_init(struct berth_connections *connections);
void berth_connections_clear(struct berth_connections *connections);
// What libmicrohttpd tells of a connection's begin and end; `data` is the struct berth_connections.
void berth_connections_notify(void *data, struct MHD_Connection *connection, void **context,
			      enum MHD_ConnectionNotificationCode code);
// The connection with this descriptor, which is just about to begin, is this peer's (taken; NULL: it does not begin).
// All connections of one struct begin so, one at a time, or none: a descriptor may be another's as soon as it is
// closed.
void berth_connections_expect(struct berth_connections *connections, int fd, struct berth_peer *peer);

// Of libmicrohttpd's connection; valid as long as that is.
struct berth_connection *berth_connection_of(struct MHD_Connection *connection);
const struct berth_peer *berth_connection_peer(const struct berth_connection *connection); // NULL: unknown
// A request has come in, or was answered: between the two it does not wait.
void berth_connection_set_busy(struct MHD_Connection *connection, bool busy);
