// SPDX-License-Identifier: Apache-2.0
// The kernel carries a batch out while it is being sent, so its answers are there when sendto(2) returns, and nothing
// is ever waited for. Only the last message asks for an answer of success.
#include "sys/netlink.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_SIZE 32768 // the kernel's largest datagram of a dump
#define BATCH_SIZE 1024 // of most
#define SEND_BUFFER (128 << 10) // what a socket takes at once without being told

struct forgiven {
	int first, second; // errno, or 0
};

struct berth_netlink {
	int fd;
	int protocol;
	uint32_t first; // sequence number of the batch's first message
	GByteArray *batch;
	GArray *offsets; // of its messages (uint32_t)
	GArray *forgiven; // of each (struct forgiven)
	int errnum;
	char *answers; // ANSWER_SIZE
};

struct berth_netlink *berth_netlink_open(int protocol, GError **error)
{
	berth_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int on = 1;

	if (fd < 0) {
		berth_error_set_errno(error, errno, "make a netlink socket");
		return NULL;
	}
	// What an older kernel lacks of these is not missed: they make answers shorter, and errors say more.
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	struct berth_netlink *netlink = g_new0(struct berth_netlink, 1);
	netlink->fd = berth_fd_steal(&fd);
	netlink->protocol = protocol;
	netlink->first = 1;
	netlink->batch = g_byte_array_sized_new(BATCH_SIZE);
	netlink->offsets = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	netlink->forgiven = g_array_new(FALSE, FALSE, sizeof(struct forgiven));
	netlink->answers = g_malloc(ANSWER_SIZE);
	return netlink;
}

void berth_netlink_close(struct berth_netlink *netlink)
{
	if (!netlink)
		return;
	berth_fd_clear(&netlink->fd);
	g_byte_array_unref(netlink->batch);
	g_array_unref(netlink->offsets);
	g_array_unref(netlink->forgiven);
	g_free(netlink->answers);
	g_free(netlink);
}

int berth_netlink_errno(const struct berth_netlink *netlink)
{
	return netlink->errnum;
}

static void append(struct berth_netlink *netlink, const void *data, size_t length)
{
	static const uint8_t padding[NLMSG_ALIGNTO];

	g_byte_array_append(netlink->batch, data, (guint) length);
	g_byte_array_append(netlink->batch, padding, (guint) (NLMSG_ALIGN(length) - length));
}

static struct nlmsghdr *message_at(struct berth_netlink *netlink, guint index)
{
	return (struct nlmsghdr *) (netlink->batch->data + g_array_index(netlink->offsets, uint32_t, index));
}

// A message's length is that of all behind its begin; the next one's begin and sending say so.
static void end_message(struct berth_netlink *netlink)
{
	if (netlink->offsets->len == 0)
		return;
	guint last = netlink->offsets->len - 1;
	message_at(netlink, last)->nlmsg_len = netlink->batch->len - g_array_index(netlink->offsets, uint32_t, last);
}

void berth_netlink_begin(struct berth_netlink *netlink, uint16_t type, uint16_t flags, const void *header,
			 size_t length)
{
	struct nlmsghdr message = {.nlmsg_type = type, .nlmsg_flags = (uint16_t) (NLM_F_REQUEST | flags)};
	struct forgiven forgiven = {0};

	end_message(netlink);
	uint32_t offset = netlink->batch->len;
	message.nlmsg_seq = netlink->first + netlink->offsets->len;
	g_array_append_val(netlink->offsets, offset);
	g_array_append_val(netlink->forgiven, forgiven);
	append(netlink, &message, sizeof message);
	append(netlink, header, length);
}

void berth_netlink_forgive(struct berth_netlink *netlink, int errnum)
{
	struct forgiven *forgiven = &g_array_index(netlink->forgiven, struct forgiven, netlink->forgiven->len - 1);

	*(forgiven->first ? &forgiven->second : &forgiven->first) = errnum;
}

void berth_netlink_put(struct berth_netlink *netlink, uint16_t type, const void *data, size_t length)
{
	struct nlattr attribute = {.nla_len = (uint16_t) (NLA_HDRLEN + length), .nla_type = type};

	append(netlink, &attribute, sizeof attribute);
	if (length)
		append(netlink, data, length);
}

void berth_netlink_put_header(struct berth_netlink *netlink, const void *data, size_t length)
{
	append(netlink, data, length);
}

void berth_netlink_put_u8(struct berth_netlink *netlink, uint16_t type, uint8_t value)
{
	berth_netlink_put(netlink, type, &value, sizeof value);
}

void berth_netlink_put_u16(struct berth_netlink *netlink, uint16_t type, uint16_t value)
{
	berth_netlink_put(netlink, type, &value, sizeof value);
}

void berth_netlink_put_u32(struct berth_netlink *netlink, uint16_t type, uint32_t value)
{
	berth_netlink_put(netlink, type, &value, sizeof value);
}

void berth_netlink_put_text(struct berth_netlink *netlink, uint16_t type, const char *text)
{
	berth_netlink_put(netlink, type, text, strlen(text) + 1);
}

size_t berth_netlink_nest(struct berth_netlink *netlink, uint16_t type)
{
	size_t offset = netlink->batch->len;

	berth_netlink_put(netlink, type | NLA_F_NESTED, NULL, 0);
	return offset;
}

void berth_netlink_nest_end(struct berth_netlink *netlink, size_t nest)
{
	((struct nlattr *) (netlink->batch->data + nest))->nla_len = (uint16_t) (netlink->batch->len - nest);
}

// Empties the batch; sequence numbers go on, so that an answer to it that comes late is known as such.
static void reset(struct berth_netlink *netlink)
{
	netlink->first += netlink->offsets->len;
	if (netlink->first > INT32_MAX)
		netlink->first = 1;
	g_byte_array_set_size(netlink->batch, 0);
	g_array_set_size(netlink->offsets, 0);
	g_array_set_size(netlink->forgiven, 0);
}

void berth_netlink_discard(struct berth_netlink *netlink)
{
	reset(netlink);
}

static bool transmit(struct berth_netlink *netlink, GError **error)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n;

	end_message(netlink);
	netlink->errnum = 0;
	if (netlink->batch->len > SEND_BUFFER) {
		int size = (int) netlink->batch->len * 2;
		setsockopt(netlink->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	}
	do
		n = sendto(netlink->fd, netlink->batch->data, netlink->batch->len, 0, (struct sockaddr *) &kernel,
			   sizeof kernel);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		netlink->errnum = errno;
	return n >= 0 || berth_error_set_errno(error, netlink->errnum, "send a netlink message");
}

// What the kernel says beside the number; NULL: nothing.
static const char *extended_message(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *refusal = NLMSG_DATA(answer);
	size_t behind = NLMSG_LENGTH(sizeof *refusal), length;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		behind += NLMSG_ALIGN(refusal->msg.nlmsg_len) - sizeof refusal->msg;
	if (behind > answer->nlmsg_len)
		return NULL;
	const char *text = berth_netlink_data(
		berth_netlink_find((const char *) answer + behind, answer->nlmsg_len - behind, NLMSGERR_ATTR_MSG),
		&length);
	return text && length && text[length - 1] == '\0' ? text : NULL;
}

static bool refuse(struct berth_netlink *netlink, const struct nlmsghdr *answer, GError **error)
{
	const char *text = extended_message(answer);

	netlink->errnum = -((const struct nlmsgerr *) NLMSG_DATA(answer))->error;
	return berth_error_set_errno(error, netlink->errnum, "%s", text ? text : "refused by the kernel");
}

// The next datagram. 0: there is none any more.
static ssize_t receive(struct berth_netlink *netlink)
{
	ssize_t n;

	do
		n = recv(netlink->fd, netlink->answers, ANSWER_SIZE, MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ENOBUFS));
	return n < 0 && errno == EAGAIN ? 0 : n;
}

struct outcome {
	size_t failed; // the first that was refused
	bool refused;
	bool answered; // the last one was
	GError *error;
};

static void note_answer(struct berth_netlink *netlink, const struct nlmsghdr *answer, struct outcome *outcome)
{
	size_t count = netlink->offsets->len, index = answer->nlmsg_seq - netlink->first;

	if (answer->nlmsg_type != NLMSG_ERROR || index >= count || answer->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
		return;
	int errnum = -((const struct nlmsgerr *) NLMSG_DATA(answer))->error;
	if (index == count - 1 || (message_at(netlink, (guint) index)->nlmsg_flags & NLM_F_ACK))
		outcome->answered = true;
	const struct forgiven *forgiven = &g_array_index(netlink->forgiven, struct forgiven, index);
	if (!errnum || errnum == forgiven->first || errnum == forgiven->second ||
	    (outcome->refused && index >= outcome->failed))
		return;
	g_clear_error(&outcome->error);
	refuse(netlink, answer, &outcome->error);
	outcome->refused = true;
	outcome->failed = index;
}

// The last message that the kernel answers: the end of an nfnetlink batch is none on older ones.
static void ask_answer(struct berth_netlink *netlink)
{
	guint last = netlink->offsets->len - 1;

	if (netlink->protocol == NETLINK_NETFILTER && last > 0 &&
	    message_at(netlink, last)->nlmsg_type == NFNL_MSG_BATCH_END)
		last--;
	message_at(netlink, last)->nlmsg_flags |= NLM_F_ACK;
}

bool berth_netlink_send(struct berth_netlink *netlink, size_t *ret_failed, GError **error)
{
	struct outcome outcome = {0};
	ssize_t n = 0;

	if (netlink->offsets->len == 0)
		return true;
	ask_answer(netlink);
	bool sent = transmit(netlink, error);
	while (sent && !outcome.answered && (n = receive(netlink)) > 0) {
		size_t left = (size_t) n;
		for (struct nlmsghdr *answer = (struct nlmsghdr *) netlink->answers; NLMSG_OK(answer, left);
		     answer = NLMSG_NEXT(answer, left))
			note_answer(netlink, answer, &outcome);
	}
	if (sent && !outcome.answered && !outcome.refused) {
		netlink->errnum = n < 0 ? errno : EIO;
		sent = berth_error_set_errno(error, netlink->errnum, "the kernel did not answer a netlink message");
	}
	reset(netlink);
	if (!outcome.refused)
		return sent;
	if (ret_failed)
		*ret_failed = outcome.failed;
	g_propagate_error(error, outcome.error);
	return false;
}

// Whether the answer is whole now.
static bool take_answers(struct berth_netlink *netlink, size_t length, berth_netlink_fn **each, void *data, bool *ret,
			 GError **error)
{
	bool whole = false;

	for (struct nlmsghdr *answer = (struct nlmsghdr *) netlink->answers; NLMSG_OK(answer, length);
	     answer = NLMSG_NEXT(answer, length)) {
		if (answer->nlmsg_seq != netlink->first || whole)
			continue;
		int errnum = answer->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) ? *(int *) NLMSG_DATA(answer) : 0;
		if (answer->nlmsg_type == NLMSG_ERROR && errnum < 0)
			*ret = refuse(netlink, answer, error);
		else if (answer->nlmsg_type == NLMSG_DONE && errnum < 0)
			*ret = berth_error_set_errno(error, netlink->errnum = -errnum, "list by netlink");
		if (answer->nlmsg_type == NLMSG_ERROR || answer->nlmsg_type == NLMSG_DONE)
			whole = true;
		else if (*each && !(*each)(data, answer))
			*each = NULL;
	}
	return whole;
}

bool berth_netlink_ask(struct berth_netlink *netlink, berth_netlink_fn *each, void *data, GError **error)
{
	bool whole = false, result = true;
	ssize_t n = 1;

	g_assert(netlink->offsets->len == 1);
	if ((message_at(netlink, 0)->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		message_at(netlink, 0)->nlmsg_flags |= NLM_F_ACK;
	result = transmit(netlink, error);
	while (result && !whole && (n = receive(netlink)) > 0)
		whole = take_answers(netlink, (size_t) n, &each, data, &result, error);
	if (result && !whole) {
		netlink->errnum = n < 0 ? errno : EIO;
		result = berth_error_set_errno(error, netlink->errnum, "the kernel did not answer a netlink message");
	}
	reset(netlink);
	return result;
}

const struct nlattr *berth_netlink_find(const void *attributes, size_t length, uint16_t type)
{
	const char *at = attributes;

	while (length >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const struct nlattr *) at;
		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > length)
			return NULL;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		size_t step = NLA_ALIGN(attribute->nla_len);
		if (step >= length)
			return NULL;
		at += step;
		length -= step;
	}
	return NULL;
}

const void *berth_netlink_data(const struct nlattr *attribute, size_t *ret_length)
{
	*ret_length = attribute ? (size_t) attribute->nla_len - NLA_HDRLEN : 0;
	return attribute ? (const char *) attribute + NLA_HDRLEN : NULL;
}
