// SPDX-License-Identifier: Apache-2.0
// Pools that subnets are taken from, and who has which address of a subnet. Addresses are numbers of 128 bits here;
// IPv4's are in the low 32.
#include "network/pools.h"

#include "base/error.h"

#include <string.h>
#include <sys/socket.h>

typedef unsigned __int128 number;

static unsigned bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

static number number_of(const struct berth_address *address)
{
	number value = 0;

	for (unsigned i = 0; i < bits_of(address->family) / 8; i++)
		value = value << 8 | address->bytes[i];
	return value;
}

static struct berth_address address_of(int family, number value)
{
	struct berth_address address = {.family = family};

	for (unsigned i = bits_of(family) / 8; i-- > 0; value >>= 8)
		address.bytes[i] = (uint8_t) value;
	return address;
}

// The last address of it.
static number end_of(const struct berth_subnet *subnet)
{
	unsigned host = bits_of(subnet->address.family) - subnet->length;
	number mask = host == 128 ? ~(number) 0 : ((number) 1 << host) - 1;

	return number_of(&subnet->address) | mask;
}

// Pools

static bool pool_fits(const struct berth_pool *pool)
{
	return pool->size >= pool->base.length && pool->size <= bits_of(pool->base.address.family) - 2;
}

bool berth_pool_parse(const char *text, struct berth_pool *ret, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	const char *base = NULL, *size = NULL;
	guint64 length;

	for (char **part = parts; *part; part++)
		if (g_str_has_prefix(*part, "base=") && !base)
			base = *part + strlen("base=");
		else if (g_str_has_prefix(*part, "size=") && !size)
			size = *part + strlen("size=");
		else
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "address pool %s: \"%s\" is not understood: say base=SUBNET,size=LENGTH",
					       text, *part);
	if (!base || !size)
		return berth_error_set(error, BERTH_ERROR_INVALID, "address pool %s: say base=SUBNET,size=LENGTH",
				       text);
	if (!berth_subnet_parse(base, &ret->base, NULL, error)) {
		g_prefix_error(error, "address pool %s: ", text);
		return false;
	}
	if (g_ascii_string_to_unsigned(size, 10, 1, 128, &length, NULL)) {
		ret->size = (unsigned) length;
		if (pool_fits(ret))
			return true;
	}
	return berth_error_set(
		error, BERTH_ERROR_INVALID,
		"address pool %s: the size is the prefix length of one network: from the base's, %u, to %u", text,
		ret->base.length, bits_of(ret->base.address.family) - 2);
}

static const struct berth_subnet *overlapping(const struct berth_subnet *subnet, const struct berth_subnet *taken,
					      size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (berth_subnet_overlap(subnet, &taken[i]))
			return &taken[i];
	return NULL;
}

static bool choose_of(const struct berth_pool *pool, const struct berth_subnet *taken, size_t count,
		      struct berth_subnet *ret)
{
	number last = end_of(&pool->base);

	*ret = (struct berth_subnet){pool->base.address, pool->size};
	for (;;) {
		const struct berth_subnet *other = overlapping(ret, taken, count);
		if (!other)
			return true;
		// Subnets lie within each other or side by side: the next candidate is behind the larger of the two.
		number end = MAX(end_of(ret), end_of(other));
		if (end >= last)
			return false;
		ret->address = address_of(ret->address.family, end + 1);
	}
}

bool berth_pools_choose(const struct berth_pool *pools, size_t count, int family, const struct berth_subnet *taken,
			size_t taken_count, struct berth_subnet *ret, GError **error)
{
	for (size_t i = 0; i < count; i++)
		if (pools[i].base.address.family == family && choose_of(&pools[i], taken, taken_count, ret))
			return true;
	return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
			       "could not find an available, non-overlapping %s address pool among the defaults to "
			       "assign to the network: remove networks that are not used (network prune), name a "
			       "subnet (--subnet), or give the engine more pools (default-address-pools)",
			       family == AF_INET ? "IPv4" : "IPv6");
}

// Addresses

struct berth_addresses {
	struct berth_subnet subnet;
	number first, last; // that are given in turn
	number next;
	GHashTable *taken; // set of number
};

static guint hash(const void *key)
{
	number value;

	memcpy(&value, key, sizeof value);
	return (guint) (value ^ value >> 32 ^ value >> 64 ^ value >> 96);
}

static gboolean equal(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(number)) == 0;
}

// The subnet's own address and IPv4's broadcast, which no machine has. Subnets of one or two addresses have neither.
static bool is_reserved(const struct berth_subnet *subnet, number value)
{
	if (bits_of(subnet->address.family) - subnet->length < 2)
		return false;
	return value == number_of(&subnet->address) || (subnet->address.family == AF_INET && value == end_of(subnet));
}

struct berth_addresses *berth_addresses_new(const struct berth_subnet *subnet, const struct berth_subnet *range)
{
	struct berth_addresses *addresses = g_new0(struct berth_addresses, 1);
	const struct berth_subnet *from = range ? range : subnet;

	addresses->subnet = *subnet;
	addresses->first = MAX(number_of(&from->address), number_of(&subnet->address));
	addresses->last = MIN(end_of(from), end_of(subnet));
	addresses->first += is_reserved(subnet, addresses->first);
	addresses->last -= is_reserved(subnet, addresses->last);
	addresses->next = addresses->first;
	addresses->taken = g_hash_table_new_full(hash, equal, g_free, NULL);
	return addresses;
}

void berth_addresses_free(struct berth_addresses *addresses)
{
	if (!addresses)
		return;
	g_hash_table_unref(addresses->taken);
	g_free(addresses);
}

static bool take(struct berth_addresses *addresses, number value)
{
	if (g_hash_table_contains(addresses->taken, &value))
		return false;
	return g_hash_table_add(addresses->taken, g_memdup2(&value, sizeof value));
}

bool berth_addresses_take(struct berth_addresses *addresses, const struct berth_address *address)
{
	if (!berth_subnet_contains(&addresses->subnet, address))
		return false;
	number value = number_of(address);
	return !is_reserved(&addresses->subnet, value) && take(addresses, value);
}

bool berth_addresses_next(struct berth_addresses *addresses, struct berth_address *ret)
{
	// One more than are taken suffices to find a free one.
	uint64_t attempts = berth_addresses_taken(addresses) + 1;

	if (addresses->first > addresses->last)
		return false;
	if (attempts - 1 > addresses->last - addresses->first)
		attempts = (uint64_t) (addresses->last - addresses->first) + 1;
	while (attempts-- > 0) {
		number value = addresses->next;
		addresses->next = value == addresses->last ? addresses->first : value + 1;
		if (take(addresses, value)) {
			*ret = address_of(addresses->subnet.address.family, value);
			return true;
		}
	}
	return false;
}

void berth_addresses_give_back(struct berth_addresses *addresses, const struct berth_address *address)
{
	if (!berth_subnet_contains(&addresses->subnet, address))
		return;
	number value = number_of(address);
	g_hash_table_remove(addresses->taken, &value);
}

uint64_t berth_addresses_taken(const struct berth_addresses *addresses)
{
	return g_hash_table_size(addresses->taken);
}
