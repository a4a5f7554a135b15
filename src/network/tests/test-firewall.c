// SPDX-License-Identifier: Apache-2.0
// Published ports and who may reach whom, with real connections between namespaces (machines.h).
#include "network/tests/firewall-scene.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/moment.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>

// 8080 of everywhere leads to a's port 80, 9090 to b's, 8081 of 127.0.0.1 and ::1 to a's.
static void publish_some(struct berth_firewall *firewall)
{
	g_autoptr(GPtrArray) of_a = new_list(), of_b = new_list();
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++) {
		g_ptr_array_add(of_a, published(protocols[i], NULL, 8080, "172.30.1.2", 80, "one"));
		g_ptr_array_add(of_a, published(protocols[i], "::", 8080, "fd00:1::2", 80, "one"));
		g_ptr_array_add(of_a, published(protocols[i], "127.0.0.1", 8081, "172.30.1.2", 80, "one"));
		g_ptr_array_add(of_a, published(protocols[i], "::1", 8081, "fd00:1::2", 80, "one"));
		g_ptr_array_add(of_b, published(protocols[i], "203.0.113.1", 9090, "172.30.1.3", 80, "one"));
		g_ptr_array_add(of_b, published(protocols[i], "2001:db8:1::1", 9090, "fd00:1::3", 80, "one"));
	}
	publish(firewall, "of-a", of_a);
	publish(firewall, "of-b", of_b);
}

static void test_publish(void)
{
	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	g_assert_null(berth_firewall_restriction(firewall));
	g_assert_null(berth_firewall_obstacle(firewall));
	publish_some(firewall);
	// From outside, with the client's address.
	expect_both(OUTSIDE, "203.0.113.1", 8080, "a 203.0.113.2");
	expect_both(OUTSIDE, "203.0.113.3", 8080, "a 203.0.113.2");
	expect_both(OUTSIDE, "2001:db8:1::1", 8080, "a 2001:db8:1::2");
	expect_both(OUTSIDE, "203.0.113.1", 9090, "b 203.0.113.2");
	expect_both(OUTSIDE, "2001:db8:1::1", 9090, "b 2001:db8:1::2");
	expect_both(OUTSIDE, "203.0.113.3", 9090, NOTHING); // published on another address
	// From the host itself.
	expect_both(HOST, "203.0.113.1", 8080, "a 203.0.113.1");
	expect_both(HOST, "127.0.0.1", 8080, "a 172.30.1.1");
	expect_both(HOST, "127.0.0.1", 8081, "a 172.30.1.1");
	expect_both(HOST, "2001:db8:1::1", 8080, "a 2001:db8:1::1");
	expect_both(HOST, "203.0.113.1", 8081, NOTHING);
	// From containers: of another network with their own address, of the same with the gateway's.
	expect_both(C, "203.0.113.1", 8080, "a 172.30.2.2");
	expect_both(C, "fd00:2::1", 8080, "a fd00:2::2");
	expect_both(B, "203.0.113.1", 8080, "a 172.30.1.1");
	expect_both(A, "172.30.1.1", 9090, NOTHING);
	expect_both(A, "203.0.113.1", 9090, "b 172.30.1.1");
	expect_both(A, "2001:db8:1::1", 9090, "b fd00:1::1");
	// To the outside with the host's address; ports of the host that are not published are the host's.
	expect_both(A, "203.0.113.2", 80, "outside 203.0.113.1");
	expect_both(A, "2001:db8:1::2", 80, "outside 2001:db8:1::1");
	expect_both(OUTSIDE, "203.0.113.1", 80, "host 203.0.113.2");
	berth_firewall_free(firewall, false);
	machines_down();
}

// A container reaches itself by a port of the host; the bridge must give frames back to where they came from.
static void test_hairpin(void)
{
	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	publish_some(firewall);
	for (int i = 0; i < 2 && set_bridge_rules(i); i++) {
		if (i)
			run_on(HOST, "bridge link set dev one-a hairpin on");
		expect_both(A, "203.0.113.1", 8080, "a 172.30.1.1");
		expect_both(A, "2001:db8:1::1", 8080, "a fd00:1::1");
		expect_both(A, "172.30.1.3", 80, "b 172.30.1.2");
		expect_both(A, "fd00:1::3", 80, "b fd00:1::2");
	}
	berth_firewall_free(firewall, false);
	machines_down();
}

// ::1 of the host: the kernel lets it out only where bridged packets are spared the rules of IPv6.
static void test_loopback6(void)
{
	if (!machines_up())
		return;
	g_assert_true(set_bridge_rules(false));
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	publish_some(firewall);
	expect_both(HOST, "::1", 8081, "a fd00:1::1");
	expect_both(HOST, "::1", 8080, "a fd00:1::1");
	expect_both(HOST, "::1", 80, "host ::1");
	expect_both(OUTSIDE, "2001:db8:1::1", 8081, NOTHING);
	// Elsewhere the host is told at once that nobody is there.
	if (set_bridge_rules(true)) {
		g_assert_true(berth_firewall_sync(firewall, NULL));
		gint64 best = G_MAXINT64;
		for (int i = 0; i < 20 && best >= 100 * G_TIME_SPAN_MILLISECOND; i++) {
			gint64 before = g_get_monotonic_time();
			expect(HOST, IPPROTO_TCP, "::1", 8081, NOTHING);
			best = g_get_monotonic_time() - before;
		}
		g_assert_cmpint(best, <, 100 * G_TIME_SPAN_MILLISECOND);
	}
	expect_both(HOST, "127.0.0.1", 8081, "a 172.30.1.1");
	berth_firewall_free(firewall, false);
	machines_down();
}

static void test_isolation(void)
{
	if (!machines_up())
		return;
	// Without rules everybody reaches everybody: the test can fail.
	expect_both(A, "172.30.2.2", 80, "c 172.30.1.2");
	expect_both(OUTSIDE, "172.30.1.2", 80, "a 203.0.113.2");
	expect_both(OUTSIDE, "fd00:1::2", 80, "a 2001:db8:1::2");
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	publish_some(firewall);
	expect_both(A, "172.30.2.2", 80, NOTHING);
	expect_both(A, "fd00:2::2", 80, NOTHING);
	expect_both(C, "172.30.1.2", 80, NOTHING);
	expect_both(A, "172.30.1.3", 80, "b 172.30.1.2");
	expect_both(A, "fd00:1::3", 80, "b fd00:1::2");
	// Nothing comes to containers by a route to their subnets, published or not.
	expect_both(OUTSIDE, "172.30.1.2", 80, NOTHING);
	expect_both(OUTSIDE, "172.30.1.2", 90, NOTHING);
	expect_both(OUTSIDE, "fd00:1::2", 80, NOTHING);
	expect_both(OUTSIDE, "172.30.2.2", 80, NOTHING);

	struct berth_firewall_network changed = one;
	changed.isolated = true;
	set_network(firewall, &changed);
	expect_both(A, "203.0.113.1", 9090, "b 172.30.1.1"); // published ports stay open
	expect_both(A, "203.0.113.2", 80, "outside 203.0.113.1");
	changed.isolated = false;
	changed.internal = true;
	set_network(firewall, &changed);
	expect_both(A, "172.30.1.3", 80, "b 172.30.1.2");
	expect_both(A, "203.0.113.2", 80, NOTHING);
	expect_both(A, "2001:db8:1::2", 80, NOTHING);
	expect_both(OUTSIDE, "203.0.113.1", 8080, NOTHING);
	expect_both(C, "203.0.113.1", 8080, NOTHING);
	berth_firewall_free(firewall, false);
	machines_down();
}

static void test_routed(void)
{
	struct berth_firewall_network routed = one;

	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	routed.masquerade = routed.masquerade6 = false;
	routed.routed = routed.routed6 = true;
	publish_some(firewall);
	set_network(firewall, &routed);
	expect_both(OUTSIDE, "172.30.1.2", 80, "a 203.0.113.2");
	expect_both(OUTSIDE, "fd00:1::2", 80, "a 2001:db8:1::2");
	expect_both(C, "172.30.1.2", 80, "a 172.30.2.2");
	expect_both(OUTSIDE, "172.30.1.2", 90, NOTHING);
	expect_both(OUTSIDE, "fd00:1::2", 90, NOTHING);
	expect_both(A, "203.0.113.2", 80, "outside 172.30.1.2");
	run_on(OUTSIDE, "ping -c 1 -W 1 172.30.1.2 >/dev/null && ping -c 1 -W 1 fd00:1::2 >/dev/null");
	publish(firewall, "of-a", NULL);
	expect_both(OUTSIDE, "172.30.1.2", 80, NOTHING);
	berth_firewall_free(firewall, false);
	machines_down();
}

static void look(struct berth_firewall *firewall, int milliseconds)
{
	struct pollfd poller = {.fd = berth_firewall_watch(firewall), .events = POLLIN};
	g_autoptr(GError) error = NULL;
	gint64 end = g_get_monotonic_time() + milliseconds * G_TIME_SPAN_MILLISECOND, now = end - 1;

	while (now < end && poll(&poller, 1, (int) berth_monotonic_left(end) / 1000 + 1) > 0) {
		g_assert_true(berth_firewall_look(firewall, &error));
		g_assert_no_error(error);
		now = g_get_monotonic_time();
	}
}

static void test_flush(void)
{
	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	struct pollfd poller = {.fd = berth_firewall_watch(firewall), .events = POLLIN};
	publish_some(firewall);
	g_assert_cmpint(poll(&poller, 1, 0), ==, 0); // what we change ourselves wakes nobody
	static const char *const damages[] = {
		"nft flush ruleset", "nft delete table inet berth-test", "nft delete table bridge berth-test",
		"nft flush chain inet berth-test forward", "nft flush map inet berth-test any4"};
	for (size_t i = 0; i < G_N_ELEMENTS(damages); i++) {
		berth_fd tcp = connect_from(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080);
		run_on(HOST, "%s", damages[i]);
		g_assert_cmpint(poll(&poller, 1, 0), ==, 1);
		look(firewall, 10);
		g_assert_cmpstr(ask(tcp), ==, "a 203.0.113.2");
		expect_both(OUTSIDE, "203.0.113.1", 8080, "a 203.0.113.2");
		expect(OUTSIDE, IPPROTO_TCP, "172.30.1.2", 80, NOTHING);
		run_on(HOST, "nft list table bridge berth-test >/dev/null");
	}
	// Somebody fights us: it is put back once a second, and nobody runs in circles.
	gint64 before = g_get_monotonic_time();
	unsigned looks = 0;
	while (looks < 4 || g_get_monotonic_time() - before < G_USEC_PER_SEC / 2) {
		run_on(HOST, "nft flush ruleset");
		look(firewall, 5);
		looks++;
	}
	g_assert_cmpint(poll(&poller, 1, 50), ==, 0);
	look(firewall, 1200);
	expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, "a 203.0.113.2");
	// The next publishing puts back what was removed, too.
	run_on(HOST, "nft flush ruleset");
	publish(firewall, "of-b", NULL);
	expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, "a 203.0.113.2");
	expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 9090, NOTHING);

	berth_firewall_free(firewall, true);
	run_on(HOST, "nft list table inet berth-test >/dev/null");
	// An engine that starts again touches nothing before it knows everything.
	struct berth_firewall_options options = {.table = "berth-test"};
	firewall = berth_firewall_new(&options, NULL);
	set_network(firewall, &one);
	expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, "a 203.0.113.2");
	g_assert_true(berth_firewall_sync(firewall, NULL));
	expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, NOTHING);
	g_assert_true(berth_firewall_network_remove(firewall, "one", NULL));
	g_assert_true(berth_firewall_sync(firewall, NULL));
	run_on(HOST, "! nft list table inet berth-test 2>/dev/null");
	berth_firewall_free(firewall, false);
	machines_down();
}

static void test_policies(void)
{
	static const char *const filters[] = {
		"iptables-nft -P INPUT DROP; iptables-nft -A INPUT -i lo -j ACCEPT;"
		"iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT;"
		"iptables-nft -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
		"nft 'table inet firewalld { chain filter_INPUT { type filter hook input priority 10; policy accept;\n"
		"ct state established accept\niifname lo accept\nct state invalid drop\njump zones\n"
		"reject with icmpx admin-prohibited\n}\nchain zones {\ntcp dport 22 accept\n}\n}'",
		"nft 'table ip6 mine { chain in { type filter hook input priority 0; policy accept;\n"
		"iifname != lo counter goto rest\n}\nchain rest {\nlog prefix \"no\" drop\n}\n}'",
	};
	static const char *const none[] = {
		"iptables-nft -A INPUT -p tcp --dport 22 -j DROP; iptables-nft -A INPUT -s 192.0.2.1 -j DROP",
		"nft 'table inet mine { chain in { type filter hook input priority 0; policy accept;\n"
		"ct state invalid drop\niifname lo drop\n}\nchain unused {\ndrop\n}\n}'",
	};

	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	publish_some(firewall);
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		run_on(HOST, "%s", filters[i]);
		look(firewall, i ? 1300 : 500);
		g_autofree char *words = berth_firewall_restriction(firewall);
		g_assert_nonnull(words);
		g_assert_nonnull(strstr(words, "filters what comes in (chain "));
		expect_both(OUTSIDE, "203.0.113.1", 8080, NOTHING);
		expect_both(OUTSIDE, "2001:db8:1::1", 8080, NOTHING);
		expect_both(HOST, "203.0.113.1", 8080, "a 203.0.113.1");
		expect_both(C, "203.0.113.1", 8080, "a 172.30.2.2");
		run_on(HOST, "nft delete table ip filter 2>/dev/null; nft delete table inet firewalld 2>/dev/null;"
			     "nft delete table ip6 mine 2>/dev/null; true");
		g_assert_null(berth_firewall_restriction(firewall));
		expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, "a 203.0.113.2");
	}
	for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
		run_on(HOST, "%s", none[i]);
		g_assert_null(berth_firewall_restriction(firewall));
		expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, "a 203.0.113.2");
	}
	berth_firewall_free(firewall, false);

	run_on(HOST, "%s", filters[0]);
	firewall = open_networks(BERTH_PUBLISH_OPEN);
	publish_some(firewall);
	g_assert_null(berth_firewall_restriction(firewall));
	expect_both(OUTSIDE, "203.0.113.1", 8080, "a 203.0.113.2");
	berth_firewall_free(firewall, false);

	run_on(HOST, "nft flush ruleset");
	firewall = open_networks(BERTH_PUBLISH_LOCAL);
	publish_some(firewall);
	g_autofree char *words = berth_firewall_restriction(firewall);
	g_assert_nonnull(strstr(words, "=local"));
	expect_both(OUTSIDE, "203.0.113.1", 8080, NOTHING);
	expect_both(HOST, "203.0.113.1", 8080, "a 203.0.113.1");
	expect_both(B, "203.0.113.1", 8080, "a 172.30.1.1");
	berth_firewall_free(firewall, false);
	machines_down();
}

static void test_obstacles(void)
{
	static const struct {
		const char *rules, *remedy, *applied;
	} obstacles[] = {
		{"iptables-nft -P FORWARD DROP; iptables-nft -N DOCKER-USER; iptables-nft -A DOCKER-USER -j RETURN;"
		 "iptables-nft -A FORWARD -j DOCKER-USER; iptables-nft -A FORWARD -i docker0 -j ACCEPT",
		 "iptables -I DOCKER-USER -i one -j ACCEPT; iptables -I DOCKER-USER -o one -j ACCEPT",
		 "iptables-nft -I DOCKER-USER -i one -j ACCEPT; iptables-nft -I DOCKER-USER -o one -j ACCEPT"},
		{"iptables-nft -P FORWARD DROP; iptables-nft -N ufw-user-forward; iptables-nft -A FORWARD -j "
		 "ufw-user-forward",
		 "ufw route allow in on one; ufw route allow out on one",
		 "iptables-nft -A ufw-user-forward -i one -j ACCEPT; iptables-nft -A ufw-user-forward -o one -j "
		 "ACCEPT"},
		{"nft 'table inet mine { chain onward { type filter hook forward priority 0; policy accept;\n"
		 "ct state established accept\ncounter reject\n}\n}'",
		 "nft insert rule inet mine onward iifname one accept; nft insert rule inet mine onward oifname one "
		 "accept",
		 "nft insert rule inet mine onward iifname one accept; nft insert rule inet mine onward oifname one "
		 "accept"},
	};

	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_firewall(BERTH_PUBLISH_FIREWALL);
	set_network(firewall, &one);
	publish_some(firewall);
	for (size_t i = 0; i < G_N_ELEMENTS(obstacles); i++) {
		g_assert_null(berth_firewall_obstacle(firewall));
		run_on(HOST, "%s", obstacles[i].rules);
		expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, NOTHING);
		g_autofree char *words = berth_firewall_obstacle(firewall);
		g_assert_nonnull(words);
		if (!strstr(words, obstacles[i].remedy))
			g_error("%s is not in %s", obstacles[i].remedy, words);
		run_on(HOST, "%s", obstacles[i].applied);
		g_assert_null(berth_firewall_obstacle(firewall));
		expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080, "a 203.0.113.2");
		run_on(HOST, "nft delete table ip filter 2>/dev/null; nft delete table inet mine 2>/dev/null; true");
	}
	berth_firewall_free(firewall, false);
	machines_down();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/firewall/publish", test_publish);
	g_test_add_func("/firewall/hairpin", test_hairpin);
	g_test_add_func("/firewall/loopback6", test_loopback6);
	g_test_add_func("/firewall/isolation", test_isolation);
	g_test_add_func("/firewall/routed", test_routed);
	g_test_add_func("/firewall/flush", test_flush);
	g_test_add_func("/firewall/policies", test_policies);
	g_test_add_func("/firewall/obstacles", test_obstacles);
	return g_test_run();
}
