// SPDX-License-Identifier: Apache-2.0
// Tells the neighbours of an address that has come to another MAC: ARP's request for one's own address (RFC 5227), and
// neighbour discovery's advertisement that nobody asked for (RFC 4861, 7.2.6). They would find out, some seconds later.
#include "network/sandbox.h"

#include "base/error.h"
#include "base/fd.h"
#include "network/pools.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define MAC 6
#define ADVERTISEMENT 136 // of ICMPv6
#define OVERRIDE 0x20
#define TARGET_OPTION 2
#define HOPS 255

struct frame {
	uint8_t bytes[128];
	size_t length;
};

static void put(struct frame *frame, const void *data, size_t length)
{
	memcpy(frame->bytes + frame->length, data, length);
	frame->length += length;
}

static void put_ethernet(struct frame *frame, const uint8_t *to, const uint8_t *from, uint16_t type)
{
	uint16_t wire = htons(type);

	put(frame, to, MAC);
	put(frame, from, MAC);
	put(frame, &wire, sizeof wire);
}

static struct frame make_arp(const uint8_t *mac, const uint8_t *address)
{
	static const uint8_t all[MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nobody[MAC];
	static const uint8_t head[] = {0, 1, 8, 0, MAC, 4, 0, 1}; // Ethernet, IPv4, lengths, request
	struct frame frame = {.length = 0};

	put_ethernet(&frame, all, mac, ETHERTYPE_ARP);
	put(&frame, head, sizeof head);
	put(&frame, mac, MAC);
	put(&frame, address, 4);
	put(&frame, nobody, MAC);
	put(&frame, address, 4);
	return frame;
}

// The internet's checksum over the addresses, length and protocol of the header, and the message behind it.
static uint16_t checksum(const uint8_t *addresses, const uint8_t *message, size_t length)
{
	uint32_t sum = (uint32_t) length + IPPROTO_ICMPV6;

	for (size_t i = 0; i < 32; i += 2)
		sum += (uint32_t) addresses[i] << 8 | addresses[i + 1];
	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t) message[i] << 8 | message[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~sum);
}

static struct frame make_advertisement(const uint8_t *mac, const uint8_t *address)
{
	static const uint8_t all_mac[MAC] = {0x33, 0x33, 0, 0, 0, 1}, all[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t head[] = {0x60, 0, 0, 0, 0, 32, IPPROTO_ICMPV6, HOPS};
	static const uint8_t message[] = {ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0}, option[] = {TARGET_OPTION, 1};
	struct frame frame = {.length = 0};

	put_ethernet(&frame, all_mac, mac, ETHERTYPE_IPV6);
	put(&frame, head, sizeof head);
	put(&frame, address, 16);
	put(&frame, all, sizeof all);
	size_t start = frame.length;
	put(&frame, message, sizeof message);
	put(&frame, address, 16);
	put(&frame, option, sizeof option);
	put(&frame, mac, MAC);
	uint16_t sum = checksum(frame.bytes + start - 32, frame.bytes + start, frame.length - start);
	memcpy(frame.bytes + start + 2, &sum, sizeof sum);
	return frame;
}

struct work {
	const char *interface;
	struct berth_address addresses[2];
};

static bool announce(void *data, GError **error)
{
	const struct work *work = data;
	berth_fd fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = MAC};

	g_strlcpy(request.ifr_name, work->interface, sizeof request.ifr_name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return berth_error_set_errno(error, errno, "announce addresses of %s", work->interface);
	to.sll_ifindex = (int) if_nametoindex(work->interface);
	const uint8_t *mac = (const uint8_t *) request.ifr_hwaddr.sa_data;
	for (int i = 0; i < 2; i++) {
		const struct berth_address *address = &work->addresses[i];
		struct frame frame = address->family == AF_INET6 ? make_advertisement(mac, address->bytes)
								 : make_arp(mac, address->bytes);
		if (address->family)
			sendto(fd, frame.bytes, frame.length, 0, (struct sockaddr *) &to, sizeof to);
	}
	return true;
}

void berth_sandbox_announce(struct berth_sandbox *sandbox, const struct berth_endpoint *endpoint)
{
	const char *const texts[] = {endpoint->ipv4, endpoint->ipv6};
	struct work work = {.interface = endpoint->interface};

	for (int i = 0; i < 2; i++) {
		g_autofree char *bare = texts[i] ? g_strndup(texts[i], strcspn(texts[i], "/")) : NULL;
		if (bare && !berth_address_parse(bare, &work.addresses[i], NULL))
			work.addresses[i].family = 0;
	}
	if (work.interface && (work.addresses[0].family || work.addresses[1].family))
		berth_sandbox_run(sandbox, announce, &work, NULL);
}
