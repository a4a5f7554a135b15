// SPDX-License-Identifier: Apache-2.0
// The kernel tells of every transaction: a message for each object that was changed, then one of the new generation.
#include "sys/nftables.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/netlink.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define WATCH_BUFFER (8 << 20) // of messages that are not read yet: of a rule set with ten thousands of elements
#define DATAGRAM_SIZE 65536

int berth_nft_watch(GError **error)
{
	berth_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1 << (NFNLGRP_NFTABLES - 1)};
	int size = WATCH_BUFFER;

	if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0) {
		berth_error_set_errno(error, errno, "watch nftables");
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	return berth_fd_steal(&fd);
}

// Every object's first attribute is its table's name.
static bool is_of_table(const struct nlmsghdr *message, const char *table)
{
	const char *attributes = (const char *) message + NLMSG_LENGTH(sizeof(struct nfgenmsg));
	size_t length;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return false;
	const char *name = berth_netlink_data(
		berth_netlink_find(attributes, message->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg)),
				   NFTA_TABLE_NAME),
		&length);
	return name && length == strlen(table) + 1 && memcmp(name, table, length) == 0;
}

void berth_nft_changed(int watch, const char *table, struct berth_nft_changes *ret)
{
	g_autofree char *datagram = g_malloc(DATAGRAM_SIZE);
	bool touched = false;
	ssize_t n;

	*ret = (struct berth_nft_changes){0};
	while ((n = recv(watch, datagram, DATAGRAM_SIZE, 0)) > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS))) {
		if (n < 0) {
			ret->lost |= errno == ENOBUFS;
			continue;
		}
		size_t left = (size_t) n;
		for (struct nlmsghdr *message = (struct nlmsghdr *) datagram; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) {
				ret->all++;
				ret->table += touched;
				touched = false;
			} else if (!touched)
				touched = is_of_table(message, table);
		}
	}
	if (touched) // the rest of this transaction is not there yet, or was lost
		ret->table++;
}
