// SPDX-License-Identifier: Apache-2.0
// The kernel lists sockets with their inodes, and /proc has those behind every process's descriptors. Both are walked
// whole: only somebody who gets an error waits for it.
#include "sys/socket-holder.h"

#include "base/fd.h"
#include "sys/netlink.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>

#define LISTENING (1 << 10 | 1 << 13) // TCP_LISTEN, TCP_BOUND_INACTIVE (which older kernels do not list)

struct search {
	int family;
	const uint8_t *address;
	uint16_t port;
	uint32_t inode; // 0: not found
};

static bool is_zero(const void *data, size_t length)
{
	static const uint8_t zeros[16];

	return memcmp(data, zeros, length) == 0;
}

static bool each_socket(void *data, const struct nlmsghdr *message)
{
	struct search *search = data;
	const struct inet_diag_msg *socket = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof *socket) || ntohs(socket->id.idiag_sport) != search->port ||
	    !socket->idiag_inode)
		return true;
	const uint8_t *bound = (const uint8_t *) socket->id.idiag_src;
	if (search->address && !is_zero(bound, socket->idiag_family == AF_INET ? 4 : 16) &&
	    (socket->idiag_family != search->family ||
	     memcmp(bound, search->address, search->family == AF_INET ? 4 : 16) != 0))
		return true;
	search->inode = socket->idiag_inode;
	return false;
}

static void look_among(int family, int protocol, uint32_t states, struct search *search)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = (uint8_t) family, .sdiag_protocol = (uint8_t) protocol, .idiag_states = states};
	g_autoptr(berth_netlink) netlink = search->inode ? NULL : berth_netlink_open(NETLINK_SOCK_DIAG, NULL);

	if (!netlink)
		return;
	berth_netlink_begin(netlink, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof request);
	berth_netlink_ask(netlink, each_socket, search, NULL);
}

static bool has_socket(int process, const char *wanted)
{
	berth_fd fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	bool found = false;

	if (!folder)
		return false;
	berth_fd_steal(&fd);
	for (struct dirent *entry; !found && (entry = readdir(folder));) {
		char target[64];
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		found = g_str_equal(target, wanted);
	}
	closedir(folder);
	return found;
}

static void find_process(uint32_t inode, struct berth_socket_holder *ret)
{
	g_autofree char *wanted = g_strdup_printf("socket:[%u]", inode);
	DIR *processes = opendir("/proc");

	for (struct dirent *entry; processes && !ret->pid && (entry = readdir(processes));) {
		if (!g_ascii_isdigit(entry->d_name[0]))
			continue;
		berth_fd process = openat(dirfd(processes), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (process < 0 || !has_socket(process, wanted))
			continue;
		g_autofree char *name = berth_read_file_at(process, "comm", sizeof ret->name, NULL, NULL);
		ret->pid = atoi(entry->d_name);
		g_strlcpy(ret->name, name ? g_strchomp(name) : "", sizeof ret->name);
	}
	if (processes)
		closedir(processes);
}

bool berth_socket_find_holder(int family, int protocol, const uint8_t *address, uint16_t port,
			      struct berth_socket_holder *ret)
{
	struct search search = {.family = family, .address = address, .port = port};
	uint32_t states = protocol == IPPROTO_TCP ? LISTENING : UINT32_MAX;

	*ret = (struct berth_socket_holder){0};
	look_among(family, protocol, states, &search);
	if (family == AF_INET) // a socket of IPv6 may have the port in IPv4, too
		look_among(AF_INET6, protocol, states, &search);
	if (protocol == IPPROTO_TCP) // the port may be the near end of somebody's connection
		look_among(family, protocol, UINT32_MAX, &search);
	if (!search.inode)
		return false;
	find_process(search.inode, ret);
	return true;
}
