// SPDX-License-Identifier: Apache-2.0
// Messages and settings that more than one driver needs.
#include "network/network-internal.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define SETTING_SIZE 64
#define SETTLE_TRIES 100
#define SETTLE_PAUSE 200 // µs

static size_t address_length(int family)
{
	return family == AF_INET ? 4 : 16;
}

static void copy_text(const void *attributes, size_t size, uint16_t type, char *ret, size_t ret_size)
{
	size_t length;
	const char *text = berth_netlink_data(berth_netlink_find(attributes, size, type), &length);

	ret[0] = '\0';
	if (text && length)
		g_strlcpy(ret, text, MIN(ret_size, length));
}

static uint32_t number_of(const void *attributes, size_t size, uint16_t type)
{
	size_t length;
	const uint32_t *value = berth_netlink_data(berth_netlink_find(attributes, size, type), &length);

	return value && length == sizeof *value ? *value : 0;
}

static void read_link(const struct nlmsghdr *message, struct berth_link_state *ret)
{
	const struct ifinfomsg *header = NLMSG_DATA(message);
	const char *attributes = (const char *) header + NLMSG_ALIGN(sizeof *header);
	size_t length, size = message->nlmsg_len - NLMSG_SPACE(sizeof *header);

	*ret = (struct berth_link_state){.index = header->ifi_index, .flags = header->ifi_flags};
	copy_text(attributes, size, IFLA_IFNAME, ret->name, sizeof ret->name);
	copy_text(attributes, size, IFLA_IFALIAS, ret->alias, sizeof ret->alias);
	ret->master = (int) number_of(attributes, size, IFLA_MASTER);
	ret->mtu = number_of(attributes, size, IFLA_MTU);
	const uint8_t *state = berth_netlink_data(berth_netlink_find(attributes, size, IFLA_OPERSTATE), &length);
	ret->state = state && length ? *state : IF_OPER_UNKNOWN;
	const void *mac = berth_netlink_data(berth_netlink_find(attributes, size, IFLA_ADDRESS), &length);
	if (mac && length == sizeof ret->mac)
		memcpy(ret->mac, mac, sizeof ret->mac);
	const void *info = berth_netlink_data(berth_netlink_find(attributes, size, IFLA_LINKINFO), &length);
	if (info)
		copy_text(info, length, IFLA_INFO_KIND, ret->kind, sizeof ret->kind);
}

static bool note_link(void *data, const struct nlmsghdr *message)
{
	if (message->nlmsg_type == RTM_NEWLINK && message->nlmsg_len >= NLMSG_SPACE(sizeof(struct ifinfomsg)))
		read_link(message, data);
	return true;
}

static bool add_link(void *data, const struct nlmsghdr *message)
{
	struct berth_link_state link;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_SPACE(sizeof(struct ifinfomsg)))
		return true;
	read_link(message, &link);
	g_array_append_val((GArray *) data, link);
	return true;
}

bool berth_links__get(struct berth_netlink *route, const char *name, struct berth_link_state *ret, GError **error)
{
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

	*ret = (struct berth_link_state){0};
	berth_netlink_begin(route, RTM_GETLINK, 0, &header, sizeof header);
	berth_netlink_put_text(route, IFLA_IFNAME, name);
	berth_netlink_put_u32(route, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (berth_netlink_ask(route, note_link, ret, error))
		return true;
	if (berth_netlink_errno(route) != ENODEV)
		return g_prefix_error(error, "network interface %s: ", name), false;
	g_clear_error(error);
	return true;
}

// Since Linux 6.9 the kernel catches up when it is asked.
bool berth_links__settle(struct berth_netlink *route, const char *name, int *ret_index, GError **error)
{
	struct berth_link_state link = {0};

	for (int i = 0; i < SETTLE_TRIES; i++) {
		if (!berth_links__get(route, name, &link, error))
			return false;
		if (!link.index)
			return berth_error_set(error, BERTH_ERROR_CONFLICT, "network interface %s has gone", name);
		if (link.state != IF_OPER_DOWN && link.state != IF_OPER_LOWERLAYERDOWN)
			break;
		g_usleep(SETTLE_PAUSE);
	}
	if (ret_index)
		*ret_index = link.index;
	return true;
}

GArray *berth_links__list(struct berth_netlink *route, GError **error)
{
	g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(struct berth_link_state));
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

	berth_netlink_begin(route, RTM_GETLINK, NLM_F_DUMP, &header, sizeof header);
	berth_netlink_put_u32(route, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (!berth_netlink_ask(route, add_link, links, error))
		return g_prefix_error(error, "list network interfaces: "), NULL;
	return g_steal_pointer(&links);
}

bool berth_links__delete(struct berth_netlink *route, const char *name, GError **error)
{
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

	berth_netlink_begin(route, RTM_DELLINK, 0, &header, sizeof header);
	berth_netlink_put_text(route, IFLA_IFNAME, name);
	berth_netlink_forgive(route, ENODEV);
	if (!berth_netlink_send(route, NULL, error))
		return g_prefix_error(error, "remove network interface %s: ", name), false;
	return true;
}

void berth_links__put_address(struct berth_netlink *route, int index, const char *text)
{
	struct berth_subnet subnet;
	struct berth_address address;

	if (!berth_subnet_parse(text, &subnet, &address, NULL))
		return;
	size_t length = address_length(address.family);
	struct ifaddrmsg header = {.ifa_family = (uint8_t) address.family,
				   .ifa_prefixlen = (uint8_t) subnet.length,
				   .ifa_index = (uint32_t) index,
				   .ifa_flags = IFA_F_NODAD,
				   .ifa_scope = RT_SCOPE_UNIVERSE};
	berth_netlink_begin(route, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
	berth_netlink_put(route, IFA_LOCAL, address.bytes, length);
	berth_netlink_put(route, IFA_ADDRESS, address.bytes, length);
	if (address.family == AF_INET && subnet.length < 31) {
		uint32_t broadcast;
		memcpy(&broadcast, address.bytes, sizeof broadcast);
		broadcast |= g_htonl(UINT32_MAX >> subnet.length);
		berth_netlink_put(route, IFA_BROADCAST, &broadcast, sizeof broadcast);
	}
}

void berth_links__put_route(struct berth_netlink *route, int index, const struct berth_subnet *destination,
			    const struct berth_address *gateway)
{
	int family = destination ? destination->address.family : gateway->family;
	struct rtmsg header = {.rtm_family = (uint8_t) family,
			       .rtm_dst_len = destination ? (uint8_t) destination->length : 0,
			       .rtm_table = RT_TABLE_MAIN,
			       .rtm_protocol = RTPROT_BOOT,
			       .rtm_scope = gateway || family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
			       .rtm_type = RTN_UNICAST};

	berth_netlink_begin(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
	if (destination)
		berth_netlink_put(route, RTA_DST, destination->address.bytes, address_length(family));
	if (gateway)
		berth_netlink_put(route, RTA_GATEWAY, gateway->bytes, address_length(family));
	berth_netlink_put_u32(route, RTA_OIF, (uint32_t) index);
}

void berth_links__put_up(struct berth_netlink *route, int index)
{
	struct ifinfomsg header = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	berth_netlink_begin(route, RTM_NEWLINK, 0, &header, sizeof header);
}

void berth_links__begin(struct berth_netlink *route, const char *name, uint16_t flags, unsigned up)
{
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_flags = up, .ifi_change = up};

	berth_netlink_begin(route, RTM_NEWLINK, flags, &header, sizeof header);
	berth_netlink_put_text(route, IFLA_IFNAME, name);
}

void berth_links__put_kind(struct berth_netlink *route, const char *kind)
{
	size_t info = berth_netlink_nest(route, IFLA_LINKINFO);

	berth_netlink_put_text(route, IFLA_INFO_KIND, kind);
	berth_netlink_nest_end(route, info);
}

char *berth_links__alias(const struct berth_networks *networks, const char *id)
{
	return g_strdup_printf("%s %s", networks->alias, id);
}

bool berth_links__is_ours(const struct berth_networks *networks, const struct berth_link_state *link,
			  const char **ret_id)
{
	size_t length = strlen(networks->alias);

	if (strncmp(link->alias, networks->alias, length) != 0 || link->alias[length] != ' ')
		return false;
	if (ret_id)
		*ret_id = link->alias + length + 1;
	return true;
}

bool berth_links__write_setting(const char *path, const char *value, GError **error)
{
	g_autofree char *whole = g_strconcat("/proc/sys/net/", path, NULL);
	berth_fd fd = open(whole, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return true; // no IPv6 here, or a kernel without that setting
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return berth_error_set_errno(error, errno, "write %s to %s", value, whole);
	return true;
}

char *berth_links__read_setting(const char *path)
{
	g_autofree char *whole = g_strconcat("/proc/sys/net/", path, NULL);
	char text[SETTING_SIZE];
	berth_fd fd = open(whole, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	return n < 0 ? NULL : g_strchomp(g_strndup(text, (gsize) n));
}
