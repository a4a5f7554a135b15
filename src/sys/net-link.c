// SPDX-License-Identifier: Apache-2.0
#include "sys/net-link.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/packet.h"
#include "sys/process.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_SIZE 32768 // the kernel's largest datagram of a dump
#define ATTRIBUTES_SIZE 512 // of one request of ours

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	};
	char attributes[ATTRIBUTES_SIZE];
};

// An address as the kernel lists it, its attributes whole.
struct address {
	struct ifaddrmsg header;
	uint32_t flags;
	unsigned length;
	char attributes[ATTRIBUTES_SIZE];
};

typedef void (*answer_function)(const struct nlmsghdr *answer, void *data);

static int open_here(GError **error)
{
	berth_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int strict = 1;

	if (fd < 0) {
		berth_error_set_errno(error, errno, "make a netlink socket");
		return -1;
	}
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
	return berth_fd_steal(&fd);
}

G_GNUC_NORETURN static void open_there(int network_namespace, int channel)
{
	int fd = setns(network_namespace, CLONE_NEWNET) < 0 ? -1 : open_here(NULL);

	if (fd < 0) {
		char text[16];
		g_snprintf(text, sizeof text, "%d", errno);
		berth_packet_send(channel, text, strlen(text), NULL, 0, NULL);
		_exit(1);
	}
	_exit(berth_packet_send(channel, "0", 1, &fd, 1, NULL) ? 0 : 1);
}

int berth_link_open(int network_namespace, GError **error)
{
	struct berth_packet packet = {.fds = {-1, -1, -1, -1, -1, -1, -1, -1}};
	berth_fd process = -1;
	int pair[2];

	if (network_namespace < 0)
		return open_here(error);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		berth_error_set_errno(error, errno, "make a socket pair");
		return -1;
	}
	berth_fd ours = pair[0], theirs = pair[1];
	pid_t pid = berth_process_clone(0, -1, &process);
	if (pid == 0)
		open_there(network_namespace, theirs);
	int errnum = errno;
	berth_fd_clear(&theirs);
	if (pid < 0) {
		berth_error_set_errno(error, errnum, "enter the network namespace");
		return -1;
	}
	int received = berth_packet_receive(ours, &packet, NULL);
	berth_process_reap(process);
	int fd = received > 0 && packet.fd_count == 1 ? berth_fd_steal(&packet.fds[0]) : -1;
	if (fd < 0)
		berth_error_set_errno(error, received > 0 ? (int) g_ascii_strtoll(packet.data, NULL, 10) : EIO,
				      "enter the network namespace");
	berth_packet_clear(&packet);
	return fd;
}

static void add(struct request *request, unsigned short type, const void *data, size_t length)
{
	struct rtattr *attribute = (struct rtattr *) ((char *) request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short) RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), data, length);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + (uint32_t) RTA_ALIGN(attribute->rta_len);
}

static struct request new_request(unsigned short type, unsigned short flags)
{
	struct request request = {.header = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags}};
	bool address = type == RTM_NEWADDR || type == RTM_GETADDR;

	request.header.nlmsg_len = (uint32_t) NLMSG_LENGTH(address ? sizeof request.address : sizeof request.link);
	return request;
}

// Sends it and gives each answer to `function`; returns 0, or the kernel's errno.
static int ask(int socket, struct request *request, answer_function function, void *data)
{
	g_autofree char *answers = g_malloc(ANSWER_SIZE);

	if (send(socket, request, request->header.nlmsg_len, 0) < 0)
		return errno;
	for (;;) {
		ssize_t n = recv(socket, answers, ANSWER_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		int left = (int) n;
		for (struct nlmsghdr *answer = (struct nlmsghdr *) answers;
		     left > 0 && NLMSG_OK(answer, (unsigned) left); answer = NLMSG_NEXT(answer, left)) {
			if (answer->nlmsg_type == NLMSG_DONE)
				return 0;
			if (answer->nlmsg_type == NLMSG_ERROR)
				return -((struct nlmsgerr *) NLMSG_DATA(answer))->error;
			if (function)
				function(answer, data);
		}
	}
}

static void note_link(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *message = NLMSG_DATA(answer);
	struct berth_link *link = data;

	if (answer->nlmsg_type == RTM_NEWLINK)
		*link = (struct berth_link){message->ifi_index, message->ifi_flags & IFF_UP};
}

bool berth_link_find(int socket, const char *name, struct berth_link *ret, GError **error)
{
	struct request request = new_request(RTM_GETLINK, NLM_F_ACK);

	*ret = (struct berth_link){0};
	add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	int errnum = ask(socket, &request, note_link, ret);
	if (errnum == ENODEV || (!errnum && !ret->index))
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "network interface %s: no such device", name);
	return !errnum || berth_error_set_errno(error, errnum, "network interface %s", name);
}

static const void *attribute_of(const struct address *address, unsigned short type, size_t *ret_length)
{
	int left = (int) address->length;

	for (const struct rtattr *attribute = (const struct rtattr *) address->attributes; RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type == type) {
			*ret_length = RTA_PAYLOAD(attribute);
			return RTA_DATA(attribute);
		}
	}
	return NULL;
}

struct collection {
	int index;
	GArray *addresses; // of struct address
};

static void note_address(const struct nlmsghdr *answer, void *data)
{
	const struct ifaddrmsg *message = NLMSG_DATA(answer);
	struct collection *collection = data;
	struct address address = {.header = *message, .length = (unsigned) IFA_PAYLOAD(answer)};
	size_t length;

	if (answer->nlmsg_type != RTM_NEWADDR || (int) message->ifa_index != collection->index ||
	    address.length > sizeof address.attributes)
		return;
	memcpy(address.attributes, IFA_RTA(message), address.length);
	const void *flags = attribute_of(&address, IFA_FLAGS, &length);
	address.flags = flags && length == sizeof address.flags ? *(const uint32_t *) flags : message->ifa_flags;
	if (message->ifa_scope == RT_SCOPE_UNIVERSE && address.flags & IFA_F_PERMANENT)
		g_array_append_val(collection->addresses, address);
}

static bool list_addresses(int socket, int index, GArray *ret, const char *name, GError **error)
{
	struct request request = new_request(RTM_GETADDR, NLM_F_DUMP);
	struct collection collection = {index, ret};
	int errnum = ask(socket, &request, note_address, &collection);

	return !errnum || berth_error_set_errno(error, errnum, "addresses of network interface %s", name);
}

static bool add_address(int socket, int index, const struct address *address, const char *name, GError **error)
{
	static const unsigned short kept[] = {IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST, IFA_RT_PRIORITY};
	struct request request = new_request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	// What the kernel says of an address now is not for it to be told.
	uint32_t flags = address->flags & (IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN | IFA_F_HOMEADDRESS);

	request.address = address->header;
	request.address.ifa_index = (uint32_t) index;
	request.address.ifa_flags = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
		size_t length;
		const void *value = attribute_of(address, kept[i], &length);
		if (value)
			add(&request, kept[i], value, length);
	}
	add(&request, IFA_FLAGS, &flags, sizeof flags);
	int errnum = ask(socket, &request, NULL, NULL);
	return !errnum || errnum == EEXIST ||
	       berth_error_set_errno(error, errnum, "set an address of network interface %s", name);
}

bool berth_link_set_up(int socket, const char *name, GError **error)
{
	struct request request = new_request(RTM_NEWLINK, NLM_F_ACK);
	struct berth_link link;

	if (!berth_link_find(socket, name, &link, error))
		return false;
	request.link.ifi_index = link.index;
	request.link.ifi_flags = request.link.ifi_change = IFF_UP;
	int errnum = ask(socket, &request, NULL, NULL);
	return !errnum || berth_error_set_errno(error, errnum, "make network interface %s up", name);
}

// The kernel moves first and renames then: a name that is taken would leave the interface there under its old one.
static bool name_is_free(int socket, const char *name, GError **error)
{
	g_autoptr(GError) problem = NULL;
	struct berth_link link;

	if (berth_link_find(socket, name, &link, &problem))
		return berth_error_set_errno(error, EEXIST, "network interface %s", name);
	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		return true;
	g_propagate_error(error, g_steal_pointer(&problem));
	return false;
}

bool berth_link_move(int from, int to, int network_namespace, const char *name, const char *new_name, GError **error)
{
	g_autoptr(GArray) addresses = g_array_new(FALSE, FALSE, sizeof(struct address));
	struct request request = new_request(RTM_NEWLINK, NLM_F_ACK);
	struct berth_link link;

	if (!berth_link_find(from, name, &link, error) || !name_is_free(to, new_name, error) ||
	    !list_addresses(from, link.index, addresses, name, error))
		return false;
	request.link.ifi_index = link.index;
	add(&request, IFLA_NET_NS_FD, &network_namespace, sizeof network_namespace);
	add(&request, IFLA_IFNAME, new_name, strlen(new_name) + 1);
	int errnum = ask(from, &request, NULL, NULL);
	if (errnum)
		return berth_error_set_errno(error, errnum, "move network interface %s to the name %s", name, new_name);
	if (!berth_link_find(to, new_name, &link, error))
		return false;
	for (guint i = 0; i < addresses->len; i++)
		if (!add_address(to, link.index, &g_array_index(addresses, struct address, i), new_name, error))
			return false;
	return true;
}

bool berth_link_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= IFNAMSIZ || g_str_equal(name, ".") || g_str_equal(name, ".."))
		return false;
	for (; *name; name++)
		if (*name == '/' || *name == ':' || *name == '%' || g_ascii_isspace(*name))
			return false;
	return true;
}
