// SPDX-License-Identifier: Apache-2.0
#include "distribution/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

static const struct berth_network loopbacks[] = {
	{AF_INET, {127}, 8},
	{AF_INET6, {[15] = 1}, 128},
};

// Where the port begins (behind the colon), or NULL.
static const char *port_of(const char *authority)
{
	const char *bracket = strrchr(authority, ']');
	const char *colon = strrchr(bracket ? bracket : authority, ':');

	return colon ? colon + 1 : NULL;
}

// The host without port and brackets.
static char *host_of(const char *authority)
{
	const char *port = port_of(authority);
	size_t length = port ? (size_t) (port - 1 - authority) : strlen(authority);

	if (length >= 2 && authority[0] == '[' && authority[length - 1] == ']')
		return g_strndup(authority + 1, length - 2);
	return g_strndup(authority, length);
}

static bool is_port(const char *text)
{
	return g_ascii_string_to_unsigned(text, 10, 1, 65535, NULL, NULL);
}

static bool is_host(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!g_ascii_isalnum(*c) && *c != '.' && *c != '-' && *c != '_')
			return false;
	return *text && *text != '.' && *text != '-' && strlen(text) <= 253;
}

bool berth_authority_valid(const char *authority)
{
	const char *port = port_of(authority);
	g_autofree char *host = host_of(authority);
	unsigned char address[16];

	if (port && !is_port(port))
		return false;
	return authority[0] == '[' ? inet_pton(AF_INET6, host, address) == 1 : is_host(host);
}

bool berth_authority_has_port(const char *authority)
{
	return port_of(authority) != NULL;
}

static bool network_has(const struct berth_network *network, int family, const unsigned char *address)
{
	unsigned bytes = network->bits / 8, rest = network->bits % 8;
	unsigned char mask = (unsigned char) (0xff << (8 - rest));

	if (family != network->family || memcmp(network->address, address, bytes) != 0)
		return false;
	return rest == 0 || (network->address[bytes] & mask) == (address[bytes] & mask);
}

// The family, or 0 when it is no address.
static int parse_address(const char *text, unsigned char *ret)
{
	if (inet_pton(AF_INET, text, ret) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, ret) == 1 ? AF_INET6 : 0;
}

bool berth_authority_is_loopback(const char *authority)
{
	g_autofree char *host = host_of(authority);
	unsigned char address[16];
	int family = parse_address(host, address);

	for (size_t i = 0; family && i < G_N_ELEMENTS(loopbacks); i++)
		if (network_has(&loopbacks[i], family, address))
			return true;
	return g_ascii_strcasecmp(host, "localhost") == 0;
}

bool berth_network_parse(const char *text, struct berth_network *ret)
{
	const char *slash = strchr(text, '/');
	g_autofree char *address = slash ? g_strndup(text, (gsize) (slash - text)) : NULL;
	struct berth_network network = {0};
	guint64 bits;

	network.family = address ? parse_address(address, network.address) : 0;
	if (!network.family ||
	    !g_ascii_string_to_unsigned(slash + 1, 10, 0, network.family == AF_INET ? 32 : 128, &bits, NULL))
		return false;
	network.bits = (unsigned) bits;
	*ret = network;
	return true;
}

static bool in_any(GPtrArray *networks, int family, const unsigned char *address)
{
	for (guint i = 0; i < networks->len; i++)
		if (network_has(networks->pdata[i], family, address))
			return true;
	return false;
}

static bool socket_address_in(GPtrArray *networks, const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return in_any(networks, AF_INET, (const void *) &((const struct sockaddr_in *) address)->sin_addr);
	if (address->sa_family == AF_INET6)
		return in_any(networks, AF_INET6, (const void *) &((const struct sockaddr_in6 *) address)->sin6_addr);
	return false;
}

bool berth_authority_in(const char *authority, GPtrArray *networks)
{
	g_autofree char *host = host_of(authority);
	unsigned char address[16];
	int family = parse_address(host, address);
	struct addrinfo *found = NULL;
	bool in = false;

	if (family)
		return in_any(networks, family, address);
	if (getaddrinfo(host, NULL, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found) != 0)
		return false;
	for (const struct addrinfo *each = found; each && !in; each = each->ai_next)
		in = socket_address_in(networks, each->ai_addr);
	freeaddrinfo(found);
	return in;
}

bool berth_uri_is_http(GUri *uri)
{
	const char *scheme = g_uri_get_scheme(uri), *host = g_uri_get_host(uri);

	return (g_str_equal(scheme, "http") || g_str_equal(scheme, "https")) && host && *host;
}

char *berth_uri_authority(GUri *uri)
{
	g_autofree char *host = g_ascii_strdown(g_uri_get_host(uri), -1);
	int port = g_uri_get_port(uri), usual = g_str_equal(g_uri_get_scheme(uri), "https") ? 443 : 80;
	const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";

	if (port < 0 || port == usual)
		return g_strconcat(open, host, close, NULL);
	return g_strdup_printf("%s%s%s:%d", open, host, close, port);
}

char *berth_url_authority(const char *url)
{
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);

	return uri && berth_uri_is_http(uri) ? berth_uri_authority(uri) : g_strdup("");
}

bool berth_url_same_origin(const char *a, const char *b)
{
	g_autoptr(GUri) first = g_uri_parse(a, G_URI_FLAGS_ENCODED, NULL);
	g_autoptr(GUri) second = g_uri_parse(b, G_URI_FLAGS_ENCODED, NULL);

	if (!first || !second || !berth_uri_is_http(first) || !berth_uri_is_http(second))
		return false;
	g_autofree char *one = berth_uri_authority(first), *two = berth_uri_authority(second);
	return g_str_equal(g_uri_get_scheme(first), g_uri_get_scheme(second)) && g_str_equal(one, two);
}

char *berth_url_resolve(const char *base, const char *reference)
{
	g_autofree char *url = g_uri_resolve_relative(base, reference, G_URI_FLAGS_ENCODED, NULL);
	g_autoptr(GUri) uri = url ? g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL) : NULL;

	// What would be a user and a password for libcurl does not come from a registry.
	if (!uri || !berth_uri_is_http(uri) || g_uri_get_userinfo(uri))
		return NULL;
	return g_steal_pointer(&url);
}

struct berth_proxies {
	char *http, *https;
	char **excepted;
};

static char *from_environment(const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	const char *value = g_getenv(name);

	if (!value || !*value)
		value = g_getenv(lower);
	return value && *value ? g_strdup(value) : NULL;
}

struct berth_proxies *berth_proxies_new(void)
{
	struct berth_proxies *proxies = g_new0(struct berth_proxies, 1);
	g_autofree char *excepted = from_environment("NO_PROXY");

	proxies->http = from_environment("HTTP_PROXY");
	proxies->https = from_environment("HTTPS_PROXY");
	proxies->excepted = g_strsplit(excepted ? excepted : "", ",", -1);
	for (size_t i = 0; proxies->excepted[i]; i++)
		g_strstrip(proxies->excepted[i]);
	return proxies;
}

void berth_proxies_free(struct berth_proxies *proxies)
{
	if (!proxies)
		return;
	g_free(proxies->http);
	g_free(proxies->https);
	g_strfreev(proxies->excepted);
	g_free(proxies);
}

static bool name_matches(const char *host, const char *pattern)
{
	const char *bare = *pattern == '.' ? pattern + 1 : pattern;
	size_t length = strlen(host), suffix = strlen(bare);

	if (length == suffix)
		return *pattern != '.' && g_ascii_strcasecmp(host, bare) == 0;
	return length > suffix && host[length - suffix - 1] == '.' &&
	       g_ascii_strcasecmp(host + length - suffix, bare) == 0;
}

static bool is_excepted(const char *host, int port, const char *entry)
{
	struct berth_network network;
	unsigned char address[16];
	int family = parse_address(host, address);

	if (g_str_equal(entry, "*"))
		return true;
	if (!*entry)
		return false;
	if (berth_network_parse(entry, &network))
		return family && network_has(&network, family, address);
	if (parse_address(entry, network.address)) // an IPv6 address has colons
		return g_str_equal(host, entry);
	const char *entry_port = port_of(entry);
	g_autofree char *name = host_of(entry);
	if (entry_port && atoi(entry_port) != port)
		return false;
	return family ? g_str_equal(host, name) : name_matches(host, g_str_has_prefix(name, "*.") ? name + 1 : name);
}

const char *berth_proxies_find(const struct berth_proxies *proxies, const char *url)
{
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);

	if (!uri || !berth_uri_is_http(uri))
		return NULL;
	bool tls = g_str_equal(g_uri_get_scheme(uri), "https");
	int port = g_uri_get_port(uri);
	g_autofree char *authority = berth_uri_authority(uri), *host = host_of(authority);

	if (berth_authority_is_loopback(authority))
		return NULL;
	port = port < 0 ? (tls ? 443 : 80) : port;
	for (size_t i = 0; proxies->excepted[i]; i++)
		if (is_excepted(host, port, proxies->excepted[i]))
			return NULL;
	return tls ? proxies->https : proxies->http;
}
