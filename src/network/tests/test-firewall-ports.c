// SPDX-License-Identifier: Apache-2.0
// Who has which port of the host; and what publishing one costs where many are published.
#include "network/firewall.h"

#include "base/error.h"
#include "base/fd.h"
#include "network/tests/machines.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CONTAINER "4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01db0b339c4c01"

static struct berth_firewall *open_firewall(void)
{
	g_autoptr(GError) error = NULL;
	struct berth_firewall_options options = {.table = "berth-test", .publish = BERTH_PUBLISH_OPEN};
	struct berth_firewall *firewall;

	if (unshare(CLONE_NEWNET) < 0) {
		g_test_skip("network namespaces cannot be made here");
		return NULL;
	}
	g_assert_cmpint(system("ip link set lo up; ip addr add 192.0.2.1/32 dev lo"), ==, 0);
	firewall = berth_firewall_new(&options, &error);
	g_assert_no_error(error);
	return firewall;
}

static uint16_t take(struct berth_firewall *firewall, const char *owner, int protocol, const char *address,
		     uint16_t first, uint16_t last)
{
	g_autoptr(GError) error = NULL;
	uint16_t port = 0;

	g_assert_true(berth_firewall_port_take(firewall, owner, protocol, address, first, last, &port, &error));
	g_assert_no_error(error);
	return port;
}

static void refuse(struct berth_firewall *firewall, int protocol, const char *address, uint16_t first, uint16_t last,
		   enum berth_error kind, const char *words)
{
	g_autoptr(GError) error = NULL;
	uint16_t port = 0;

	g_assert_false(berth_firewall_port_take(firewall, "other", protocol, address, first, last, &port, &error));
	g_assert_error(error, BERTH_ERROR, (int) kind);
	if (!strstr(error->message, words))
		g_error("'%s' is not in '%s'", words, error->message);
}

static void test_containers(void)
{
	struct berth_firewall *firewall = open_firewall();

	if (!firewall)
		return;
	g_assert_cmpuint(take(firewall, CONTAINER, IPPROTO_TCP, NULL, 80, 80), ==, 80);
	refuse(firewall, IPPROTO_TCP, NULL, 80, 80, BERTH_ERROR_CONFLICT,
	       "Bind for 0.0.0.0:80 failed: port is already allocated: by container 4c01db0b339c");
	refuse(firewall, IPPROTO_TCP, "127.0.0.1", 80, 80, BERTH_ERROR_CONFLICT,
	       "Bind for 127.0.0.1:80 failed: port is already allocated");
	refuse(firewall, IPPROTO_TCP, "::1", 80, 80, BERTH_ERROR_CONFLICT, "Bind for [::1]:80 failed");
	take(firewall, "x", IPPROTO_UDP, NULL, 80, 80);
	take(firewall, "x", IPPROTO_SCTP, NULL, 80, 80);
	refuse(firewall, IPPROTO_SCTP, "0.0.0.0", 80, 80, BERTH_ERROR_CONFLICT, "by container x");
	// Addresses and families by themselves.
	take(firewall, "x", IPPROTO_TCP, "127.0.0.1", 81, 81);
	take(firewall, "y", IPPROTO_TCP, "192.0.2.1", 81, 81);
	take(firewall, "z", IPPROTO_TCP, "::", 81, 81);
	refuse(firewall, IPPROTO_TCP, "0.0.0.0", 81, 81, BERTH_ERROR_CONFLICT, "by container x");
	refuse(firewall, IPPROTO_TCP, "192.0.2.9", 82, 82, BERTH_ERROR_INVALID,
	       "192.0.2.9:82 failed: cannot assign requested address");
	refuse(firewall, IPPROTO_TCP, "nowhere", 82, 82, BERTH_ERROR_INVALID, "invalid IP address: nowhere");
	refuse(firewall, IPPROTO_ICMP, NULL, 82, 82, BERTH_ERROR_INVALID, "protocol 1");
	refuse(firewall, IPPROTO_TCP, NULL, 83, 82, BERTH_ERROR_INVALID, "range");
	// Given back.
	berth_firewall_port_release(firewall, "other", IPPROTO_TCP, NULL, 80); // not its
	refuse(firewall, IPPROTO_TCP, NULL, 80, 80, BERTH_ERROR_CONFLICT, "by container 4c01db0b339c");
	berth_firewall_port_release(firewall, CONTAINER, IPPROTO_TCP, NULL, 80);
	take(firewall, "x", IPPROTO_TCP, "0.0.0.0", 80, 80);
	// Ranges.
	g_assert_cmpuint(take(firewall, "r", IPPROTO_TCP, NULL, 80, 82), ==, 82);
	refuse(firewall, IPPROTO_TCP, NULL, 80, 82, BERTH_ERROR_CONFLICT, "none of the ports 80-82 is free: Bind for");
	// Nobody of the host takes by mistake what a container has.
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
	berth_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	g_assert_true(bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || listen(fd, 1) < 0);
	berth_firewall_free(firewall, false);
}

static int bound(int family, int type, const char *text, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	g_assert_cmpint(inet_pton(family, text, family == AF_INET ? (void *) &in.sin_addr : &in6.sin6_addr), ==, 1);
	g_assert_cmpint(bind(fd, family == AF_INET ? (struct sockaddr *) &in : (struct sockaddr *) &in6,
			     family == AF_INET ? sizeof in : sizeof in6),
			==, 0);
	if (type == SOCK_STREAM)
		g_assert_cmpint(listen(fd, 1), ==, 0);
	return fd;
}

static void test_processes(void)
{
	struct berth_firewall *firewall = open_firewall();
	g_autofree char *us = g_strdup_printf("port is already allocated: by a web server (pid %d)", (int) getpid());

	if (!firewall)
		return;
	prctl(PR_SET_NAME, "a web server");
	berth_fd everywhere = bound(AF_INET6, SOCK_STREAM, "::", 80),
		 local = bound(AF_INET, SOCK_STREAM, "127.0.0.1", 81),
		 datagrams = bound(AF_INET, SOCK_DGRAM, "192.0.2.1", 82);
	g_assert_true(everywhere >= 0 && local >= 0 && datagrams >= 0);
	refuse(firewall, IPPROTO_TCP, NULL, 80, 80, BERTH_ERROR_CONFLICT, us);
	refuse(firewall, IPPROTO_TCP, "192.0.2.1", 80, 80, BERTH_ERROR_CONFLICT, us); // it has IPv4, too
	refuse(firewall, IPPROTO_TCP, "::1", 80, 80, BERTH_ERROR_CONFLICT, us);
	refuse(firewall, IPPROTO_TCP, "0.0.0.0", 81, 81, BERTH_ERROR_CONFLICT, us);
	refuse(firewall, IPPROTO_UDP, NULL, 82, 82, BERTH_ERROR_CONFLICT, us);
	refuse(firewall, IPPROTO_UDP, "192.0.2.1", 82, 82, BERTH_ERROR_CONFLICT, us);
	take(firewall, "x", IPPROTO_UDP, "127.0.0.1", 82, 82);
	take(firewall, "x", IPPROTO_TCP, "192.0.2.1", 81, 81);
	take(firewall, "x", IPPROTO_TCP, "::", 81, 81);
	g_assert_cmpuint(take(firewall, "x", IPPROTO_TCP, NULL, 80, 90), ==, 82);
	berth_firewall_free(firewall, false);
}

// A child that has not been executed yet has copies of our sockets.
static void test_settling(void)
{
	struct berth_firewall *firewall = open_firewall();

	if (!firewall)
		return;
	take(firewall, "x", IPPROTO_TCP, NULL, 90, 90);
	pid_t pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		usleep(50000);
		_exit(0);
	}
	berth_firewall_port_release(firewall, "x", IPPROTO_TCP, NULL, 90);
	g_assert_cmpuint(take(firewall, "x", IPPROTO_TCP, NULL, 90, 95), ==, 90);
	waitpid(pid, NULL, 0);
	berth_firewall_free(firewall, false);
}

static void test_ephemeral(void)
{
	struct berth_firewall *firewall = open_firewall();
	bool seen[10] = {false};

	if (!firewall)
		return;
	g_assert_cmpint(system("echo 40000 40009 >/proc/sys/net/ipv4/ip_local_port_range &&"
			       "echo 40003,40005-40006 >/proc/sys/net/ipv4/ip_local_reserved_ports"),
			==, 0);
	for (int i = 0; i < 7; i++) {
		uint16_t port = take(firewall, "x", IPPROTO_TCP, NULL, 0, 0);
		g_assert_cmpuint(port, >=, 40000);
		g_assert_cmpuint(port, <=, 40009);
		g_assert_true(port != 40003 && port != 40005 && port != 40006);
		g_assert_false(seen[port - 40000]);
		seen[port - 40000] = true;
	}
	refuse(firewall, IPPROTO_TCP, NULL, 0, 0, BERTH_ERROR_RESOURCE_EXHAUSTED,
	       "no port of the host is free between 40000 and 40009");
	take(firewall, "x", IPPROTO_UDP, NULL, 0, 0);
	berth_firewall_free(firewall, false);
}

static GPtrArray *list_of(int protocol, uint16_t first, unsigned count)
{
	GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify) berth_published_free);

	for (unsigned i = 0; i < count; i++) {
		struct berth_published *published = g_new0(struct berth_published, 1);
		*published = (struct berth_published){.protocol = protocol,
						      .host_port = (uint16_t) (first + i),
						      .address = g_strdup("172.30.1.2"),
						      .port = 80,
						      .bridge = g_strdup("one")};
		g_ptr_array_add(list, published);
	}
	return list;
}

static int compare(const void *a, const void *b)
{
	return *(const double *) a < *(const double *) b ? -1 : *(const double *) a > *(const double *) b;
}

// Microseconds that taking and publishing one port and withdrawing it take: medians.
static void measure(struct berth_firewall *firewall, int protocol, double *ret_publish, double *ret_withdraw)
{
	enum { TIMES = 101 };
	double publish[TIMES], withdraw[TIMES];
	g_autoptr(GPtrArray) list = list_of(protocol, 60000, 1);

	for (int i = 0; i < TIMES; i++) {
		gint64 start = g_get_monotonic_time();
		take(firewall, "measured", protocol, "0.0.0.0", 60000, 60000);
		g_assert_true(berth_firewall_publish(firewall, "measured", list, NULL));
		gint64 middle = g_get_monotonic_time();
		g_assert_true(berth_firewall_publish(firewall, "measured", NULL, NULL));
		berth_firewall_port_release(firewall, "measured", protocol, "0.0.0.0", 60000);
		publish[i] = (double) (middle - start);
		withdraw[i] = (double) (g_get_monotonic_time() - middle);
	}
	qsort(publish, TIMES, sizeof *publish, compare);
	qsort(withdraw, TIMES, sizeof *withdraw, compare);
	*ret_publish = publish[TIMES / 2];
	*ret_withdraw = withdraw[TIMES / 2];
}

// So many flows that the kernel keeps track of.
static void make_flows(uint16_t count)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	berth_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(inet_pton(AF_INET, "192.0.2.1", &address.sin_addr), ==, 1);
	for (uint16_t i = 0; i < count; i++) {
		address.sin_port = htons((uint16_t) (20000 + i));
		sendto(fd, "x", 1, 0, (struct sockaddr *) &address, sizeof address);
	}
}

static void test_cost(void)
{
	struct berth_firewall *firewall = open_firewall();
	struct berth_firewall_network network = {.interface = "one", .subnet = "172.30.1.0/24", .masquerade = true};
	double first, first_withdrawn, last, last_withdrawn;

	if (!firewall)
		return;
	g_assert_true(berth_firewall_sync(firewall, NULL));
	gint64 start = g_get_monotonic_time();
	g_assert_true(berth_firewall_network_set(firewall, &network, NULL));
	gint64 made = g_get_monotonic_time() - start;
	measure(firewall, IPPROTO_TCP, &first, &first_withdrawn);
	for (uint16_t i = 0; i < 2000; i += 20) {
		g_autoptr(GPtrArray) list = list_of(IPPROTO_TCP, (uint16_t) (10000 + i), 20);
		g_autofree char *owner = g_strdup_printf("owner%u", i);
		g_assert_true(berth_firewall_publish(firewall, owner, list, NULL));
	}
	measure(firewall, IPPROTO_TCP, &last, &last_withdrawn);
	start = g_get_monotonic_time();
	g_assert_true(berth_firewall_sync(firewall, NULL));
	gint64 whole = g_get_monotonic_time() - start;
	g_test_message(
		"a port with 0 published: %.0f us (withdrawn: %.0f us); with 2000: %.0f us (%.0f us), ratio %.2f; "
		"the first network: %d us; all put back: %d us",
		first, first_withdrawn, last, last_withdrawn, last / first, (int) made, (int) whole);
	double among_flows, withdrawn_among_flows;
	make_flows(5000);
	measure(firewall, IPPROTO_TCP, &among_flows, &withdrawn_among_flows);
	g_test_message("among 5000 flows: %.0f us (withdrawn: %.0f us)", among_flows, withdrawn_among_flows);
	double udp, udp_withdrawn;
	g_assert_true(berth_firewall_is_settled(firewall));
	measure(firewall, IPPROTO_UDP, &udp, &udp_withdrawn);
	g_assert_false(berth_firewall_is_settled(firewall));
	start = g_get_monotonic_time();
	g_assert_true(berth_firewall_settle(firewall, NULL));
	g_test_message("of UDP: %.0f us (withdrawn: %.0f us); the kernel's walk for all of them: %d us", udp,
		       udp_withdrawn, (int) (g_get_monotonic_time() - start));
	g_assert_true(berth_firewall_is_settled(firewall));
	g_assert_cmpfloat(udp, <, 3 * first + 200);
	g_assert_cmpfloat(among_flows, <, 3 * first + 200);
	g_assert_cmpfloat(withdrawn_among_flows, <, 3 * first_withdrawn + 200); // nothing came by it
	g_assert_cmpfloat(last, <, 3 * first + 200);
	g_assert_cmpfloat(last_withdrawn, <, 3 * first_withdrawn + 200);
	berth_firewall_free(firewall, false);
}

static void test_refused(void)
{
	static const struct {
		const char *host, *address;
		int protocol;
		uint16_t port;
		const char *words;
	} bad[] = {{NULL, "nowhere", IPPROTO_TCP, 80, "invalid IP address: nowhere"},
		   {"::1", "172.30.1.2", IPPROTO_TCP, 80, "not translated into each other"},
		   {NULL, "172.30.1.2", IPPROTO_ICMP, 80, "protocol 1"},
		   {NULL, "172.30.1.2", IPPROTO_TCP, 0, "port 0"}};
	struct berth_firewall_options options = {.table = "x; flush ruleset"};
	struct berth_firewall *firewall = open_firewall();
	g_autoptr(GError) error = NULL;
	enum berth_publish_policy policy;

	if (!firewall)
		return;
	g_assert_null(berth_firewall_new(&options, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	g_assert_false(berth_publish_policy_parse("wide", &policy, &error));
	g_assert_nonnull(strstr(error->message, "'wide'"));
	g_clear_error(&error);
	g_assert_true(berth_publish_policy_parse("local", &policy, NULL) && policy == BERTH_PUBLISH_LOCAL);
	g_assert_true(berth_firewall_sync(firewall, NULL));
	struct berth_firewall_network network = {.interface = "a\" }"};
	g_assert_false(berth_firewall_network_set(firewall, &network, NULL));
	network = (struct berth_firewall_network){.interface = "one", .subnet = "fd00::/64"};
	g_assert_false(berth_firewall_network_set(firewall, &network, NULL));
	struct berth_firewall_port port = {.interface = "p", .bridge = "one", .mac = "01:00:5e:00:00:01"};
	g_assert_false(berth_firewall_port_set(firewall, &port, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GPtrArray) list = list_of(IPPROTO_TCP, 1000, 2);
		struct berth_published *published = g_ptr_array_index(list, 1);
		g_free(published->address);
		published->host_address = g_strdup(bad[i].host);
		published->address = g_strdup(bad[i].address);
		published->protocol = bad[i].protocol;
		published->port = bad[i].port;
		g_assert_false(berth_firewall_publish(firewall, "x", list, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, bad[i].words));
		g_clear_error(&error);
	}
	// The same port twice, or another's: nothing of the list is published.
	g_autoptr(GPtrArray) list = list_of(IPPROTO_TCP, 1000, 1), more = list_of(IPPROTO_TCP, 999, 2);
	g_assert_true(berth_firewall_publish(firewall, "x", list, NULL));
	g_assert_false(berth_firewall_publish(firewall, "y", more, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
	g_assert_nonnull(strstr(error->message, "host port 1000 is published already: by container x"));
	g_assert_cmpint(system("nft get element inet berth-test any4 '{ tcp . 1000 }' | grep -q 172.30.1.2 &&"
			       "! nft get element inet berth-test any4 '{ tcp . 999 }' 2>/dev/null"),
			==, 0);
	berth_firewall_free(firewall, false);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/firewall-ports/containers", test_containers);
	g_test_add_func("/firewall-ports/processes", test_processes);
	g_test_add_func("/firewall-ports/ephemeral", test_ephemeral);
	g_test_add_func("/firewall-ports/settling", test_settling);
	g_test_add_func("/firewall-ports/cost", test_cost);
	g_test_add_func("/firewall-ports/refused", test_refused);
	return g_test_run();
}
