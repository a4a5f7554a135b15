// SPDX-License-Identifier: Apache-2.0
// Addresses: arithmetic on them, pools that subnets are taken from, and who has which address of a subnet. No I/O.
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct berth_address {
	int family; // AF_INET, AF_INET6
	uint8_t bytes[16]; // network order
};
struct berth_subnet {
	struct berth_address address; // host bits are 0
	unsigned length;
};

// "172.18.0.2". INVALID names the text.
bool berth_address_parse(const char *text, struct berth_address *ret, GError **error);
// "172.18.0.0/16"; host bits must be 0 unless `ret_host` (may be NULL) takes the address as it was written.
bool berth_subnet_parse(const char *text, struct berth_subnet *ret, struct berth_address *ret_host, GError **error);
bool berth_address_is_any(const struct berth_address *address); // 0.0.0.0 or ::
char *berth_address_text(const struct berth_address *address); // RFC 5952 for IPv6
char *berth_subnet_text(const struct berth_subnet *subnet);
bool berth_subnet_contains(const struct berth_subnet *subnet, const struct berth_address *address);
bool berth_subnet_overlap(const struct berth_subnet *a, const struct berth_subnet *b);

// Where subnets of networks come from, in this order. Built-in: 172.17.0.0/16 for the default bridge, then /24s of
// 172.18.0.0/15, 172.20.0.0/14, 172.24.0.0/13 and 192.168.128.0/17; for IPv6 /64s of a /48 under fd00::/8 made from the
// engine's id (RFC 4193). So there are thousands of networks, each of which has 253 addresses.
struct berth_pool {
	struct berth_subnet base;
	unsigned size; // prefix length of what is taken from it
};
bool berth_pool_parse(const char *text, struct berth_pool *ret, GError **error); // "base=172.18.0.0/15,size=24"

// The first subnet of the pools that overlaps none of `taken`. False: none is left (RESOURCE_EXHAUSTED, "could not find
// an available, non-overlapping IPv4 address pool among the defaults to assign to the network", with the remedy).
bool berth_pools_choose(const struct berth_pool *pools, size_t count, int family, const struct berth_subnet *taken,
			size_t taken_count, struct berth_subnet *ret, GError **error);

// Who has which address of one subnet. Addresses are given in turn, so that one just given back is not given at once to
// another.
struct berth_addresses;
// `range` (may be NULL) is a part of the subnet.
struct berth_addresses *berth_addresses_new(const struct berth_subnet *subnet, const struct berth_subnet *range);
void berth_addresses_free(struct berth_addresses *addresses);
bool berth_addresses_take(struct berth_addresses *addresses, const struct berth_address *address); // false: it is taken
bool berth_addresses_next(struct berth_addresses *addresses, struct berth_address *ret); // false: none is left
void berth_addresses_give_back(struct berth_addresses *addresses, const struct berth_address *address);
uint64_t berth_addresses_taken(const struct berth_addresses *addresses);

// "02:42:" and the four bytes of an IPv4 address, or for IPv6 02:42 and four bytes of a hash, as text; the caller
// frees.
char *berth_mac_of(const struct berth_address *address);
bool berth_mac_parse(const char *text, uint8_t ret[6], GError **error); // refuses multicast ones
