// SPDX-License-Identifier: Apache-2.0
#include "sys/nftables.h"

#include "base/error.h"
#include "sys/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#define MESSAGE(number) ((uint16_t) (NFNL_SUBSYS_NFTABLES << 8 | (number)))
#define ELEMENTS_AT_ONCE 256 // of one message: an attribute holds 64 KiB

struct berth_nft {
	struct berth_netlink *netlink;
};

struct berth_nft *berth_nft_open(GError **error)
{
	struct berth_netlink *netlink = berth_netlink_open(NETLINK_NETFILTER, error);

	if (!netlink)
		return NULL;
	struct berth_nft *nft = g_new0(struct berth_nft, 1);
	nft->netlink = netlink;
	return nft;
}

void berth_nft_close(struct berth_nft *nft)
{
	if (!nft)
		return;
	berth_netlink_close(nft->netlink);
	g_free(nft);
}

static void begin(struct berth_nft *nft, uint16_t type, uint16_t flags, int family)
{
	struct nfgenmsg header = {.nfgen_family = (uint8_t) family, .version = NFNETLINK_V0};

	if (type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END)
		header.res_id = htons(NFNL_SUBSYS_NFTABLES);
	berth_netlink_begin(nft->netlink, type, flags, &header, sizeof header);
}

static void put_value(struct berth_nft *nft, uint16_t type, const void *data, size_t length)
{
	size_t nest = berth_netlink_nest(nft->netlink, type);

	berth_netlink_put(nft->netlink, NFTA_DATA_VALUE, data, length);
	berth_netlink_nest_end(nft->netlink, nest);
}

static void put_element(struct berth_nft *nft, const struct berth_nft_element *element, bool remove)
{
	size_t nest = berth_netlink_nest(nft->netlink, NFTA_LIST_ELEM);

	put_value(nft, NFTA_SET_ELEM_KEY, element->key, element->key_length);
	if (element->interval)
		put_value(nft, NFTA_SET_ELEM_KEY_END, element->key_end, element->key_length);
	if (element->data_length && !remove)
		put_value(nft, NFTA_SET_ELEM_DATA, element->data, element->data_length);
	berth_netlink_nest_end(nft->netlink, nest);
}

// A message of elements of one set that are all removed or all added.
static void put_elements(struct berth_nft *nft, int family, const char *table, const struct berth_nft_element *elements,
			 size_t count, bool remove)
{
	begin(nft, MESSAGE(remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM), remove ? 0 : NLM_F_CREATE, family);
	berth_netlink_put_text(nft->netlink, NFTA_SET_ELEM_LIST_TABLE, table);
	berth_netlink_put_text(nft->netlink, NFTA_SET_ELEM_LIST_SET, elements->set);
	size_t list = berth_netlink_nest(nft->netlink, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < count; i++)
		put_element(nft, &elements[i], remove);
	berth_netlink_nest_end(nft->netlink, list);
}

// As many of them as one message can hold, from the first on.
static size_t run_length(const struct berth_nft_element *elements, size_t count)
{
	size_t n = 1;

	while (n < count && n < ELEMENTS_AT_ONCE && elements[n].remove == elements->remove &&
	       strcmp(elements[n].set, elements->set) == 0)
		n++;
	return n;
}

static bool set_exists(struct berth_nft *nft, int family, const char *table, const char *set)
{
	begin(nft, MESSAGE(NFT_MSG_GETSET), 0, family);
	berth_netlink_put_text(nft->netlink, NFTA_SET_TABLE, table);
	berth_netlink_put_text(nft->netlink, NFTA_SET_NAME, set);
	return berth_netlink_ask(nft->netlink, NULL, NULL, NULL);
}

static bool no_set(const char *table, const char *set, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "there is no set %s in the nftables table %s", set, table);
}

// How each element is to be carried out, found out where the kernel refused it.
enum step { AS_ASKED, LEFT_OUT, REPLACED };

static bool send_elements(struct berth_nft *nft, int family, const char *table,
			  const struct berth_nft_element *elements, const enum step *steps, size_t count,
			  size_t *ret_failed, GError **error)
{
	g_autoptr(GArray) firsts = g_array_new(FALSE, FALSE, sizeof(size_t)); // of each message, its first element
	size_t failed = 0;

	begin(nft, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC);
	for (size_t i = 0, n; i < count; i += n) {
		n = steps ? 1 : run_length(&elements[i], count - i);
		if (steps && steps[i] == LEFT_OUT)
			continue;
		if (steps && steps[i] == REPLACED) {
			put_elements(nft, family, table, &elements[i], 1, true);
			g_array_append_val(firsts, i);
		}
		put_elements(nft, family, table, &elements[i], n, elements[i].remove);
		g_array_append_val(firsts, i);
	}
	begin(nft, NFNL_MSG_BATCH_END, 0, AF_UNSPEC);
	if (berth_netlink_send(nft->netlink, &failed, error))
		return true;
	*ret_failed = failed > 0 && failed <= firsts->len ? g_array_index(firsts, size_t, failed - 1) : count;
	return false;
}

// What the kernel refuses about one element and can be had otherwise; else an error.
static bool mend(struct berth_nft *nft, int family, const char *table, const struct berth_nft_element *element,
		 enum step *step, GError **refusal, GError **error)
{
	int errnum = berth_netlink_errno(nft->netlink);

	if (errnum == ENOENT && !set_exists(nft, family, table, element->set))
		return no_set(table, element->set, error);
	if (errnum == ENOENT && element->remove && *step == AS_ASKED)
		*step = LEFT_OUT;
	else if ((errnum == EBUSY || errnum == EEXIST) && !element->remove && *step == AS_ASKED)
		*step = REPLACED;
	else {
		g_propagate_prefixed_error(error, g_steal_pointer(refusal),
					   "set %s of the nftables table %s: ", element->set, table);
		return false;
	}
	return true;
}

bool berth_nft_elements(struct berth_nft *nft, int family, const char *table, const struct berth_nft_element *elements,
			size_t count, GError **error)
{
	g_autoptr(GError) refusal = NULL;
	size_t failed = 0;

	if (count == 0 || send_elements(nft, family, table, elements, NULL, count, &failed, &refusal))
		return true;
	// One by one, so that it is known which the kernel does not like.
	g_autofree enum step *steps = g_new0(enum step, count);
	for (size_t tries = 0; tries <= count; tries++) {
		g_clear_error(&refusal);
		if (send_elements(nft, family, table, elements, steps, count, &failed, &refusal))
			return true;
		if (failed == count)
			break;
		if (!mend(nft, family, table, &elements[failed], &steps[failed], &refusal, error))
			return false;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&refusal), "nftables table %s: ", table);
	return false;
}

// Follows a way of nests; NULL: it is not there.
static const void *descend(const void *data, size_t *length, const uint16_t *way, size_t steps)
{
	for (size_t i = 0; data && i < steps; i++)
		data = berth_netlink_data(berth_netlink_find(data, *length, way[i]), length);
	return data;
}

static bool read_counter(void *data, const struct nlmsghdr *message)
{
	static const uint16_t way[] = {NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_LIST_ELEM, NFTA_SET_ELEM_EXPR, NFTA_EXPR_DATA,
				       NFTA_COUNTER_PACKETS};
	size_t header = NLMSG_LENGTH(sizeof(struct nfgenmsg)), length = message->nlmsg_len - header;
	static const uint8_t zeros[8];
	bool *unused = data;

	if (message->nlmsg_len <= header)
		return true;
	const void *packets = descend((const char *) message + header, &length, way, G_N_ELEMENTS(way));
	*unused = packets && length == sizeof zeros && memcmp(packets, zeros, sizeof zeros) == 0;
	return true;
}

bool berth_nft_unused(struct berth_nft *nft, int family, const char *table, const struct berth_nft_element *element)
{
	bool unused = false;

	begin(nft, MESSAGE(NFT_MSG_GETSETELEM), 0, family);
	berth_netlink_put_text(nft->netlink, NFTA_SET_ELEM_LIST_TABLE, table);
	berth_netlink_put_text(nft->netlink, NFTA_SET_ELEM_LIST_SET, element->set);
	size_t list = berth_netlink_nest(nft->netlink, NFTA_SET_ELEM_LIST_ELEMENTS);
	put_element(nft, element, true);
	berth_netlink_nest_end(nft->netlink, list);
	return berth_netlink_ask(nft->netlink, read_counter, &unused, NULL) && unused;
}

bool berth_nft_exists(struct berth_nft *nft, int family, const char *table)
{
	begin(nft, MESSAGE(NFT_MSG_GETTABLE), 0, family);
	berth_netlink_put_text(nft->netlink, NFTA_TABLE_NAME, table);
	return berth_netlink_ask(nft->netlink, NULL, NULL, NULL);
}

bool berth_nft_remove(struct berth_nft *nft, int family, const char *table, GError **error)
{
	begin(nft, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC);
	begin(nft, MESSAGE(NFT_MSG_DELTABLE), 0, family);
	berth_netlink_put_text(nft->netlink, NFTA_TABLE_NAME, table);
	berth_netlink_forgive(nft->netlink, ENOENT);
	begin(nft, NFNL_MSG_BATCH_END, 0, AF_UNSPEC);
	if (berth_netlink_send(nft->netlink, NULL, error))
		return true;
	g_prefix_error(error, "remove the nftables table %s: ", table);
	return false;
}
