// SPDX-License-Identifier: Apache-2.0
// The engine's side of a monitor that waits for its container. It is executed with blanks for arguments, as long as
// those that it will get, so that it can show them in the list of processes. Its only descriptor is a socket, whose end
// is its own too; its order is one packet: the container's id and run folder, each ended by NUL, and the descriptors.
#include "monitor/client.h"

#include "base/fd.h"
#include "base/packet.h"
#include "monitor/client-internal.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#define ID_LENGTH 64

struct berth_monitor_spare {
	const char *program, *folders;
	int program_fd;
	pthread_mutex_t lock; // of what follows
	int socket; // to the one that waits; -1: none does
};

struct berth_monitor_spare *berth_monitor_spare_new(const char *program, int program_fd, const char *folders)
{
	struct berth_monitor_spare *spare = g_new0(struct berth_monitor_spare, 1);

	spare->program = program;
	spare->program_fd = program_fd;
	spare->folders = folders;
	spare->socket = -1;
	pthread_mutex_init(&spare->lock, NULL);
	return spare;
}

void berth_monitor_spare_free(struct berth_monitor_spare *spare)
{
	if (!spare)
		return;
	berth_fd_clear(&spare->socket);
	pthread_mutex_destroy(&spare->lock);
	g_free(spare);
}

// Returns the socket, or -1.
static int start(const struct berth_monitor_spare *spare, bool network)
{
	g_autofree char *id = g_strnfill(ID_LENGTH, ' ');
	g_autofree char *folder = g_strnfill(strlen(spare->folders) + 1 + ID_LENGTH, ' ');
	char *arguments[] = {(char *) "berth-monitor", id, folder, NULL};
	int pair[2];

	if (!network)
		id[1] = BERTH_MONITOR_WITHOUT_NETWORK;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	berth_fd ours = pair[0], theirs = pair[1];
	berth_fd order = berth_monitor__copy(theirs, NULL);
	berth_fd program = spare->program_fd < 0 ? -1 : berth_monitor__copy(spare->program_fd, NULL);
	const int descriptors[BERTH_MONITOR_FD_PROGRAM + 1] = {
		[BERTH_MONITOR_FD_ORDER] = order,     [BERTH_MONITOR_FD_FOLDER] = -1,
		[BERTH_MONITOR_FD_CONNECTION] = -1,   [BERTH_MONITOR_FD_ROOTFS] = -1,
		[BERTH_MONITOR_FD_PROGRAM] = program,
	};
	int end = program < 0 ? BERTH_MONITOR_FD_END : BERTH_MONITOR_FD_PROGRAM + 1;
	bool started = order >= 0 && (program >= 0 || spare->program_fd < 0) &&
		       berth_monitor__execute(spare->program, arguments, descriptors, end, NULL);
	return started ? berth_fd_steal(&ours) : -1;
}

void berth_monitor_spare_fill(struct berth_monitor_spare *spare, bool network)
{
	pthread_mutex_lock(&spare->lock);
	if (spare->socket < 0)
		spare->socket = start(spare, network);
	pthread_mutex_unlock(&spare->lock);
}

int berth_monitor__spare_take(struct berth_monitor_spare *spare, const char *id, const char *run_folder,
			      const int descriptors[BERTH_MONITOR_FD_END])
{
	g_autoptr(GString) order = g_string_new(id);

	pthread_mutex_lock(&spare->lock);
	berth_fd socket = berth_fd_steal(&spare->socket);
	pthread_mutex_unlock(&spare->lock);
	g_string_append_c(order, '\0');
	g_string_append_len(order, run_folder, (gssize) strlen(run_folder) + 1);
	// One that is gone is none.
	if (socket < 0 || !berth_packet_send(socket, order->str, order->len, descriptors + BERTH_MONITOR_FD_LISTEN,
					     BERTH_MONITOR_FD_END - BERTH_MONITOR_FD_LISTEN, NULL))
		return -1;
	return berth_fd_steal(&socket);
}

bool berth_monitor__spare_died(int order)
{
	int failure = 0;
	socklen_t length = sizeof failure;

	return getsockopt(order, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 && failure == ECONNRESET;
}
