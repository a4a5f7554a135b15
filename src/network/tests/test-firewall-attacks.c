// SPDX-License-Identifier: Apache-2.0
// Attacks by what a container or a machine outside sends: forged frames, and published attacks by their identifiers.
#include "network/tests/firewall-scene.h"

#include "base/error.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void must(bool done, GError *error)
{
	g_assert_no_error(error);
	g_assert_true(done);
}

static void publish_both(struct berth_firewall *firewall, const char *owner, const char *host, uint16_t host_port,
			 const char *address)
{
	g_autoptr(GPtrArray) list = new_list();

	g_ptr_array_add(list, published(IPPROTO_TCP, host, host_port, address, 80, "one"));
	g_ptr_array_add(list, published(IPPROTO_UDP, host, host_port, address, 80, "one"));
	publish(firewall, owner, list);
}

// Networks, and the ports of a and b; `isolated` ones do not reach each other.
static struct berth_firewall *start(bool isolated)
{
	static const struct berth_firewall_port ports[] = {
		{"one-a", "one", "02:42:ac:1e:00:12", "172.30.1.2", "fd00:1::2"},
		{"one-b", "one", "02:42:ac:1e:00:13", "172.30.1.3", "fd00:1::3"}};
	g_autoptr(GError) error = NULL;
	struct berth_firewall *firewall = open_firewall(BERTH_PUBLISH_OPEN);
	struct berth_firewall_network first = one;

	g_assert_cmpint(mac_of(A), ==, 0x12);
	first.isolated = isolated;
	set_network(firewall, &first);
	set_network(firewall, &two);
	for (size_t i = 0; i < G_N_ELEMENTS(ports); i++)
		must(berth_firewall_port_set(firewall, &ports[i], &error), error);
	return firewall;
}

struct frame {
	uint8_t bytes[256];
	size_t length;
};

static void put(struct frame *frame, const void *data, size_t length)
{
	memcpy(frame->bytes + frame->length, data, length);
	frame->length += length;
}
#define PUT(frame, ...) put(frame, (const uint8_t[]){__VA_ARGS__}, sizeof(const uint8_t[]){__VA_ARGS__})

static void put_address(struct frame *frame, const char *text)
{
	uint8_t address[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	g_assert_cmpint(inet_pton(family, text, address), ==, 1);
	put(frame, address, family == AF_INET6 ? 16 : 4);
}

// From a (or who `from` says) to b; `to` 0: to everybody.
static struct frame ethernet(uint8_t from, uint8_t to, uint16_t type)
{
	struct frame frame = {.length = 0};

	if (to)
		PUT(&frame, 2, 0x42, 0xac, 0x1e, 0, to);
	else
		PUT(&frame, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	PUT(&frame, 2, 0x42, 0xac, 0x1e, 0, from, (uint8_t) (type >> 8), (uint8_t) type);
	return frame;
}

static struct frame arp(uint8_t operation, uint8_t from, const char *sender, const char *target)
{
	struct frame frame = ethernet(0x12, operation == 2 ? 0x13 : 0, 0x0806);

	PUT(&frame, 0, 1, 8, 0, 6, 4, 0, operation, 2, 0x42, 0xac, 0x1e, 0, from);
	put_address(&frame, sender);
	PUT(&frame, 0, 0, 0, 0, 0, 0);
	put_address(&frame, target);
	return frame;
}

static void put_ipv4(struct frame *frame, uint8_t protocol, const char *source, const char *destination,
		     uint8_t payload)
{
	size_t start = frame->length;
	uint32_t sum = 0;

	PUT(frame, 0x45, 0, 0, (uint8_t) (20 + payload), 0x12, 0x34, 0, 0, 64, protocol, 0, 0);
	put_address(frame, source);
	put_address(frame, destination);
	for (size_t i = start; i < frame->length; i += 2)
		sum += (uint32_t) frame->bytes[i] << 8 | frame->bytes[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	frame->bytes[start + 10] = (uint8_t) (sum >> 8);
	frame->bytes[start + 11] = (uint8_t) sum;
}

static struct frame ipv4(uint8_t from, uint8_t protocol, const char *source, uint8_t first, uint8_t second,
			 uint8_t third, uint8_t fourth)
{
	struct frame frame = ethernet(from, 0x13, 0x0800);

	put_ipv4(&frame, protocol, source, "172.30.1.3", 16);
	PUT(&frame, first, second, third, fourth, 0, 16, 0, 0, 'f', 'o', 'r', 'g', 'e', 'd', '!', '!');
	return frame;
}

static struct frame udp4(uint8_t from, const char *source, uint16_t source_port, uint16_t port)
{
	return ipv4(from, IPPROTO_UDP, source, (uint8_t) (source_port >> 8), (uint8_t) source_port,
		    (uint8_t) (port >> 8), (uint8_t) port);
}

static struct frame ipv6(uint8_t protocol, const char *source, const char *destination, uint8_t payload)
{
	struct frame frame = ethernet(0x12, 0x13, 0x86dd);

	PUT(&frame, 0x60, 0, 0, 0, 0, payload, protocol, 255);
	put_address(&frame, source);
	put_address(&frame, destination);
	return frame;
}

static struct frame udp6(const char *source, uint16_t source_port, uint16_t port)
{
	struct frame frame = ipv6(IPPROTO_UDP, source, "fd00:1::3", 16);

	PUT(&frame, (uint8_t) (source_port >> 8), (uint8_t) source_port, (uint8_t) (port >> 8), (uint8_t) port, 0, 16,
	    1, 1, 'f', 'o', 'r', 'g', 'e', 'd', '!', '!');
	return frame;
}

// Neighbour discovery: type, and the address that it is about.
static struct frame discovery(uint8_t type, const char *source, const char *target)
{
	struct frame frame = ipv6(IPPROTO_ICMPV6, source, "ff02::1", 32);

	PUT(&frame, type, 0, 0, 0, 0x60, 0, 0, 0);
	put_address(&frame, target);
	PUT(&frame, 2, 1, 2, 0x42, 0xac, 0x1e, 0, 0x12);
	return frame;
}

// The same behind an empty header of options for every hop.
static struct frame hidden_discovery(uint8_t type, const char *source)
{
	struct frame frame = ipv6(0, source, "ff02::1", 24);

	PUT(&frame, IPPROTO_ICMPV6, 0, 1, 4, 0, 0, 0, 0, type, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0);
	return frame;
}

static struct frame tagged(const char *source)
{
	struct frame frame = ethernet(0x12, 0x13, 0x8100);

	PUT(&frame, 0, 5, 8, 0);
	put_ipv4(&frame, IPPROTO_UDP, source, "172.30.1.3", 8);
	PUT(&frame, 0, 9, 0, 9, 0, 8, 0, 0);
	return frame;
}

static struct frame other(uint16_t type)
{
	struct frame frame = ethernet(0x12, 0, type);

	for (uint8_t i = 0; i < 46; i++)
		PUT(&frame, i);
	return frame;
}

struct trial {
	const char *what;
	bool arrives;
	struct frame frame;
};

// Each arrives at b where there are no rules: so what does not with them was stopped by them.
static void try_frames(const struct trial *trials, size_t count)
{
	if (!machines_up())
		return;
	for (size_t i = 0; i < count; i++)
		if (!frame_arrives(A, B, "eth0", trials[i].frame.bytes, trials[i].frame.length, true))
			g_error("%s does not arrive without rules", trials[i].what);
	struct berth_firewall *firewall = start(false);
	for (size_t i = 0; i < count; i++)
		if (frame_arrives(A, B, "eth0", trials[i].frame.bytes, trials[i].frame.length, trials[i].arrives) !=
		    trials[i].arrives)
			g_error("%s %s", trials[i].what, trials[i].arrives ? "does not arrive" : "arrives");
	g_assert_cmpstr(reach(A, IPPROTO_TCP, "172.30.1.3", 80), ==, "b 172.30.1.2");
	g_assert_cmpstr(reach(A, IPPROTO_TCP, "fd00:1::3", 80), ==, "b fd00:1::2");
	// What is not a port of ours any more is not looked at.
	g_assert_true(berth_firewall_port_remove(firewall, "one-a", NULL));
	for (size_t i = 0; i < count; i++)
		g_assert_true(frame_arrives(A, B, "eth0", trials[i].frame.bytes, trials[i].frame.length, true));
	berth_firewall_free(firewall, false);
	machines_down();
}

#define LINK_LOCAL_A "fe80::42:acff:fe1e:12"
#define LINK_LOCAL_B "fe80::42:acff:fe1e:13"

static void test_addresses(void)
{
	const struct trial trials[] = {
		{"an ARP request", true, arp(1, 0x12, "172.30.1.2", "172.30.1.3")},
		{"an ARP answer", true, arp(2, 0x12, "172.30.1.2", "172.30.1.3")},
		{"an ARP probe", true, arp(1, 0x12, "0.0.0.0", "172.30.1.2")},
		{"an ARP probe for another's address", false, arp(1, 0x12, "0.0.0.0", "172.30.1.3")},
		{"an ARP answer for the gateway (CVE-2025-52890)", false, arp(2, 0x12, "172.30.1.1", "172.30.1.3")},
		{"an ARP request for the gateway", false, arp(1, 0x12, "172.30.1.1", "172.30.1.1")},
		{"an ARP answer with another's MAC", false, arp(2, 0x13, "172.30.1.2", "172.30.1.3")},
		{"a packet", true, udp4(0x12, "172.30.1.2", 9, 9)},
		{"a packet with another's address", false, udp4(0x12, "172.30.1.3", 9, 9)},
		{"a packet with the gateway's address", false, udp4(0x12, "172.30.1.1", 9, 9)},
		{"a packet with another's MAC", false, udp4(0x20, "172.30.1.2", 9, 9)},
		{"a packet of a VLAN", false, tagged("172.30.1.1")},
		{"an IPv6 packet", true, udp6("fd00:1::2", 9, 9)},
		{"an IPv6 packet of the link", true, udp6(LINK_LOCAL_A, 9, 9)},
		{"an IPv6 packet with another's address", false, udp6("fd00:1::3", 9, 9)},
		{"an IPv6 packet with another's address of the link", false, udp6(LINK_LOCAL_B, 9, 9)},
		{"an IPv6 packet without address", false, udp6("::", 9, 9)},
		{"a frame of LLDP", false, other(0x88cc)},
	};

	try_frames(trials, G_N_ELEMENTS(trials));
}

static void test_discovery(void)
{
	const struct trial trials[] = {
		{"a neighbour's advertisement", true, discovery(136, LINK_LOCAL_A, "fd00:1::2")},
		{"a neighbour's advertisement of the link", true, discovery(136, LINK_LOCAL_A, LINK_LOCAL_A)},
		{"an advertisement for the gateway", false, discovery(136, LINK_LOCAL_A, "fd00:1::1")},
		{"an advertisement for another", false, discovery(136, "fd00:1::2", "fd00:1::3")},
		{"a solicitation", true, discovery(135, "fd00:1::2", "fd00:1::3")},
		{"a search for duplicates", true, discovery(135, "::", "fd00:1::2")},
		{"a search for another's address", false, discovery(135, "::", "fd00:1::3")},
		{"a router's advertisement (CVE-2020-13401)", false, discovery(134, LINK_LOCAL_A, "fd00:1::2")},
		{"a hidden router's advertisement", false, hidden_discovery(134, LINK_LOCAL_A)},
		{"a redirect", false, discovery(137, LINK_LOCAL_A, "fd00:1::2")},
		{"a redirect of IPv4", false, ipv4(0x12, IPPROTO_ICMP, "172.30.1.2", 5, 1, 0, 0)},
		{"a query for members", false, ipv4(0x12, IPPROTO_IGMP, "172.30.1.2", 0x11, 0, 0, 0)},
	};

	try_frames(trials, G_N_ELEMENTS(trials));
}

static void test_dhcp(void)
{
	const struct trial trials[] = {
		{"an answer of DHCP", false, udp4(0x12, "172.30.1.2", 67, 68)},
		{"an answer of DHCP from another port", false, udp4(0x12, "172.30.1.2", 1067, 68)},
		{"an answer of DHCPv6", false, udp6(LINK_LOCAL_A, 547, 546)},
	};

	try_frames(trials, G_N_ELEMENTS(trials));
}

// Containers that shall not reach each other, whether bridged packets go through the rules of IP or not.
static void test_isolated(void)
{
	if (!machines_up())
		return;
	const struct frame direct = udp4(0x12, "172.30.1.2", 9, 9),
			   broadcast = arp(1, 0x12, "172.30.1.2", "172.30.1.3");
	struct berth_firewall *firewall = start(true);
	publish_both(firewall, "of-b", NULL, 9090, "172.30.1.3");
	for (int i = 0; i < 2 && set_bridge_rules(i); i++) {
		g_assert_true(is_unreachable(A, IPPROTO_TCP, "172.30.1.3", 80));
		g_assert_true(is_unreachable(A, IPPROTO_TCP, "fd00:1::3", 80));
		g_assert_false(frame_arrives(A, B, "eth0", direct.bytes, direct.length, false));
		g_assert_false(frame_arrives(A, B, "eth0", broadcast.bytes, broadcast.length, false));
		g_assert_cmpstr(reach(A, IPPROTO_TCP, "172.30.1.1", 80), ==, "host 172.30.1.2");
		g_assert_cmpstr(reach(A, IPPROTO_TCP, "203.0.113.1", 9090), ==, "b 172.30.1.1");
		g_assert_cmpstr(reach(A, IPPROTO_UDP, "203.0.113.1", 9090), ==, "b 172.30.1.1");
		g_assert_cmpstr(reach(A, IPPROTO_TCP, "203.0.113.2", 80), ==, "outside 203.0.113.1");
	}
	// By the gateway's MAC, too.
	run_on(A, "ip route add 172.30.1.3 via 172.30.1.1");
	g_assert_true(is_unreachable(A, IPPROTO_TCP, "172.30.1.3", 80));
	berth_firewall_free(firewall, false);
	machines_down();
}

static int loopback_service(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(7777), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof address), ==, 0);
	return fd;
}

// Whether the service hears of a packet for 127.0.0.1 that the machine sends to the host.
static bool hears(int service, int machine, const char *interface, const char *source, bool wanted)
{
	struct pollfd poller = {.fd = service, .events = POLLIN};
	char byte;

	// The machine takes 127.0.0.1 for the host's: as one who forges packets would.
	run_on(machine,
	       "/usr/bin/python3 -c \"import socket, struct, sys\n"
	       "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('%s', 0))\n"
	       "mac = bytes.fromhex(sys.argv[1].replace(':', '')); own = s.getsockname()[4]\n"
	       "ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 29, 7, 0, 64, 17, 0, socket.inet_aton('%s'),"
	       " socket.inet_aton('127.0.0.1'))\n"
	       "n = sum(struct.unpack('!10H', ip)); n = (n & 0xffff) + (n >> 16); n = ~((n & 0xffff) + (n >> 16)) & "
	       "0xffff\n"
	       "ip = ip[:10] + struct.pack('!H', n) + ip[12:]\n"
	       "s.send(mac + own + b'\\\\x08\\\\x00' + ip + struct.pack('!HHHH', 9, 7777, 9, 0) + b'x')\" "
	       "$(cat /tmp/berth-test-mac.%d)",
	       interface, source, (int) getpid());
	return poll(&poller, 1, wanted ? 10000 : 150) > 0 && recv(service, &byte, 1, MSG_DONTWAIT) == 1;
}

static void note_mac(const char *interface)
{
	run_on(HOST, "ip -o link show %s | sed 's/.*ether \\([^ ]*\\).*/\\1/' >/tmp/berth-test-mac.%d", interface,
	       (int) getpid());
}

// Loopback services of the host are not reached over interfaces that may route such packets.
static void test_loopback_services(void)
{
	static const struct {
		int machine;
		const char *bridge, *interface, *source;
	} from[] = {{A, "one", "eth0", "172.30.1.2"}, {OUTSIDE, "wire", "wire", "203.0.113.2"}};

	if (!machines_up())
		return;
	struct berth_firewall *firewall = start(false);
	berth_fd service = loopback_service();
	publish_both(firewall, "of-a", NULL, 8080, "172.30.1.2");
	// As Kubernetes does; for bridges on which something is published we do it ourselves.
	write_on(HOST, "/proc/sys/net/ipv4/conf/wire/route_localnet", "1");
	for (size_t i = 0; i < G_N_ELEMENTS(from); i++) {
		note_mac(from[i].bridge);
		g_assert_false(hears(service, from[i].machine, from[i].interface, from[i].source, false));
		g_assert_false(hears(service, from[i].machine, from[i].interface, "127.0.0.1", false));
	}
	g_assert_cmpstr(reach(HOST, IPPROTO_TCP, "127.0.0.1", 8080), ==, "a 172.30.1.1");
	run_on(HOST, "nft flush ruleset");
	for (size_t i = 0; i < G_N_ELEMENTS(from); i++) { // so they could be
		note_mac(from[i].bridge);
		g_assert_true(hears(service, from[i].machine, from[i].interface, from[i].source, true));
	}
	run_on(HOST, "rm /tmp/berth-test-mac.%d; test \"$(cat /proc/sys/net/ipv4/conf/two/route_localnet)\" = 0",
	       (int) getpid());
	berth_firewall_free(firewall, false);
	machines_down();
}

// A firewall that is loaded anew takes neither isolation nor the limits of a port published on 127.0.0.1 away.
static void test_reload(void)
{
	static const char *const reloads[] = {
		"nft flush ruleset",
		"nft flush ruleset; nft 'table inet firewalld { chain filter_FORWARD { type filter hook forward "
		"priority "
		"filter + 10; policy accept;\n}\n}'",
	};

	if (!machines_up())
		return;
	struct berth_firewall *firewall = start(false);
	struct pollfd poller = {.fd = berth_firewall_watch(firewall), .events = POLLIN};
	publish_both(firewall, "of-a", "127.0.0.1", 8080, "172.30.1.2");
	run_on(OUTSIDE, "ip route add 127.0.0.8/32 via 203.0.113.1 && sysctl -qw net.ipv4.conf.all.route_localnet=1");
	run_on(HOST, "sysctl -qw net.ipv4.conf.all.route_localnet=1");
	for (size_t i = 0; i <= G_N_ELEMENTS(reloads); i++) {
		g_assert_cmpstr(reach(HOST, IPPROTO_TCP, "127.0.0.1", 8080), ==, "a 172.30.1.1");
		g_assert_true(is_unreachable(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080));
		g_assert_true(is_unreachable(OUTSIDE, IPPROTO_TCP, "127.0.0.8", 80));
		g_assert_true(is_unreachable(OUTSIDE, IPPROTO_TCP, "172.30.1.2", 80));
		g_assert_true(is_unreachable(A, IPPROTO_TCP, "172.30.2.2", 80));
		if (i == G_N_ELEMENTS(reloads))
			break;
		run_on(HOST, "%s", reloads[i]);
		g_assert_cmpint(poll(&poller, 1, 10000), ==, 1);
		g_assert_true(berth_firewall_look(firewall, NULL));
	}
	berth_firewall_free(firewall, false);
	machines_down();
}

// What only passes through this host is not led to containers, whatever its port.
static void test_passing(void)
{
	if (!machines_up())
		return;
	struct berth_firewall *firewall = start(false);
	publish_both(firewall, "of-a", NULL, 90, "172.30.1.2");
	g_assert_cmpstr(reach(C, IPPROTO_TCP, "203.0.113.1", 90), ==, "a 172.30.2.2");
	g_assert_cmpstr(reach(C, IPPROTO_TCP, "203.0.113.2", 90), ==, "outside 203.0.113.1");
	g_assert_cmpstr(reach(C, IPPROTO_UDP, "203.0.113.2", 90), ==, "outside 203.0.113.1");
	g_assert_cmpstr(reach(HOST, IPPROTO_TCP, "203.0.113.2", 90), ==, "outside 203.0.113.1");
	berth_firewall_free(firewall, false);
	machines_down();
}

// A server that trusts 127.0.0.1 never sees it as the other side.
static void test_real_address(void)
{
	if (!machines_up())
		return;
	struct berth_firewall *firewall = start(false);
	publish_both(firewall, "of-a", NULL, 8080, "172.30.1.2");
	g_assert_cmpstr(reach(OUTSIDE, IPPROTO_TCP, "203.0.113.1", 8080), ==, "a 203.0.113.2");
	g_assert_cmpstr(reach(OUTSIDE, IPPROTO_UDP, "203.0.113.1", 8080), ==, "a 203.0.113.2");
	g_assert_cmpstr(reach(HOST, IPPROTO_TCP, "127.0.0.1", 8080), ==, "a 172.30.1.1");
	g_assert_cmpstr(reach(HOST, IPPROTO_UDP, "127.0.0.1", 8080), ==, "a 172.30.1.1");
	berth_firewall_free(firewall, false);
	machines_down();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/firewall-attacks/CVE-2025-52890 addresses of others", test_addresses);
	g_test_add_func("/firewall-attacks/CVE-2020-10749 CVE-2020-13401 routers and neighbours", test_discovery);
	g_test_add_func("/firewall-attacks/CVE-2025-52889 answers of DHCP", test_dhcp);
	g_test_add_func("/firewall-attacks/isolated containers", test_isolated);
	g_test_add_func("/firewall-attacks/CVE-2020-8558 loopback services", test_loopback_services);
	g_test_add_func("/firewall-attacks/CVE-2025-54388 CVE-2025-54410 rules are loaded anew", test_reload);
	g_test_add_func("/firewall-attacks/CVE-2025-67499 what passes through", test_passing);
	g_test_add_func("/firewall-attacks/CVE-2021-20199 the other side's address", test_real_address);
	return g_test_run();
}
