// SPDX-License-Identifier: Apache-2.0
// Results of ADD: https://www.cni.dev/docs/spec/, section 5. What is not in them for us is kept for the plugins.
#include "base/error.h"
#include "base/limits.h"
#include "network/cni.h"
#include "network/pools.h"

#include <string.h>
#include <sys/socket.h>

struct cni_interface {
	char *name, *mac, *sandbox;
};
static const struct berth_field interface_fields[] = {
	BERTH_STRING(struct cni_interface, name, "name", BERTH_REQUIRED),
	BERTH_STRING(struct cni_interface, mac, "mac", 0),
	BERTH_STRING(struct cni_interface, sandbox, "sandbox", 0),
	{0},
};
static const struct berth_document interface_document = {"interface", sizeof(struct cni_interface), interface_fields};

struct cni_address {
	char *address, *gateway;
	int64_t interface;
};
static const struct berth_field address_fields[] = {
	BERTH_STRING(struct cni_address, address, "address", BERTH_REQUIRED),
	BERTH_STRING(struct cni_address, gateway, "gateway", 0),
	BERTH_INT64_UNSET(struct cni_address, interface, "interface", 0),
	{0},
};
static const struct berth_document address_document = {"ip", sizeof(struct cni_address), address_fields};

struct cni_route {
	char *destination, *gateway;
};
static const struct berth_field route_fields[] = {
	BERTH_STRING(struct cni_route, destination, "dst", BERTH_REQUIRED),
	BERTH_STRING(struct cni_route, gateway, "gw", 0),
	{0},
};
static const struct berth_document route_document = {"route", sizeof(struct cni_route), route_fields};

struct cni_dns {
	char **servers, *domain, **search, **options;
};
static const struct berth_field dns_fields[] = {
	BERTH_STRINGS(struct cni_dns, servers, "nameservers", 0),
	BERTH_STRING(struct cni_dns, domain, "domain", 0),
	BERTH_STRINGS(struct cni_dns, search, "search", 0),
	BERTH_STRINGS(struct cni_dns, options, "options", 0),
	{0},
};
static const struct berth_document dns_document = {"dns", sizeof(struct cni_dns), dns_fields};

struct cni_result {
	char *version;
	GPtrArray *interfaces, *addresses, *routes;
	struct cni_dns *dns;
};
static const struct berth_field result_fields[] = {
	BERTH_STRING(struct cni_result, version, "cniVersion", 0),
	BERTH_OBJECTS(struct cni_result, interfaces, "interfaces", &interface_document, 0),
	BERTH_OBJECTS(struct cni_result, addresses, "ips", &address_document, 0),
	BERTH_OBJECTS(struct cni_result, routes, "routes", &route_document, 0),
	BERTH_OBJECT(struct cni_result, dns, "dns", &dns_document, 0),
	{0},
};
static const struct berth_document result_document = {"result", sizeof(struct cni_result), result_fields};
BERTH_DOCUMENT_AUTOPTR(cni_result, result_document)

static guint count_of(const GPtrArray *array)
{
	return array ? array->len : 0;
}

static bool check_address(const struct cni_result *result, const struct cni_address *address, GError **error)
{
	struct berth_subnet subnet;
	struct berth_address host;

	if (!berth_subnet_parse(address->address, &subnet, &host, error) ||
	    (address->gateway && !berth_address_parse(address->gateway, &host, error)))
		return false;
	if (address->interface != BERTH_UNSET &&
	    (address->interface < 0 || address->interface >= count_of(result->interfaces)))
		return berth_error_set(error, BERTH_ERROR_INVALID, "ip %s is of interface %" G_GINT64_FORMAT " of %u",
				       address->address, address->interface, count_of(result->interfaces));
	return true;
}

static bool check_route(const struct cni_route *route, GError **error)
{
	struct berth_subnet subnet;
	struct berth_address host;

	return berth_subnet_parse(route->destination, &subnet, &host, error) &&
	       (!route->gateway || berth_address_parse(route->gateway, &host, error));
}

// They go into the container's resolv.conf.
static bool check_words(char *const *words, GError **error)
{
	for (size_t i = 0; words && words[i]; i++) {
		size_t length = strlen(words[i]);
		bool plain = length > 0 && length <= BERTH_LIMIT_CNI_DNS_WORD && i < BERTH_LIMIT_CNI_DNS;
		for (size_t j = 0; plain && j < length; j++)
			plain = g_ascii_isgraph(words[i][j]);
		if (!plain)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "dns: a word is empty, longer than %d characters, not plain, or one of "
					       "more than %d",
					       BERTH_LIMIT_CNI_DNS_WORD, BERTH_LIMIT_CNI_DNS);
	}
	return true;
}

static bool check_dns(const struct cni_dns *dns, GError **error)
{
	char *const domain[] = {dns->domain, NULL};
	struct berth_address address;

	for (char **server = dns->servers; server && *server; server++)
		if (!berth_address_parse(*server, &address, error))
			return false;
	return check_words(dns->servers, error) && check_words(dns->search, error) &&
	       check_words(dns->options, error) && (!dns->domain || !*dns->domain || check_words(domain, error));
}

static bool check(const struct cni_result *result, const char *version, GError **error)
{
	if (result->version && !g_str_equal(result->version, version))
		return berth_error_set(error, BERTH_ERROR_INVALID, "it is of version %.40s, where %s was asked for",
				       result->version, version);
	if (count_of(result->interfaces) > BERTH_LIMIT_CNI_ADDRESSES ||
	    count_of(result->addresses) > BERTH_LIMIT_CNI_ADDRESSES ||
	    count_of(result->routes) > BERTH_LIMIT_CNI_ADDRESSES)
		return berth_error_set(error, BERTH_ERROR_INVALID, "it has more than %d interfaces, ips or routes",
				       BERTH_LIMIT_CNI_ADDRESSES);
	for (guint i = 0; i < count_of(result->addresses); i++)
		if (!check_address(result, result->addresses->pdata[i], error))
			return false;
	for (guint i = 0; i < count_of(result->routes); i++)
		if (!check_route(result->routes->pdata[i], error))
			return false;
	return !result->dns || check_dns(result->dns, error);
}

bool berth_cni_result_check(const json_t *result, const char *version, GError **error)
{
	g_autoptr(cni_result) parsed = berth_document_parse(&result_document, result, error);

	if (parsed && check(parsed, version, error))
		return true;
	g_prefix_error(error, "the result of CNI's ADD: ");
	return false;
}

static int family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

// The index of the container's own interface: the first in a namespace, of this name if there is one. -1: none is
// named.
static int64_t find_interface(const struct cni_result *result, const char *name)
{
	int64_t found = -1;

	for (guint i = 0; i < count_of(result->interfaces); i++) {
		const struct cni_interface *interface = result->interfaces->pdata[i];
		if (!interface->sandbox || !interface->sandbox[0])
			continue;
		if (g_strcmp0(interface->name, name) == 0)
			return i;
		found = found < 0 ? i : found;
	}
	return found;
}

static const struct cni_address *find_address(const struct cni_result *result, int64_t interface, int family)
{
	for (guint i = 0; i < count_of(result->addresses); i++) {
		const struct cni_address *address = result->addresses->pdata[i];
		bool ours = address->interface == BERTH_UNSET || interface < 0 || address->interface == interface;
		if (ours && family_of(address->address) == family)
			return address;
	}
	return NULL;
}

// The gateway of the default route, if the result has such a route; borrowed.
static const char *find_gateway(const struct cni_result *result, const struct cni_address *address, int family)
{
	for (guint i = 0; address && i < count_of(result->routes); i++) {
		const struct cni_route *route = result->routes->pdata[i];
		if (family_of(route->destination) == family && g_str_has_suffix(route->destination, "/0"))
			return route->gateway ? route->gateway : address->gateway;
	}
	return NULL;
}

static void set(char **member, const char *value)
{
	g_free(*member);
	*member = g_strdup(value);
}

static void set_list(char ***member, char *const *value)
{
	if (!value || !*value)
		return;
	g_strfreev(*member);
	*member = g_strdupv((char **) value);
}

// Without a list of domains the one that hosts are in is searched, as in resolv.conf(5).
static void apply_dns(const struct cni_dns *dns, struct berth_endpoint *endpoint)
{
	char *const domain[] = {dns->domain && *dns->domain ? dns->domain : NULL, NULL};

	set_list(&endpoint->dns_servers, dns->servers);
	set_list(&endpoint->dns_search, dns->search && *dns->search ? dns->search : domain);
	set_list(&endpoint->dns_options, dns->options);
}

void berth_cni_result_apply(const json_t *result, struct berth_endpoint *endpoint)
{
	g_autoptr(cni_result) parsed = berth_document_parse(&result_document, result, NULL);

	if (!parsed)
		return;
	int64_t index = find_interface(parsed, endpoint->interface);
	const struct cni_address *ipv4 = find_address(parsed, index, AF_INET);
	const struct cni_address *ipv6 = find_address(parsed, index, AF_INET6);
	const struct cni_interface *interface = index < 0 ? NULL : parsed->interfaces->pdata[index];
	set(&endpoint->ipv4, ipv4 ? ipv4->address : NULL);
	set(&endpoint->ipv6, ipv6 ? ipv6->address : NULL);
	set(&endpoint->gateway, find_gateway(parsed, ipv4, AF_INET));
	set(&endpoint->gateway6, find_gateway(parsed, ipv6, AF_INET6));
	if (interface && interface->mac && interface->mac[0])
		set(&endpoint->mac, interface->mac);
	if (parsed->dns)
		apply_dns(parsed->dns, endpoint);
}

json_t *berth_cni_result_moved(const json_t *result, const char *from, const char *to)
{
	json_t *moved = json_deep_copy(result);
	json_t *interface;
	size_t i;

	json_array_foreach(json_object_get(moved, "interfaces"), i,
			   interface) if (from && to &&
					  g_strcmp0(json_string_value(json_object_get(interface, "sandbox")), from) ==
						  0) json_object_set_new(interface, "sandbox", json_string(to));
	return moved;
}
