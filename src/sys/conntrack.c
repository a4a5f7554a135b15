// SPDX-License-Identifier: Apache-2.0
#include "sys/conntrack.h"

#include "base/fd.h"
#include "sys/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#define MESSAGE(number) ((uint16_t) (NFNL_SUBSYS_CTNETLINK << 8 | (number)))
// What of a tuple counts: bits that no header of the kernel's gives names.
#define FILTER_SOURCE (1 << 0)
#define FILTER_PROTOCOL (1 << 3)
#define FILTER_TO_PORT (1 << 5)

// Attributes of a nest, as a place and a length.
struct part {
	const void *data;
	size_t length;
};

static struct part part_of(struct part whole, uint16_t type)
{
	struct part part;

	part.data = berth_netlink_data(berth_netlink_find(whole.data, whole.length, type), &part.length);
	return part;
}

static void read_bytes(struct part part, void *ret, size_t length)
{
	if (part.length >= length)
		memcpy(ret, part.data, length);
}

static uint16_t read_port(struct part protocol, uint16_t type)
{
	uint16_t port = 0;

	read_bytes(part_of(protocol, type), &port, sizeof port);
	return ntohs(port);
}

static void read_tuple(struct part tuple, int family, int *ret_protocol, struct berth_flow_end *from,
		       struct berth_flow_end *to)
{
	struct part addresses = part_of(tuple, CTA_TUPLE_IP), protocol = part_of(tuple, CTA_TUPLE_PROTO);
	uint8_t number = 0;

	read_bytes(part_of(addresses, family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC), from->address,
		   family == AF_INET ? 4 : 16);
	read_bytes(part_of(addresses, family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST), to->address,
		   family == AF_INET ? 4 : 16);
	read_bytes(part_of(protocol, CTA_PROTO_NUM), &number, sizeof number);
	from->port = read_port(protocol, CTA_PROTO_SRC_PORT);
	to->port = read_port(protocol, CTA_PROTO_DST_PORT);
	*ret_protocol = number;
}

struct search {
	berth_flow_fn *chosen;
	void *data;
	struct berth_netlink *removals; // a batch of them
	unsigned count;
};

static void put_removal(struct search *search, const struct nfgenmsg *header, struct part attributes)
{
	static const uint16_t names[] = {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID};

	berth_netlink_begin(search->removals, MESSAGE(IPCTNL_MSG_CT_DELETE), 0, header, sizeof *header);
	berth_netlink_forgive(search->removals, ENOENT);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct part part = part_of(attributes, names[i]);
		uint16_t nested = names[i] == CTA_TUPLE_ORIG ? NLA_F_NESTED : 0;
		if (part.data)
			berth_netlink_put(search->removals, names[i] | nested, part.data, part.length);
	}
	search->count++;
}

static bool each_flow(void *data, const struct nlmsghdr *message)
{
	struct search *search = data;
	const struct nfgenmsg *header = NLMSG_DATA(message);
	uint32_t status = 0;
	int reply_protocol;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof *header))
		return true;
	struct part attributes = {(const char *) header + NLMSG_ALIGN(sizeof *header),
				  message->nlmsg_len - NLMSG_LENGTH(sizeof *header)};
	struct berth_flow flow = {.family = header->nfgen_family};
	read_tuple(part_of(attributes, CTA_TUPLE_ORIG), flow.family, &flow.protocol, &flow.from, &flow.to);
	read_tuple(part_of(attributes, CTA_TUPLE_REPLY), flow.family, &reply_protocol, &flow.reply_from,
		   &flow.reply_to);
	read_bytes(part_of(attributes, CTA_STATUS), &status, sizeof status);
	flow.status = ntohl(status);
	if (search->chosen(search->data, &flow))
		put_removal(search, header, attributes);
	return true;
}

static void put_flags(struct berth_netlink *netlink, uint16_t type, uint32_t flags)
{
	size_t nest = berth_netlink_nest(netlink, CTA_FILTER);

	berth_netlink_put_u32(netlink, type, flags);
	berth_netlink_nest_end(netlink, nest);
}

static void put_reply_from(struct berth_netlink *netlink, int family, const uint8_t *address)
{
	size_t tuple = berth_netlink_nest(netlink, CTA_TUPLE_REPLY), ip = berth_netlink_nest(netlink, CTA_TUPLE_IP);

	berth_netlink_put(netlink, family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, address,
			  family == AF_INET ? 4 : 16);
	berth_netlink_nest_end(netlink, ip);
	berth_netlink_nest_end(netlink, tuple);
	put_flags(netlink, CTA_FILTER_REPLY_FLAGS, FILTER_SOURCE);
}

static void put_to_port(struct berth_netlink *netlink, int number, uint16_t port)
{
	size_t tuple = berth_netlink_nest(netlink, CTA_TUPLE_ORIG),
	       protocol = berth_netlink_nest(netlink, CTA_TUPLE_PROTO);

	berth_netlink_put_u8(netlink, CTA_PROTO_NUM, (uint8_t) number);
	berth_netlink_put_u16(netlink, CTA_PROTO_DST_PORT, htons(port));
	berth_netlink_nest_end(netlink, protocol);
	berth_netlink_nest_end(netlink, tuple);
	put_flags(netlink, CTA_FILTER_ORIG_FLAGS, FILTER_PROTOCOL | FILTER_TO_PORT);
}

static bool look(struct berth_netlink *netlink, const struct berth_flow_filter *filter, bool narrow,
		 struct search *search, GError **error)
{
	struct nfgenmsg header = {.nfgen_family = (uint8_t) filter->family, .version = NFNETLINK_V0};

	berth_netlink_begin(netlink, MESSAGE(IPCTNL_MSG_CT_GET), NLM_F_DUMP, &header, sizeof header);
	if (narrow && filter->reply_from)
		put_reply_from(netlink, filter->family, filter->reply_from);
	else if (narrow && filter->to_port)
		put_to_port(netlink, filter->protocol, filter->to_port);
	return berth_netlink_ask(netlink, each_flow, search, error);
}

// A dump walks over the whole table of all network namespaces: spared where there is none of ours in it.
static bool has_none(void)
{
	berth_fd fd = open("/proc/sys/net/netfilter/nf_conntrack_count", O_RDONLY | O_CLOEXEC);
	char text[2] = "";

	return fd >= 0 && read(fd, text, 2) == 2 && text[0] == '0';
}

bool berth_flows_forget(const struct berth_flow_filter *filter, berth_flow_fn *chosen, void *data, unsigned *ret_count,
			GError **error)
{
	struct search search = {.chosen = chosen, .data = data};

	if (ret_count)
		*ret_count = 0;
	if (has_none())
		return true;
	g_autoptr(berth_netlink) netlink = berth_netlink_open(NETLINK_NETFILTER, error);
	g_autoptr(berth_netlink) removals = netlink ? berth_netlink_open(NETLINK_NETFILTER, error) : NULL;
	if (!removals)
		return false;
	search.removals = removals;
	// A kernel that knows of no filter ignores it, or refuses it.
	bool done = look(netlink, filter, true, &search, NULL) ||
		    (search.count == 0 && look(netlink, filter, false, &search, error));
	if (ret_count)
		*ret_count = search.count;
	if (done && berth_netlink_send(removals, NULL, error))
		return true;
	g_prefix_error(error, "forget flows: ");
	return false;
}
