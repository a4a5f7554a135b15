// SPDX-License-Identifier: Apache-2.0
// Netlink: messages are built one behind the other in one buffer and sent as a batch, so that what belongs together
// costs two system calls. Used for rtnetlink (interfaces, addresses, routes) and nfnetlink (elements of nftables sets).
//
//	berth_netlink_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
//	berth_netlink_put_text(netlink, IFLA_IFNAME, "eth0");
//	size_t info = berth_netlink_nest(netlink, IFLA_LINKINFO);
//	berth_netlink_put_text(netlink, IFLA_INFO_KIND, "veth");
//	berth_netlink_nest_end(netlink, info);
//	berth_netlink_send(netlink, NULL, error);
//
// One thread at a time.
#pragma once

#include <glib.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct berth_netlink;

// A socket of that protocol (NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG) in the caller's network namespace.
struct berth_netlink *berth_netlink_open(int protocol, GError **error);
void berth_netlink_close(struct berth_netlink *netlink); // NULL is fine
typedef struct berth_netlink berth_netlink;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_netlink, berth_netlink_close)

// Begins the batch's next message. NLM_F_REQUEST is added to `flags`, and NLM_F_ACK where an answer is needed: at the
// last one (the kernel says of each refusal by itself); `header` is the family's struct.
void berth_netlink_begin(struct berth_netlink *netlink, uint16_t type, uint16_t flags, const void *header,
			 size_t length);
// That refusal of the message just begun is no error. Of each message there may be two such.
void berth_netlink_forgive(struct berth_netlink *netlink, int errnum);
void berth_netlink_put(struct berth_netlink *netlink, uint16_t type, const void *data, size_t length);
// The same where another struct of the family comes before the attributes of a nest (VETH_INFO_PEER): no attribute.
void berth_netlink_put_header(struct berth_netlink *netlink, const void *data, size_t length);
void berth_netlink_put_u8(struct berth_netlink *netlink, uint16_t type, uint8_t value);
void berth_netlink_put_u16(struct berth_netlink *netlink, uint16_t type, uint16_t value);
void berth_netlink_put_u32(struct berth_netlink *netlink, uint16_t type, uint32_t value);
void berth_netlink_put_text(struct berth_netlink *netlink, uint16_t type, const char *text);
// Between the two the attributes are put into that one. `type` gets NLA_F_NESTED.
size_t berth_netlink_nest(struct berth_netlink *netlink, uint16_t type);
void berth_netlink_nest_end(struct berth_netlink *netlink, size_t nest);

// Sends the batch and takes the kernel's answers. The error is the first refusal's (errno's kind, with the kernel's
// extended message if it gives one), *ret_failed (may be NULL) the number of its message. The batch is empty
// afterwards, whatever came of it. Messages behind a refused one were carried out all the same, but for nfnetlink's
// batches, which are carried out whole or not at all.
bool berth_netlink_send(struct berth_netlink *netlink, size_t *ret_failed, GError **error);
// The same for one message, whose answer (RTM_NEWLINK with its index, for instance) is given to `each`.
// A dump: calls `each` for every message of the answer until it returns false.
typedef bool berth_netlink_fn(void *data, const struct nlmsghdr *message);
bool berth_netlink_ask(struct berth_netlink *netlink, berth_netlink_fn *each, void *data, GError **error);
// Forgets what was put into the batch.
void berth_netlink_discard(struct berth_netlink *netlink);
// The errno of the last batch's refusal; 0: it was carried out.
int berth_netlink_errno(const struct berth_netlink *netlink);

// The attribute of that type among `length` bytes of attributes; NULL if there is none. Checked against its borders.
const struct nlattr *berth_netlink_find(const void *attributes, size_t length, uint16_t type);
const void *berth_netlink_data(const struct nlattr *attribute, size_t *ret_length);
