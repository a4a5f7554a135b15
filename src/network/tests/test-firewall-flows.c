// SPDX-License-Identifier: Apache-2.0
// Flows behind published ports as these come and go, and SCTP.
#include "network/tests/firewall-scene.h"

#include "base/error.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

// What was there before a port was published or is there when it is withdrawn.
static void test_flows(void)
{
	g_autoptr(GPtrArray) list = new_list();

	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	g_ptr_array_add(list, published(IPPROTO_TCP, NULL, 90, "172.30.1.2", 80, "one"));
	g_ptr_array_add(list, published(IPPROTO_UDP, NULL, 90, "172.30.1.2", 80, "one"));

	berth_fd udp = connect_from(OUTSIDE, IPPROTO_UDP, "203.0.113.1", 90);
	g_assert_cmpstr(ask(udp), ==, "host 203.0.113.2");
	publish(firewall, "of-a", list);
	g_assert_cmpstr(ask(udp), ==, "a 203.0.113.2");
	berth_fd tcp = connect_from(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 90);
	g_assert_cmpstr(ask(tcp), ==, "a 203.0.113.2");
	// What stays published is not disturbed; neither by the same list again, nor by another's.
	g_ptr_array_add(list, published(IPPROTO_TCP, NULL, 91, "172.30.1.2", 80, "one"));
	publish(firewall, "of-a", list);
	g_assert_cmpstr(ask(tcp), ==, "a 203.0.113.2");
	g_assert_true(berth_firewall_sync(firewall, NULL));
	g_assert_cmpstr(ask(tcp), ==, "a 203.0.113.2");
	g_assert_cmpstr(ask(udp), ==, "a 203.0.113.2");
	// It leads elsewhere now.
	g_autoptr(GPtrArray) of_b = new_list();
	g_ptr_array_add(of_b, published(IPPROTO_UDP, NULL, 90, "172.30.1.3", 80, "one"));
	publish(firewall, "of-a", of_b);
	g_assert_cmpstr(ask(udp), ==, "b 203.0.113.2");
	g_assert_true(is_silent(tcp)); // withdrawn
	publish(firewall, "of-a", NULL);
	g_assert_cmpstr(ask(udp), ==, "host 203.0.113.2");
	expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 91, NOTHING);
	berth_firewall_free(firewall, false);
	machines_down();
}

static void publish_unsettled(struct berth_firewall *firewall, const char *owner, const GPtrArray *list)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(berth_firewall_publish(firewall, owner, list, &error));
	g_assert_no_error(error);
}

// Flows are looked for later, when more may have changed.
static void test_flows_later(void)
{
	g_autoptr(GPtrArray) list = new_list(), of_b = new_list();
	g_autoptr(GError) error = NULL;

	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	g_ptr_array_add(list, published(IPPROTO_TCP, NULL, 90, "172.30.1.2", 80, "one"));
	g_ptr_array_add(list, published(IPPROTO_UDP, NULL, 90, "172.30.1.2", 80, "one"));
	g_ptr_array_add(of_b, published(IPPROTO_TCP, "203.0.113.1", 90, "172.30.1.3", 80, "one"));
	g_ptr_array_add(of_b, published(IPPROTO_UDP, "203.0.113.1", 90, "172.30.1.3", 80, "one"));
	berth_fd udp = connect_from(OUTSIDE, IPPROTO_UDP, "203.0.113.1", 90);
	g_assert_cmpstr(ask(udp), ==, "host 203.0.113.2");
	publish_unsettled(firewall, "of-a", list);
	// What begins now needs no settling.
	expect_both(OUTSIDE, "203.0.113.1", 90, "a 203.0.113.2");
	berth_fd tcp = connect_from(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 90);
	g_assert_cmpstr(ask(tcp), ==, "a 203.0.113.2");
	// What is withdrawn and published again the same goes on; what is another's in the end does not.
	publish_unsettled(firewall, "of-a", NULL);
	publish_unsettled(firewall, "of-a", list);
	g_assert_true(berth_firewall_settle(firewall, &error));
	g_assert_cmpstr(ask(tcp), ==, "a 203.0.113.2");
	g_assert_cmpstr(ask(udp), ==, "a 203.0.113.2");
	publish_unsettled(firewall, "of-a", NULL);
	publish_unsettled(firewall, "of-b", of_b);
	publish_unsettled(firewall, "of-a", NULL);
	expect(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 90, "b 203.0.113.2");
	g_assert_true(berth_firewall_settle(firewall, &error));
	g_assert_true(is_silent(tcp));
	g_assert_cmpstr(ask(udp), ==, "b 203.0.113.2");
	// Withdrawn before anybody looked: what was told to the host before is not cut for nothing.
	publish_unsettled(firewall, "of-b", NULL);
	g_assert_true(berth_firewall_settle(firewall, &error));
	berth_fd other = connect_from(OUTSIDE, IPPROTO_UDP, "203.0.113.1", 90);
	g_assert_cmpstr(ask(other), ==, "host 203.0.113.2");
	publish_unsettled(firewall, "of-a", list);
	publish_unsettled(firewall, "of-a", NULL);
	g_assert_true(berth_firewall_settle(firewall, &error));
	g_assert_cmpstr(ask(other), ==, "host 203.0.113.2");
	berth_firewall_free(firewall, false);
	// An engine that starts finds what the one before it had no time for.
	firewall = berth_firewall_new(&(struct berth_firewall_options){.table = "berth-test"}, &error);
	g_assert_no_error(error);
	set_network(firewall, &one);
	publish_unsettled(firewall, "of-a", list);
	g_assert_true(berth_firewall_sync(firewall, &error));
	g_assert_true(berth_firewall_settle(firewall, &error));
	g_assert_cmpstr(ask(other), ==, "a 203.0.113.2");
	berth_firewall_free(firewall, false);
	machines_down();
}

// CRC32c, which SCTP's packets carry (RFC 9260, appendix A).
static uint32_t checksum(const uint8_t *data, size_t length)
{
	uint32_t sum = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		sum ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

static int raw_socket(int machine, int family)
{
	enter_machine(machine);
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_SCTP);
	enter_machine(HOST);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

// The first packet of an association (INIT), which any kernel translates, also one that has no SCTP itself: the port
// that it has when it comes to the container; 0: it does not come, which is waited for only a moment if it is not
// wanted.
static uint16_t associate(const char *address, uint16_t port, bool wanted)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool is6 = strchr(address, ':');
	uint8_t packet[32] = {0x30,
			      0x39,
			      (uint8_t) (port >> 8),
			      (uint8_t) port,
			      [12] = 1,
			      0,
			      0,
			      20,
			      0,
			      0,
			      0,
			      7,
			      0,
			      1,
			      0,
			      0,
			      0,
			      1,
			      0,
			      1,
			      0,
			      0,
			      0,
			      1};
	char received[256];
	berth_fd ears = raw_socket(A, is6 ? AF_INET6 : AF_INET), mouth = raw_socket(OUTSIDE, is6 ? AF_INET6 : AF_INET);
	struct pollfd poller = {.fd = ears, .events = POLLIN};
	uint32_t sum = GUINT32_TO_LE(checksum(packet, sizeof packet));

	memcpy(packet + 8, &sum, sizeof sum);
	inet_pton(is6 ? AF_INET6 : AF_INET, address, is6 ? (void *) &in6.sin6_addr : &in.sin_addr);
	g_assert_cmpint(sendto(mouth, packet, sizeof packet, 0,
			       is6 ? (struct sockaddr *) &in6 : (struct sockaddr *) &in, is6 ? sizeof in6 : sizeof in),
			==, sizeof packet);
	if (poll(&poller, 1, wanted ? 10000 : 200) <= 0)
		return 0;
	size_t header = is6 ? 0 : 20; // a raw socket of IPv4 gives the header, too
	g_assert_cmpint(recv(ears, received, sizeof received, 0), ==, (ssize_t) (sizeof packet + header));
	return (uint16_t) ((uint8_t) received[header + 2] << 8 | (uint8_t) received[header + 3]);
}

static void test_sctp(void)
{
	g_autoptr(GPtrArray) list = new_list();

	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	g_ptr_array_add(list, published(IPPROTO_SCTP, NULL, 8080, "172.30.1.2", 80, "one"));
	g_ptr_array_add(list, published(IPPROTO_SCTP, NULL, 8080, "fd00:1::2", 80, "one"));
	g_assert_cmpuint(associate("203.0.113.1", 8080, false), ==, 0);
	publish(firewall, "of-a", list);
	g_assert_cmpuint(associate("203.0.113.1", 8080, true), ==, 80);
	g_assert_cmpuint(associate("2001:db8:1::1", 8080, true), ==, 80);
	g_assert_cmpuint(associate("203.0.113.1", 8081, false), ==, 0);
	publish(firewall, "of-a", NULL);
	g_assert_cmpuint(associate("203.0.113.1", 8080, false), ==, 0);
	berth_firewall_free(firewall, false);
	machines_down();
}

// Associations of a kernel that has SCTP: published for both families, between containers, and outward.
static void test_sctp_traffic(void)
{
	g_autoptr(GPtrArray) list = new_list();

	if (!has_sctp()) {
		g_test_skip("this kernel has no SCTP");
		return;
	}
	if (!machines_up())
		return;
	struct berth_firewall *firewall = open_networks(BERTH_PUBLISH_FIREWALL);
	expect(A, IPPROTO_SCTP, "172.30.1.3", 80, "b 172.30.1.2");
	expect(A, IPPROTO_SCTP, "fd00:1::3", 80, "b fd00:1::2");
	expect(A, IPPROTO_SCTP, "203.0.113.2", 80, "outside 203.0.113.1");
	expect(A, IPPROTO_SCTP, "2001:db8:1::2", 80, "outside 2001:db8:1::1");
	expect(A, IPPROTO_SCTP, "172.30.2.2", 80, NOTHING); // another network
	expect(OUTSIDE, IPPROTO_SCTP, "203.0.113.1", 8080, NOTHING);
	g_ptr_array_add(list, published(IPPROTO_SCTP, NULL, 8080, "172.30.1.2", 80, "one"));
	g_ptr_array_add(list, published(IPPROTO_SCTP, NULL, 8080, "fd00:1::2", 80, "one"));
	publish(firewall, "of-a", list);
	expect(OUTSIDE, IPPROTO_SCTP, "203.0.113.1", 8080, "a 203.0.113.2");
	expect(OUTSIDE, IPPROTO_SCTP, "2001:db8:1::1", 8080, "a 2001:db8:1::2");
	expect(HOST, IPPROTO_SCTP, "203.0.113.1", 8080, "a 203.0.113.1");
	expect(C, IPPROTO_SCTP, "203.0.113.1", 8080, "a 172.30.2.2");
	publish(firewall, "of-a", NULL);
	expect(OUTSIDE, IPPROTO_SCTP, "203.0.113.1", 8080, NOTHING);
	berth_firewall_free(firewall, false);
	machines_down();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/firewall-flows/flows", test_flows);
	g_test_add_func("/firewall-flows/later", test_flows_later);
	g_test_add_func("/firewall-flows/sctp", test_sctp);
	g_test_add_func("/firewall-flows/sctp-traffic", test_sctp_traffic);
	return g_test_run();
}
