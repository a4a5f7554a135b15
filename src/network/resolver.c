// SPDX-License-Identifier: Apache-2.0
// The sockets that a container's resolver answers on, and the rules that lead port 53 of 127.0.0.11 to them. The rules
// rewrite ports in passing and keep nothing: queries behind connection tracking, answers before it, so that whoever
// tracks connections in the container sees port 53 both times.
#include "network/sandbox.h"

#include "base/error.h"
#include "base/fd.h"
#include "network/network-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "berth-resolver"
#define ADDRESS 0x7f00000b // 127.0.0.11
#define DNS_PORT 53
#define PORT_TRIES 64 // to find a port that both protocols have free
#define BACKLOG 128

enum { SOURCE_PORT = 0, DESTINATION_PORT = 2 }; // where they are in both protocols' headers
enum { UDP_CHECKSUM = 6, TCP_CHECKSUM = 16 };
enum { SOURCE = 12, DESTINATION = 16 }; // of IPv4's header

// Messages

static void begin(struct berth_netlink *netlink, uint16_t type, uint16_t flags)
{
	struct nfgenmsg header = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};

	berth_netlink_begin(netlink, (uint16_t) (NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof header);
}

static void put_border(struct berth_netlink *netlink, uint16_t type)
{
	struct nfgenmsg header = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};

	berth_netlink_begin(netlink, type, 0, &header, sizeof header);
}

static void put_number(struct berth_netlink *netlink, uint16_t type, uint32_t value)
{
	berth_netlink_put_u32(netlink, type, htonl(value));
}

static void put_table(struct berth_netlink *netlink, uint16_t type, uint16_t flags)
{
	begin(netlink, type, flags);
	berth_netlink_put_text(netlink, NFTA_TABLE_NAME, TABLE);
}

static void put_chain(struct berth_netlink *netlink, const char *name, int priority)
{
	begin(netlink, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	berth_netlink_put_text(netlink, NFTA_CHAIN_TABLE, TABLE);
	berth_netlink_put_text(netlink, NFTA_CHAIN_NAME, name);
	size_t hook = berth_netlink_nest(netlink, NFTA_CHAIN_HOOK);
	put_number(netlink, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
	put_number(netlink, NFTA_HOOK_PRIORITY, (uint32_t) priority);
	berth_netlink_nest_end(netlink, hook);
	berth_netlink_put_text(netlink, NFTA_CHAIN_TYPE, "filter");
}

// Expressions. Each works on one register.

struct expression {
	size_t element, data;
};

static struct expression begin_expression(struct berth_netlink *netlink, const char *name)
{
	struct expression expression = {.element = berth_netlink_nest(netlink, NFTA_LIST_ELEM)};

	berth_netlink_put_text(netlink, NFTA_EXPR_NAME, name);
	expression.data = berth_netlink_nest(netlink, NFTA_EXPR_DATA);
	return expression;
}

static void end_expression(struct berth_netlink *netlink, struct expression expression)
{
	berth_netlink_nest_end(netlink, expression.data);
	berth_netlink_nest_end(netlink, expression.element);
}

static void put_value(struct berth_netlink *netlink, uint16_t type, const void *value, size_t length)
{
	size_t data = berth_netlink_nest(netlink, type);

	berth_netlink_put(netlink, NFTA_DATA_VALUE, value, length);
	berth_netlink_nest_end(netlink, data);
}

static void put_equal(struct berth_netlink *netlink, const void *value, size_t length)
{
	struct expression expression = begin_expression(netlink, "cmp");

	put_number(netlink, NFTA_CMP_SREG, NFT_REG_1);
	put_number(netlink, NFTA_CMP_OP, NFT_CMP_EQ);
	put_value(netlink, NFTA_CMP_DATA, value, length);
	end_expression(netlink, expression);
}

static void put_field_is(struct berth_netlink *netlink, uint32_t base, uint32_t offset, const void *value,
			 size_t length)
{
	struct expression expression = begin_expression(netlink, "payload");

	put_number(netlink, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(netlink, NFTA_PAYLOAD_BASE, base);
	put_number(netlink, NFTA_PAYLOAD_OFFSET, offset);
	put_number(netlink, NFTA_PAYLOAD_LEN, (uint32_t) length);
	end_expression(netlink, expression);
	put_equal(netlink, value, length);
}

static void put_protocol_is(struct berth_netlink *netlink, uint8_t protocol)
{
	struct expression expression = begin_expression(netlink, "meta");

	put_number(netlink, NFTA_META_DREG, NFT_REG_1);
	put_number(netlink, NFTA_META_KEY, NFT_META_L4PROTO);
	end_expression(netlink, expression);
	put_equal(netlink, &protocol, sizeof protocol);
}

static void put_set_port(struct berth_netlink *netlink, uint32_t offset, uint16_t port, uint32_t checksum)
{
	struct expression expression = begin_expression(netlink, "immediate");

	put_number(netlink, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_value(netlink, NFTA_IMMEDIATE_DATA, &port, sizeof port);
	end_expression(netlink, expression);
	expression = begin_expression(netlink, "payload");
	put_number(netlink, NFTA_PAYLOAD_SREG, NFT_REG_1);
	put_number(netlink, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	put_number(netlink, NFTA_PAYLOAD_OFFSET, offset);
	put_number(netlink, NFTA_PAYLOAD_LEN, sizeof port);
	put_number(netlink, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	put_number(netlink, NFTA_PAYLOAD_CSUM_OFFSET, checksum);
	end_expression(netlink, expression);
}

// ip saddr|daddr 127.0.0.11 PROTOCOL sport|dport FROM PROTOCOL sport|dport set TO. The ports are in network order.
static void put_rule(struct berth_netlink *netlink, const char *chain, bool query, uint8_t protocol, uint16_t from,
		     uint16_t to)
{
	const uint32_t address = htonl(ADDRESS), field = query ? DESTINATION_PORT : SOURCE_PORT;

	begin(netlink, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	berth_netlink_put_text(netlink, NFTA_RULE_TABLE, TABLE);
	berth_netlink_put_text(netlink, NFTA_RULE_CHAIN, chain);
	size_t expressions = berth_netlink_nest(netlink, NFTA_RULE_EXPRESSIONS);
	put_field_is(netlink, NFT_PAYLOAD_NETWORK_HEADER, query ? DESTINATION : SOURCE, &address, sizeof address);
	put_protocol_is(netlink, protocol);
	put_field_is(netlink, NFT_PAYLOAD_TRANSPORT_HEADER, field, &from, sizeof from);
	put_set_port(netlink, field, to, protocol == IPPROTO_UDP ? UDP_CHECKSUM : TCP_CHECKSUM);
	berth_netlink_nest_end(netlink, expressions);
}

// With `again` a table that is there from an earlier call is removed before. That takes milliseconds even where there
// is none, for the kernel waits until nobody can be looking at it.
static bool send_rules(struct berth_netlink *netlink, uint16_t port, bool again, GError **error)
{
	uint16_t dns = htons(DNS_PORT);

	put_border(netlink, NFNL_MSG_BATCH_BEGIN);
	if (again) {
		put_table(netlink, NFT_MSG_NEWTABLE, NLM_F_CREATE);
		put_table(netlink, NFT_MSG_DELTABLE, 0);
	}
	put_table(netlink, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	put_chain(netlink, "queries", NF_IP_PRI_MANGLE);
	put_chain(netlink, "answers", NF_IP_PRI_RAW);
	put_rule(netlink, "queries", true, IPPROTO_UDP, dns, port);
	put_rule(netlink, "queries", true, IPPROTO_TCP, dns, port);
	put_rule(netlink, "answers", false, IPPROTO_UDP, port, dns);
	put_rule(netlink, "answers", false, IPPROTO_TCP, port, dns);
	put_border(netlink, NFNL_MSG_BATCH_END);
	return berth_netlink_send(netlink, NULL, error);
}

static bool add_rules(uint16_t port, GError **error)
{
	g_autoptr(berth_netlink) netlink = berth_netlink_open(NETLINK_NETFILTER, error);
	g_autoptr(GError) problem = NULL;

	if (!netlink)
		return false;
	if (send_rules(netlink, port, false, &problem))
		return true;
	if (berth_netlink_errno(netlink) == EEXIST) {
		g_clear_error(&problem);
		if (send_rules(netlink, port, true, &problem))
			return true;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&problem), "nftables: ");
	return false;
}

// Sockets

struct resolver {
	int udp, tcp;
};

// *port 0: the kernel chooses, and says which.
static int open_bound(int type, uint16_t *port, GError **error)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = *port, .sin_addr = {htonl(ADDRESS)}};
	socklen_t length = sizeof address;
	berth_fd fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0 ||
	    getsockname(fd, (struct sockaddr *) &address, &length) < 0) {
		berth_error_set_errno(error, errno, "bind a socket to 127.0.0.11");
		return -1;
	}
	*port = address.sin_port;
	return berth_fd_steal(&fd);
}

static bool open_both(struct resolver *resolver, uint16_t *ret_port, GError **error)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		uint16_t port = 0;
		g_clear_error(error);
		berth_fd udp = open_bound(SOCK_DGRAM, &port, error);
		if (udp < 0)
			return false;
		berth_fd tcp = open_bound(SOCK_STREAM, &port, error);
		if (tcp < 0)
			continue;
		if (listen(tcp, BACKLOG) < 0)
			return berth_error_set_errno(error, errno, "listen on 127.0.0.11");
		resolver->udp = berth_fd_steal(&udp);
		resolver->tcp = berth_fd_steal(&tcp);
		*ret_port = port;
		return true;
	}
	return false;
}

static bool open_inside(void *data, GError **error)
{
	uint16_t port = 0;

	return open_both(data, &port, error) && add_rules(port, error);
}

bool berth_sandbox_resolver(struct berth_sandbox *sandbox, int *ret_udp, int *ret_tcp, GError **error)
{
	struct resolver resolver = {-1, -1};

	if (!berth_sandbox_run(sandbox, open_inside, &resolver, error)) {
		berth_fd_clear(&resolver.udp);
		berth_fd_clear(&resolver.tcp);
		return g_prefix_error(error, "the container's resolver: "), false;
	}
	*ret_udp = resolver.udp;
	*ret_tcp = resolver.tcp;
	return true;
}
