// SPDX-License-Identifier: Apache-2.0
// How an ordinary user puts a process into a container that has not been started. Its waiting process is not dumpable,
// so only root may take namespaces from it, and it gives them itself: over the socket at which it waits to be started,
// which only its user reaches. Who starts it has no name, who asks has one, so the start costs no word more.
#include "runtime/setup.h"
#include "runtime/state.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"
#include "sys/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE 10 // seconds that the process has to answer

// In the order in which they are joined. The last changes where paths lead.
static const unsigned kinds[] = {CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET,  CLONE_NEWIPC,
				 CLONE_NEWUTS,  CLONE_NEWCGROUP, CLONE_NEWTIME, CLONE_NEWNS};

G_STATIC_ASSERT(G_N_ELEMENTS(kinds) <= BERTH_LIMIT_PACKET_FDS);
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) <= G_N_ELEMENTS(((struct berth_setup *) NULL)->join));

void berth_namespaces_offer(struct berth_setup *setup)
{
	setup->own_namespaces = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void give(const struct berth_setup *setup, int caller)
{
	int fds[G_N_ELEMENTS(kinds)];
	size_t count = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		fds[count] = openat(setup->own_namespaces, berth_namespace_file(kinds[i]), O_RDONLY | O_CLOEXEC);
		count += fds[count] >= 0;
	}
	if (count)
		berth_packet_send(caller, "namespaces", strlen("namespaces"), fds, count, NULL);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

int berth_namespaces_wait(const struct berth_setup *setup)
{
	for (;;) {
		struct sockaddr_un name;
		socklen_t length = sizeof name;
		int caller = accept4(setup->listener, (struct sockaddr *) &name, &length, SOCK_CLOEXEC);

		if (caller < 0 && errno != EINTR && errno != ECONNABORTED)
			return -1;
		if (caller >= 0 && length <= offsetof(struct sockaddr_un, sun_path))
			return caller;
		if (caller >= 0) {
			give(setup, caller);
			close(caller);
		}
	}
}

static bool take(struct berth_setup *setup, struct berth_packet *packet, GError **error)
{
	size_t count = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		for (size_t k = 0; k < packet->fd_count; k++)
			if (ioctl(packet->fds[k], NS_GET_NSTYPE) == (int) kinds[i]) {
				setup->join_flags[count] = kinds[i];
				setup->join[count++] = berth_fd_steal(&packet->fds[k]);
				break;
			}
	return count || berth_error_set(error, BERTH_ERROR_INVALID, "the waiting process gave no namespaces");
}

bool berth_namespaces_ask(struct berth_setup *setup, int folder, GError **error)
{
	BERTH_AUTO_PACKET packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
	const struct timeval patience = {.tv_sec = PATIENCE};
	g_autoptr(GError) problem = NULL;
	berth_fd waiting = berth_socket_connect_named_at(folder, BERTH_START_SOCKET, SOCK_SEQPACKET, &problem);

	// It has been started, or is just now: then it can be entered as every other.
	if (waiting < 0 && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE))
		return true;
	if (waiting < 0) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	setsockopt(waiting, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	int received = berth_packet_receive(waiting, &packet, &problem);
	if (received < 0 && g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_UNAVAILABLE))
		return berth_error_set(error, BERTH_ERROR_CONFLICT,
				       "its process gives no namespaces: it is frozen (resume it first), or stopped");
	return received <= 0 || take(setup, &packet, error);
}

bool berth_namespaces_enter(struct berth_setup *setup, bool *ret_user, GError **error)
{
	bool same[G_N_ELEMENTS(setup->join)] = {false};

	for (size_t i = 0; i < G_N_ELEMENTS(setup->join) && setup->join[i] >= 0; i++) {
		g_autofree char *path = g_strdup_printf("/proc/self/ns/%s", berth_namespace_file(setup->join_flags[i]));
		struct stat own, other;
		same[i] = stat(path, &own) == 0 && fstat(setup->join[i], &other) == 0 && own.st_dev == other.st_dev &&
			  own.st_ino == other.st_ino;
		*ret_user |= setup->join_flags[i] == CLONE_NEWUSER && !same[i];
	}
	for (size_t i = 0; i < G_N_ELEMENTS(setup->join) && setup->join[i] >= 0; i++) {
		if (!same[i] && setns(setup->join[i], (int) setup->join_flags[i]) < 0)
			return berth_error_set_errno(error, errno, "join the %s namespace",
						     berth_namespace_file(setup->join_flags[i]));
		berth_fd_clear(&setup->join[i]);
	}
	return true;
}
