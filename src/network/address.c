// SPDX-License-Identifier: Apache-2.0
// Addresses, subnets and MAC addresses as text and as numbers.
#include "network/pools.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <string.h>

static unsigned bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

static bool parse(const char *text, struct berth_address *ret)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	*ret = (struct berth_address){.family = AF_INET};
	if (inet_pton(AF_INET, text, ret->bytes) == 1)
		return true;
	ret->family = AF_INET6;
	if (inet_pton(AF_INET6, text, ret->bytes) != 1)
		return false;
	if (memcmp(ret->bytes, mapped, sizeof mapped) == 0) { // it is an IPv4 address in another dress
		struct berth_address plain = {.family = AF_INET};
		memcpy(plain.bytes, ret->bytes + sizeof mapped, 4);
		*ret = plain;
	}
	return true;
}

bool berth_address_parse(const char *text, struct berth_address *ret, GError **error)
{
	return (text && parse(text, ret)) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid IP address: %s", text ? text : "");
}

// Whether bits were set behind the first `length`, which are cleared.
static bool clear_host_bits(struct berth_address *address, unsigned length)
{
	bool any = false;

	for (unsigned bit = length; bit < bits_of(address->family); bit++) {
		uint8_t mask = (uint8_t) (0x80 >> bit % 8);
		any = any || address->bytes[bit / 8] & mask;
		address->bytes[bit / 8] &= (uint8_t) ~mask;
	}
	return any;
}

bool berth_subnet_parse(const char *text, struct berth_subnet *ret, struct berth_address *ret_host, GError **error)
{
	const char *slash = text ? strchr(text, '/') : NULL;
	g_autofree char *address = slash ? g_strndup(text, (gsize) (slash - text)) : NULL;
	struct berth_address host;
	guint64 length;

	if (!slash || !parse(address, &host) ||
	    !g_ascii_string_to_unsigned(slash + 1, 10, 0, bits_of(host.family), &length, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid subnet %s: is not ADDRESS/LENGTH",
				       text ? text : "");
	*ret = (struct berth_subnet){host, (unsigned) length};
	if (clear_host_bits(&ret->address, ret->length) && !ret_host) {
		g_autofree char *right = berth_subnet_text(ret);
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid subnet %s: it should be %s", text, right);
	}
	if (ret_host)
		*ret_host = host;
	return true;
}

bool berth_address_is_any(const struct berth_address *address)
{
	static const uint8_t zeros[sizeof address->bytes];

	return memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

char *berth_address_text(const struct berth_address *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(address->family, address->bytes, text, sizeof text);
	return g_strdup(text);
}

char *berth_subnet_text(const struct berth_subnet *subnet)
{
	g_autofree char *address = berth_address_text(&subnet->address);

	return g_strdup_printf("%s/%u", address, subnet->length);
}

bool berth_subnet_contains(const struct berth_subnet *subnet, const struct berth_address *address)
{
	unsigned whole = subnet->length / 8, rest = subnet->length % 8;

	if (address->family != subnet->address.family || memcmp(address->bytes, subnet->address.bytes, whole) != 0)
		return false;
	return rest == 0 || ((address->bytes[whole] ^ subnet->address.bytes[whole]) >> (8 - rest)) == 0;
}

bool berth_subnet_overlap(const struct berth_subnet *a, const struct berth_subnet *b)
{
	return a->length <= b->length ? berth_subnet_contains(a, &b->address) : berth_subnet_contains(b, &a->address);
}

char *berth_mac_of(const struct berth_address *address)
{
	uint8_t tail[4];

	if (address->family == AF_INET) {
		memcpy(tail, address->bytes, sizeof tail);
	} else {
		uint32_t hash = 2166136261; // FNV-1a
		for (size_t i = 0; i < sizeof address->bytes; i++)
			hash = (hash ^ address->bytes[i]) * 16777619;
		hash = htonl(hash);
		memcpy(tail, &hash, sizeof tail);
	}
	return g_strdup_printf("02:42:%02x:%02x:%02x:%02x", tail[0], tail[1], tail[2], tail[3]);
}

static bool parse_mac(const char *text, uint8_t ret[6])
{
	char separator = text && strlen(text) == 17 ? text[2] : '\0';

	if (separator != ':' && separator != '-')
		return false;
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = g_ascii_xdigit_value(text[0]), low = g_ascii_xdigit_value(text[1]);
		if (high < 0 || low < 0 || text[2] != (i < 5 ? separator : '\0'))
			return false;
		ret[i] = (uint8_t) (high << 4 | low);
	}
	return true;
}

bool berth_mac_parse(const char *text, uint8_t ret[6], GError **error)
{
	static const uint8_t zero[6] = {0};

	if (!parse_mac(text, ret))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid MAC address: %s", text ? text : "");
	if (ret[0] & 1 || memcmp(ret, zero, sizeof zero) == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid MAC address: %s: is not of one interface",
				       text);
	return true;
}
