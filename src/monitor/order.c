// SPDX-License-Identifier: Apache-2.0
// A monitor that was executed before there was a container for it waits here; see spare.c for the other side.
#include "monitor/monitor.h"

#include "base/fd.h"
#include "base/packet.h"
#include "monitor/protocol.h"
#include "sys/namespace.h"
#include "sys/self.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// In the list of processes it shall look like any other monitor.
static void show(char *argument, const char *text)
{
	if (strlen(argument) == strlen(text))
		memcpy(argument, text, strlen(text));
}

// The descriptors to their fixed numbers, on some of which they may lie now.
static bool place(struct berth_packet *packet)
{
	for (size_t i = 0; i < packet->fd_count; i++) {
		int clear = fcntl(packet->fds[i], F_DUPFD_CLOEXEC, BERTH_MONITOR_FD_PROGRAM + 1);
		if (clear < 0)
			return false;
		close(packet->fds[i]);
		packet->fds[i] = clear;
	}
	for (size_t i = 0; i < packet->fd_count; i++)
		if (dup2(packet->fds[i], BERTH_MONITOR_FD_LISTEN + (int) i) < 0)
			return false;
	return true;
}

// Half of what the kernel does to make a container's process; most containers have one.
static bool make_network(int *ret)
{
	berth_fd made = -1;

	if (!berth_namespace_new_network(&made))
		return false;
	// The fixed numbers will be needed.
	*ret = made < 0 ? -1 : fcntl(made, F_DUPFD_CLOEXEC, BERTH_MONITOR_FD_PROGRAM + 1);
	return true;
}

bool berth_monitor_await_order(char **argv, int *ret_network)
{
	BERTH_AUTO_PACKET order = {0};

	*ret_network = -1;
	if (argv[1][1] != BERTH_MONITOR_WITHOUT_NETWORK && !make_network(ret_network))
		return false;
	berth_self_wake();
	if (berth_packet_receive(BERTH_MONITOR_FD_ORDER, &order, NULL) != 1)
		return false;
	const char *id = order.data, *folder = id + strlen(id) + 1;
	if (folder >= order.data + order.length || order.data[order.length - 1] != '\0' ||
	    order.fd_count != BERTH_MONITOR_FD_END - BERTH_MONITOR_FD_LISTEN || !place(&order))
		return false;
	show(argv[1], id);
	show(argv[2], folder);
	argv[1] = g_strdup(id);
	argv[2] = g_strdup(folder);
	return true;
}
