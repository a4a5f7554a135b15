// SPDX-License-Identifier: Apache-2.0
// In a network namespace of its own: skipped where none may be made.
#include "sys/netlink.h"

#include "base/error.h"
#include "sys/namespace.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static bool enter(void)
{
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	g_test_skip("a network namespace cannot be made here");
	return false;
}

static void put_bridge(struct berth_netlink *netlink, const char *name, uint16_t flags)
{
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

	berth_netlink_begin(netlink, RTM_NEWLINK, flags, &header, sizeof header);
	berth_netlink_put_text(netlink, IFLA_IFNAME, name);
	size_t info = berth_netlink_nest(netlink, IFLA_LINKINFO);
	berth_netlink_put_text(netlink, IFLA_INFO_KIND, "bridge");
	berth_netlink_nest_end(netlink, info);
}

static void test_batch(void)
{
	g_autoptr(GError) error = NULL;
	size_t failed = 0;

	if (!enter())
		return;
	g_autoptr(berth_netlink) netlink = berth_netlink_open(NETLINK_ROUTE, &error);
	g_assert_no_error(error);
	put_bridge(netlink, "one", NLM_F_CREATE | NLM_F_EXCL);
	put_bridge(netlink, "two", NLM_F_CREATE | NLM_F_EXCL);
	g_assert_true(berth_netlink_send(netlink, NULL, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(if_nametoindex("one"), >, 0);
	g_assert_cmpuint(if_nametoindex("two"), >, 0);

	// The second is there already; the third is made all the same.
	put_bridge(netlink, "three", NLM_F_CREATE | NLM_F_EXCL);
	put_bridge(netlink, "one", NLM_F_CREATE | NLM_F_EXCL);
	put_bridge(netlink, "four", NLM_F_CREATE | NLM_F_EXCL);
	g_assert_false(berth_netlink_send(netlink, &failed, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_assert_cmpuint(failed, ==, 1);
	g_assert_cmpint(berth_netlink_errno(netlink), ==, EEXIST);
	g_assert_cmpuint(if_nametoindex("four"), >, 0);
	g_clear_error(&error);

	put_bridge(netlink, "one", NLM_F_CREATE | NLM_F_EXCL);
	berth_netlink_forgive(netlink, EEXIST);
	g_assert_true(berth_netlink_send(netlink, NULL, &error));
	g_assert_no_error(error);
	g_assert_cmpint(berth_netlink_errno(netlink), ==, 0);
	g_assert_true(berth_netlink_send(netlink, NULL, &error)); // an empty one
}

// Larger than the socket takes at first.
static void test_large(void)
{
	g_autoptr(GError) error = NULL;
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

	if (!enter())
		return;
	g_autoptr(berth_netlink) netlink = berth_netlink_open(NETLINK_ROUTE, &error);
	for (int i = 0; i < 10000; i++) {
		berth_netlink_begin(netlink, RTM_DELLINK, 0, &header, sizeof header);
		berth_netlink_put_text(netlink, IFLA_IFNAME, "none");
		berth_netlink_forgive(netlink, ENODEV);
	}
	put_bridge(netlink, "last", NLM_F_CREATE | NLM_F_EXCL);
	// So many refusals overflow the socket's queue; that is said, and the next batch is answered by itself.
	berth_netlink_send(netlink, NULL, NULL);
	g_assert_cmpuint(if_nametoindex("last"), >, 0);
	put_bridge(netlink, "next", NLM_F_CREATE | NLM_F_EXCL);
	g_assert_true(berth_netlink_send(netlink, NULL, &error));
	g_assert_no_error(error);
}

struct count {
	int links, limit;
	char name[IFNAMSIZ];
};

static bool count_link(void *data, const struct nlmsghdr *message)
{
	struct count *count = data;
	size_t length;
	const char *name = berth_netlink_data(
		berth_netlink_find((const char *) NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct ifinfomsg)),
				   message->nlmsg_len - NLMSG_SPACE(sizeof(struct ifinfomsg)), IFLA_IFNAME),
		&length);

	g_assert_cmpint(message->nlmsg_type, ==, RTM_NEWLINK);
	g_assert_nonnull(name);
	g_strlcpy(count->name, name, sizeof count->name);
	return ++count->links != count->limit;
}

static void test_ask(void)
{
	g_autoptr(GError) error = NULL;
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
	struct count count = {0}, few = {.limit = 7}, one = {0};

	if (!enter())
		return;
	g_autoptr(berth_netlink) netlink = berth_netlink_open(NETLINK_ROUTE, &error);
	for (int i = 0; i < 60; i++) {
		g_autofree char *name = g_strdup_printf("b%d", i);
		put_bridge(netlink, name, NLM_F_CREATE | NLM_F_EXCL);
	}
	g_assert_true(berth_netlink_send(netlink, NULL, &error));
	berth_netlink_begin(netlink, RTM_GETLINK, NLM_F_DUMP, &header, sizeof header);
	g_assert_true(berth_netlink_ask(netlink, count_link, &count, &error));
	g_assert_cmpint(count.links, >, 60); // and lo
	berth_netlink_begin(netlink, RTM_GETLINK, NLM_F_DUMP, &header, sizeof header);
	g_assert_true(berth_netlink_ask(netlink, count_link, &few, &error));
	g_assert_cmpint(few.links, ==, 7);
	berth_netlink_begin(netlink, RTM_GETLINK, 0, &header, sizeof header);
	berth_netlink_put_text(netlink, IFLA_IFNAME, "b17");
	g_assert_true(berth_netlink_ask(netlink, count_link, &one, &error));
	g_assert_cmpint(one.links, ==, 1);
	g_assert_cmpstr(one.name, ==, "b17");
	berth_netlink_begin(netlink, RTM_GETLINK, 0, &header, sizeof header);
	berth_netlink_put_text(netlink, IFLA_IFNAME, "missing");
	g_assert_false(berth_netlink_ask(netlink, count_link, &one, &error));
	g_assert_cmpint(berth_netlink_errno(netlink), ==, ENODEV);
}

static bool note_flags(void *data, const struct nlmsghdr *message)
{
	*(unsigned *) data = ((const struct ifinfomsg *) NLMSG_DATA(message))->ifi_flags;
	return true;
}

// That a container needs nobody to make its loopback interface up.
static void test_loopback(void)
{
	struct ifinfomsg header = {.ifi_index = 1};
	unsigned flags = 0;
	int made;

	if (!enter())
		return;
	g_assert_true(berth_namespace_new_network(&made));
	g_assert_cmpint(setns(made, CLONE_NEWNET), ==, 0);
	close(made);
	g_autoptr(berth_netlink) netlink = berth_netlink_open(NETLINK_ROUTE, NULL);
	berth_netlink_begin(netlink, RTM_GETLINK, 0, &header, sizeof header);
	g_assert_true(berth_netlink_ask(netlink, note_flags, &flags, NULL));
	g_assert_cmpuint(flags & IFF_UP, ==, IFF_UP);
}

static void test_find(void)
{
	struct {
		struct nlattr head;
		uint32_t value;
		struct nlattr broken;
	} attributes = {{8, 3}, 77, {200, 4}};
	size_t length;

	const uint32_t *value = berth_netlink_data(berth_netlink_find(&attributes, sizeof attributes, 3), &length);
	g_assert_cmpuint(length, ==, 4);
	g_assert_cmpuint(*value, ==, 77);
	g_assert_null(berth_netlink_find(&attributes, sizeof attributes, 4)); // reaches beyond the end
	g_assert_null(berth_netlink_find(&attributes, 7, 3));
	g_assert_null(berth_netlink_find(&attributes, 3, 3));
	attributes.head.nla_len = 0;
	g_assert_null(berth_netlink_find(&attributes, sizeof attributes, 4));
	g_assert_null(berth_netlink_data(NULL, &length));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/netlink/batch", test_batch);
	g_test_add_func("/netlink/large", test_large);
	g_test_add_func("/netlink/ask", test_ask);
	g_test_add_func("/netlink/loopback", test_loopback);
	g_test_add_func("/netlink/find", test_find);
	return g_test_run();
}
