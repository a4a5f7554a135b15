// SPDX-License-Identifier: Apache-2.0
// The host's own connections to its loopback addresses are translated like others; but then the kernel keeps such
// packets on lo, unless a bridge is told to let them pass: for IPv4 by route_localnet, for IPv6 by a local route over
// the bridge. Neither lets in what really comes with a loopback address: of IPv4 our rules drop it (firewall-rules.c),
// of IPv6 the kernel itself. Bridges on which nothing is published are left as they are.
#include "network/firewall-internal.h"

#include "base/error.h"
#include "base/fd.h"
#include "sys/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#define BEHIND_LO 4096 // metric of the route: the one by lo comes first

static bool allow4(const char *interface, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/sys/net/ipv4/conf/%s/route_localnet", interface);
	berth_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) == 1)
		return true;
	return errno == ENOENT || berth_error_set_errno(error, errno, "write %s", path);
}

static bool allow6(const char *interface, GError **error)
{
	struct rtmsg header = {.rtm_family = AF_INET6,
			       .rtm_dst_len = 128,
			       .rtm_table = RT_TABLE_LOCAL,
			       .rtm_protocol = RTPROT_STATIC,
			       .rtm_scope = RT_SCOPE_HOST,
			       .rtm_type = RTN_LOCAL};
	unsigned index = if_nametoindex(interface);
	g_autoptr(berth_netlink) netlink = index ? berth_netlink_open(NETLINK_ROUTE, error) : NULL;

	if (!index)
		return true;
	if (!netlink)
		return false;
	berth_netlink_begin(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
	berth_netlink_put(netlink, RTA_DST, &in6addr_loopback, sizeof in6addr_loopback);
	berth_netlink_put_u32(netlink, RTA_OIF, index);
	berth_netlink_put_u32(netlink, RTA_PRIORITY, BEHIND_LO);
	if (berth_netlink_send(netlink, NULL, error))
		return true;
	g_prefix_error(error, "route to ::1 over %s: ", interface);
	return false;
}

static bool is_for_loopback(const struct berth_firewall__published *published)
{
	if (published->any)
		return true;
	return published->address.family == AF_INET ? published->host.bytes[0] == 127
						    : memcmp(published->host.bytes, &in6addr_loopback, 16) == 0;
}

bool berth_firewall__allow_loopback(struct berth_firewall *firewall, const GPtrArray *list, GError **error)
{
	for (guint i = 0; i < list->len; i++) {
		const struct berth_firewall__published *published = g_ptr_array_index(list, i);
		struct berth_firewall__network *network = g_hash_table_lookup(firewall->networks, published->bridge);
		bool is6 = published->address.family == AF_INET6;
		if (!network || network->loopback[is6] || !is_for_loopback(published))
			continue;
		if (!(is6 ? allow6(network->interface, error) : allow4(network->interface, error)))
			return false;
		network->loopback[is6] = true;
	}
	return true;
}

// Where bridged packets go through the rules of IPv6 (bridge-nf-call-ip6tables), answers are translated back before the
// kernel looks at their addresses, and it refuses them.
bool berth_firewall__can_loopback6(void)
{
	berth_fd fd = open("/proc/sys/net/bridge/bridge-nf-call-ip6tables", O_RDONLY | O_CLOEXEC);
	char setting = '0';

	return fd < 0 || read(fd, &setting, 1) != 1 || setting == '0';
}
