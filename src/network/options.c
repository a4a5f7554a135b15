// SPDX-License-Identifier: Apache-2.0
// A network's driver options, as Docker reads them: what a driver does not know it ignores.
#include "network/network-internal.h"

#include "base/error.h"
#include "base/limits.h"

#include <string.h>
#include <sys/socket.h>

#define MTU "com.docker.network.driver.mtu"
#define PREFIX "com.docker.network.container_iface_prefix"
#define SMALLEST_MTU 68 // of IPv4 (RFC 791)
#define LARGEST_MTU 65535

const char *berth_network__option(const struct berth_network *network, const char *name)
{
	return network->options ? g_hash_table_lookup(network->options, name) : NULL;
}

// As Go's strconv.ParseBool does: -1 for what is neither.
static int parse_flag(const char *text)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False", NULL};

	return g_strv_contains(yes, text) ? 1 : g_strv_contains(no, text) ? 0 : -1;
}

bool berth_network__flag(const struct berth_network *network, const char *name, bool fallback)
{
	const char *text = berth_network__option(network, name);
	int value = text ? parse_flag(text) : -1;

	return value < 0 ? fallback : value;
}

bool berth_network__check_flag(const struct berth_network *network, const char *name, GError **error)
{
	const char *text = berth_network__option(network, name);

	return !text || parse_flag(text) >= 0 ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "failed to parse %s value: \"%s\": expected true or false",
			       name, text);
}

static bool parse_mtu(const char *text, guint64 *ret)
{
	return g_ascii_string_to_unsigned(text, 10, SMALLEST_MTU, LARGEST_MTU, ret, NULL);
}

uint32_t berth_network__mtu(const struct berth_network *network)
{
	const char *text = berth_network__option(network, MTU);
	guint64 mtu = 0;

	return text && parse_mtu(text, &mtu) ? (uint32_t) mtu : 0;
}

bool berth_network__check_common(const struct berth_network *network, GError **error)
{
	const char *mtu = berth_network__option(network, MTU), *prefix = berth_network__option(network, PREFIX);
	guint64 value;

	if (mtu && !parse_mtu(mtu, &value) && !g_str_equal(mtu, "0"))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "failed to parse " MTU " value: \"%s\": expected a number from %d to %d", mtu,
				       SMALLEST_MTU, LARGEST_MTU);
	// Two digits of its number come behind it.
	if (prefix && (!berth_link_name_valid(prefix) || strlen(prefix) > IFNAMSIZ - 3 || g_str_equal(prefix, "lo")))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       PREFIX ": \"%s\" cannot begin the name of a network interface", prefix);
	return true;
}

enum berth_gateway_mode berth_network__gateway_mode(const struct berth_network *network, int family)
{
	const char *text =
		berth_network__option(network, family == AF_INET ? "com.docker.network.bridge.gateway_mode_ipv4"
								 : "com.docker.network.bridge.gateway_mode_ipv6");

	if (!text || !g_str_equal(network->driver, "bridge"))
		return BERTH_GATEWAY_NAT;
	return g_str_equal(text, "routed")     ? BERTH_GATEWAY_ROUTED
	       : g_str_equal(text, "isolated") ? BERTH_GATEWAY_ISOLATED
					       : BERTH_GATEWAY_NAT;
}
