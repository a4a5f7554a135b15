// SPDX-License-Identifier: Apache-2.0
#include "network/tests/firewall-scene.h"

#include <netinet/in.h>

struct berth_firewall *open_firewall(enum berth_publish_policy policy)
{
	g_autoptr(GError) error = NULL;
	struct berth_firewall_options options = {.table = "berth-test", .publish = policy};
	struct berth_firewall *firewall = berth_firewall_new(&options, &error);

	g_assert_no_error(error);
	g_assert_true(berth_firewall_sync(firewall, &error));
	g_assert_no_error(error);
	return firewall;
}

void set_network(struct berth_firewall *firewall, const struct berth_firewall_network *network)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_firewall_network_set(firewall, network, &error));
	g_assert_no_error(error);
}

const struct berth_firewall_network one = {.interface = "one",
					   .subnet = "172.30.1.0/24",
					   .subnet6 = "fd00:1::/64",
					   .gateway = "172.30.1.1",
					   .gateway6 = "fd00:1::1",
					   .masquerade = true,
					   .masquerade6 = true},
				    two = {.interface = "two",
					   .subnet = "172.30.2.0/24",
					   .subnet6 = "fd00:2::/64",
					   .gateway = "172.30.2.1",
					   .gateway6 = "fd00:2::1",
					   .masquerade = true,
					   .masquerade6 = true};

struct berth_firewall *open_networks(enum berth_publish_policy policy)
{
	struct berth_firewall *firewall = open_firewall(policy);

	set_network(firewall, &one);
	set_network(firewall, &two);
	return firewall;
}

struct berth_published *published(int protocol, const char *host, uint16_t host_port, const char *address,
				  uint16_t port, const char *bridge)
{
	struct berth_published *result = g_new0(struct berth_published, 1);

	*result = (struct berth_published){.protocol = protocol,
					   .host_address = g_strdup(host),
					   .host_port = host_port,
					   .address = g_strdup(address),
					   .port = port,
					   .bridge = g_strdup(bridge)};
	return result;
}

GPtrArray *new_list(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify) berth_published_free);
}

void publish(struct berth_firewall *firewall, const char *owner, const GPtrArray *list)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_firewall_publish(firewall, owner, list, &error));
	g_assert_no_error(error);
	g_assert_true(berth_firewall_settle(firewall, &error));
	g_assert_no_error(error);
}

void expect(int from, int protocol, const char *address, uint16_t port, const char *wanted)
{
	if (g_str_equal(wanted, NOTHING) && is_unreachable(from, protocol, address, port))
		return;
	const char *answer = reach(from, protocol, address, port);
	if (!g_str_equal(answer, wanted)) {
		run_on(HOST, "nft list ruleset >&2");
		g_error("%s to %s port %u by %s: '%s' instead of '%s'", machines[from].name, address, port,
			protocol == IPPROTO_TCP    ? "TCP"
			: protocol == IPPROTO_SCTP ? "SCTP"
						   : "UDP",
			answer, wanted);
	}
}
void expect_both(int from, const char *address, uint16_t port, const char *wanted)
{
	expect(from, IPPROTO_TCP, address, port, wanted);
	expect(from, IPPROTO_UDP, address, port, wanted);
}
