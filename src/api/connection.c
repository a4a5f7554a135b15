// SPDX-License-Identifier: Apache-2.0
#include "api/connection.h"

#include "base/limits.h"

#include <sys/socket.h>

#define CROWDED (BERTH_LIMIT_CONNECTIONS / 8 * 7)

struct berth_connection {
	struct berth_connections *all;
	int fd;
	GList link; // in `waiting`
	bool busy;
	struct berth_peer *peer;
};

void berth_peer_free(struct berth_peer *peer)
{
	if (!peer)
		return;
	g_free(peer->user);
	g_free(peer->certificates[0]);
	g_free(peer);
}

void berth_connections_init(struct berth_connections *connections)
{
	pthread_mutex_init(&connections->lock, NULL);
	g_queue_init(&connections->waiting);
	connections->peers =
		g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, (GDestroyNotify) berth_peer_free);
}

void berth_connections_clear(struct berth_connections *connections)
{
	g_hash_table_unref(connections->peers);
	pthread_mutex_destroy(&connections->lock);
}

static void wait_now(struct berth_connection *connection)
{
	connection->busy = false;
	connection->link.data = connection;
	g_queue_push_tail_link(&connection->all->waiting, &connection->link);
}

// Its thread sees the end of the connection and closes it; until then the descriptor is its own.
static void end_oldest(struct berth_connections *connections)
{
	struct berth_connection *oldest = g_queue_peek_head(&connections->waiting);

	if (!oldest)
		return;
	g_queue_unlink(&connections->waiting, &oldest->link);
	oldest->busy = true; // it is not in the queue
	shutdown(oldest->fd, SHUT_RDWR);
}

static void begin(struct berth_connections *connections, struct MHD_Connection *mhd, void **context)
{
	struct berth_connection *connection = g_new0(struct berth_connection, 1);
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	void *peer = NULL;

	connection->all = connections;
	connection->fd = info ? info->connect_fd : -1;
	pthread_mutex_lock(&connections->lock);
	g_hash_table_steal_extended(connections->peers, GINT_TO_POINTER(connection->fd), NULL, &peer);
	connection->peer = peer;
	if (++connections->count > CROWDED)
		end_oldest(connections);
	wait_now(connection);
	pthread_mutex_unlock(&connections->lock);
	*context = connection;
}

static void end(struct berth_connections *connections, struct berth_connection *connection)
{
	if (!connection)
		return;
	pthread_mutex_lock(&connections->lock);
	if (!connection->busy)
		g_queue_unlink(&connections->waiting, &connection->link);
	connections->count--;
	pthread_mutex_unlock(&connections->lock);
	berth_peer_free(connection->peer);
	g_free(connection);
}

void berth_connections_notify(void *data, struct MHD_Connection *connection, void **context,
			      enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		begin(data, connection, context);
	} else {
		end(data, *context);
		*context = NULL;
	}
}

void berth_connections_expect(struct berth_connections *connections, int fd, struct berth_peer *peer)
{
	pthread_mutex_lock(&connections->lock);
	if (peer)
		g_hash_table_insert(connections->peers, GINT_TO_POINTER(fd), peer);
	else
		g_hash_table_remove(connections->peers, GINT_TO_POINTER(fd));
	pthread_mutex_unlock(&connections->lock);
}

struct berth_connection *berth_connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

const struct berth_peer *berth_connection_peer(const struct berth_connection *connection)
{
	return connection ? connection->peer : NULL;
}

void berth_connection_set_busy(struct MHD_Connection *mhd, bool busy)
{
	struct berth_connection *connection = berth_connection_of(mhd);

	if (!connection)
		return;
	// A request may take as long as it takes; only waiting for one, or for its rest, has an end.
	MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, busy ? 0u : (unsigned) BERTH_LIMIT_IDLE_SECONDS);
	pthread_mutex_lock(&connection->all->lock);
	if (busy && !connection->busy) {
		g_queue_unlink(&connection->all->waiting, &connection->link);
		connection->busy = true;
	} else if (!busy && connection->busy) {
		wait_now(connection);
	}
	pthread_mutex_unlock(&connection->all->lock);
}
